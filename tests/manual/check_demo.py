"""The end of `make demo`: says how the test clips and a new athlete were answered, and fails below 95 %."""

import json
import pathlib
import sys

MIN_ACCURACY = 0.95


def main(folder: pathlib.Path, truth: str) -> int:
    """Reads the report and the live answer in the demo's folder."""
    clips = json.loads((folder / "report" / "metrics.json").read_text())["clips"]
    summary = json.loads((folder / "unseen" / "answer.jsonl").read_text().splitlines()[-1])["summary"]
    num_right = round(clips["accuracy"] * clips["num_clips"])
    print(f"\nTest clips right: {num_right} of {clips['num_clips']}, of {clips['num_groups']} new people.")
    print(f"A new athlete does: {truth}. Live says: {summary['exercise']} ({summary['probability']:.0%}).")
    print(f"The report: {folder}/report/report.html. The annotated clip: {folder}/unseen/answer.mp4")
    return int(clips["accuracy"] < MIN_ACCURACY or summary["exercise"] != truth)


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2]))
