"""Fine-tuning, measured: new exercises of real clips are added to a bundle, and other people are asked about.

Prints a Markdown table. Tables are those of labelled clips that the bundle has not seen, made with its transform graph:

    python -m beam_jobs extract --videos clips --labels clips/labels.csv --output tables
    python -m beam_jobs features --input tables --output tables --transform_fn live/default_bundle
    PYTHONPATH=. python tests/manual/bench_finetune.py --tables tables --learn row=anna,ben yoga=carla,dora,emil

Learned from are all clips of the exercise by the people named; measured are all clips of people whom neither the bundle
nor the fine-tuning has seen.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pyarrow.compute as pc

from beam_jobs import storage, tables
from beam_jobs.errors import UserError
from beam_jobs.labels import NO_EXERCISE
from model import bundle, config, dataset, finetune, transform_graph
from model.evaluation import metrics
from model.evaluation.evaluate import predict
from model.evaluation.predictions import group_hash
from model.training_data import TrainingInputs


def copy_clips(source: str, label: str, groups: list[str], folder: str) -> int:
    """Writes tables of some people's clips of one exercise; returns how many clips they are."""
    wanted = (pc.field("label") == label) & pc.field("group").isin(groups)
    for table in (tables.FINAL_FEATURES, tables.LANDMARKS):
        names = table.schema().names
        rows = storage.read_table(source, table, names, filter=wanted)
        metadata = storage.read_metadata(storage.table_files(source, table)[0])
        storage.write_table(storage.join(folder, table.name, "part-00000-of-00001.parquet"), table, rows, metadata)
    shutil.copytree(transform_graph.find_beside_tables(source), os.path.join(folder, "transform_fn"))
    return len(set(rows["video_id"].to_pylist()))


class Answers:
    """What a bundle calls windows and clips."""

    def __init__(self, path: str, data: dataset.Windows) -> None:
        loaded = bundle.load(path)
        probabilities = predict(loaded, data)
        clips = metrics.clip_probabilities(probabilities, data.clip, len(data.clips))
        self.windows = np.array(loaded.labels)[probabilities.argmax(axis=1)]
        self.clips = np.array(loaded.labels)[np.nan_to_num(clips).argmax(axis=1)]
        self.clips[np.isnan(clips[:, 0])] = ""
        self.truth = np.array([clip.label or "" for clip in data.clips])
        self.groups = np.array([clip.group for clip in data.clips])
        self.clip = data.clip

    def share(self, labels: list[str], without: list[str], called: str | None = None) -> str:
        """Of windows and clips with one of these labels by other people: those called so, or `called`."""
        clips = ~np.isin(self.groups, without) & np.isin(self.truth, labels) & (self.clips != "")
        windows = clips[self.clip]
        expected = self.truth if called is None else np.full(len(self.truth), called)
        right = (self.windows == expected[self.clip])[windows]
        return f"{right.mean():.1%} / {(self.clips == expected)[clips].sum()} of {clips.sum()}" if len(right) else "-"


HEADINGS = (
    *("new exercise", "learned from", "new: recognised", "known: right before", "known: right after"),
    *("known: called new", "none: called new", "minutes", "left out: recognised"),
)


def row_of(
    case: str, args: argparse.Namespace, data: dataset.Windows, before: Answers, settings: config.Config
) -> list:
    """Fine-tunes, asks, and returns a row of the table."""
    label, _, names = case.partition("=")
    groups = names.split(",")
    exercises = [known for known in bundle.read_metadata(args.bundle)["labels"] if known != NO_EXERCISE]
    with tempfile.TemporaryDirectory() as folder:
        own, tuned = os.path.join(folder, "tables"), os.path.join(folder, "bundle")
        row = [label, f"{copy_clips(args.tables, label, groups, own)} clips of {len(groups)} people"]
        started = time.monotonic()
        try:
            report = finetune.finetune(args.bundle, TrainingInputs(own, all_splits=True), tuned, settings)
        except UserError as error:
            return [*row, f"refused: {error}"]
        minutes = (time.monotonic() - started) / 60
        after, new = Answers(tuned, data), report.new[0]
        row += [after.share([label], groups), before.share(exercises, groups), after.share(exercises, groups)]
        row += [after.share(exercises, groups, label), after.share([NO_EXERCISE], groups, label), f"{minutes:.1f}"]
        return [*row, f"{new.num_recognised} of {len(new.left_out)}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", required=True)
    parser.add_argument("--bundle", default="live/default_bundle")
    parser.add_argument("--learn", nargs="+", required=True, metavar="EXERCISE=GROUP,GROUP")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    metadata = bundle.read_metadata(args.bundle)
    settings = config.from_dict({"seed": args.seed}, config.config_of_bundle(metadata, args.bundle))
    data = dataset.load(args.tables, None, settings.window)
    seen = set(metadata["trained_groups"])
    # Clips without a window of such people are left out, too.
    data = data.select(np.array([group_hash(data.clips[clip].group) not in seen for clip in data.clip]))
    before = Answers(args.bundle, data)
    print("Windows and clips of people whom neither the bundle nor the fine-tuning has seen.\n")
    print("|", " | ".join(HEADINGS), "|")
    print("|", " | ".join("---" for _ in HEADINGS), "|", flush=True)
    for case in args.learn:
        print("|", " | ".join(row_of(case, args, data, before, settings)), "|", flush=True)


if __name__ == "__main__":
    sys.exit(main())
