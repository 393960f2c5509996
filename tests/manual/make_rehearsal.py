"""Puts rehearsal clips into a bundle: some of the synthetic athletes of tables made with its transform graph."""

import argparse

from model import bundle, clip_rows, config, dataset, rehearsal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", required=True)
    parser.add_argument("--synthetic_tables", required=True)
    args = parser.parse_args()
    rule = config.config_of_bundle(bundle.read_metadata(args.bundle), args.bundle).window
    data = dataset.load(args.synthetic_tables, None, rule)
    clips = rehearsal.choose_clips(data, clip_rows.load_landmarks(args.synthetic_tables, data))
    rehearsal.save(args.bundle, clips)
    print(f"{len(clips)} clips -> {args.bundle}/{rehearsal.FILE}")


if __name__ == "__main__":
    main()
