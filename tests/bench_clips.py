"""How well bundles recognise people they never saw: grouped cross-validation over labelled videos, by the commands.

    PYTHONPATH=. .venv/bin/python tests/bench_clips.py VIDEOS LABELS WORK [--folds 5] [--network tcn]

Every clip is tested once, by a bundle that was trained without anybody of its group: for each fold one fold is the test
split, the next one the validation split, the rest trains. Exercises with fewer than four clips are left out. Landmarks
are extracted once, into WORK/tables; the transform graph is fitted anew on each fold's train split. Finished folds are
kept, so that an interrupted run goes on.
"""

import argparse
import csv
import json
import pathlib
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
from sklearn.model_selection import StratifiedGroupKFold

from beam_jobs import labels as labels_module
from model import metrics

MIN_CLIPS = 4


def run(*args: object) -> None:
    """Runs `python -m …` and stops where it fails."""
    print("$ python -m", *args, flush=True)
    subprocess.run([sys.executable, "-m", *map(str, args)], check=True)


def write_folds(labels_path: str, num_folds: int, work: pathlib.Path) -> list[pathlib.Path]:
    """Writes a labels.csv a fold; the exercises that are left out have no label there and are in the test split."""
    known = labels_module.read_labels(labels_path)
    counts = {label: sum(k.label == label for k in known.values()) for label in {k.label for k in known.values()}}
    videos = [video for video, k in known.items() if k.label and counts[k.label] >= MIN_CLIPS]
    groups = [known[video].group for video in videos]
    splitter = StratifiedGroupKFold(num_folds, shuffle=True, random_state=0)
    fold_of_group = {}
    for fold, (_, tested) in enumerate(splitter.split(videos, [known[video].label for video in videos], groups)):
        fold_of_group.update({groups[index]: fold for index in tested})
    paths = []
    for fold in range(num_folds):
        names = {fold: "test", (fold + 1) % num_folds: "validation"}
        path = work / f"labels_{fold}.csv"
        with open(path, "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("video", "label", "group", "split"))
            for video, k in known.items():
                split = names.get(fold_of_group[k.group], "train") if k.group in fold_of_group else "test"
                rows.writerow((video, k.label if video in videos else "", k.group, split))
        paths.append(path)
    return paths


def main() -> None:
    """Prints a Markdown table of figures and of each exercise's recall."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos")
    parser.add_argument("labels")
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--network", default="tcn")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    folds = write_folds(args.labels, args.folds, args.work)
    probabilities, truth, clips, clip_truth, minutes = [], [], [], [], 0.0
    names: list[str] = []
    for fold, labels in enumerate(folds):
        at = args.work / f"{args.network}_{fold}"
        if not (at / "report" / "metrics.json").exists():
            tables = args.work / "tables"
            extract = ("extract", "--videos", args.videos, "--labels", labels, "--output", tables)
            run("beam_jobs", *extract, "--max_failed_share", 0.2)
            run("beam_jobs", "features", "--input", tables, "--output", at / "tables")
            started = time.monotonic()
            run("model", "train", "--tables", at / "tables", "--output", at / "bundle", "--network", args.network)
            (at / "minutes.json").write_text(json.dumps((time.monotonic() - started) / 60))
            run("model", "evaluate", "--bundle", at / "bundle", "--tables", at / "tables", "--output", at / "report")
        minutes += json.loads((at / "minutes.json").read_text())
        found_names = json.loads((at / "bundle" / "bundle.json").read_text())["labels"]
        if names and found_names != names:
            raise SystemExit(f"fold {fold} knows {found_names}; the folds before know {names}. Give more clips.")
        names = found_names
        found = pq.read_table(at / "report" / "predictions.parquet").to_pandas()
        found = found[found["label"].isin(names)]
        tested = [v for v, k in labels_module.read_labels(str(labels)).items() if k.split == "test" and k.label]
        of_label = labels_module.read_labels(str(labels))
        number = {video: index for index, video in enumerate(tested)}
        rows = found[[f"probability_{name}" for name in names]].to_numpy()
        probabilities.append(rows)
        truth.append(np.array([names.index(label) for label in found["label"]]))
        clips.append(metrics.clip_probabilities(rows, found["video_id"].map(number).to_numpy(), len(tested)))
        clip_truth.append(np.array([names.index(str(of_label[video].label)) for video in tested]))
    windows = metrics.window_figures(np.concatenate(probabilities), np.concatenate(truth))
    whole = metrics.clip_figures(np.concatenate(clips), np.concatenate(clip_truth))
    answers, all_truth = metrics.clip_answers(np.concatenate(clips)), np.concatenate(clip_truth)
    print("\n|  | count | accuracy | macro F1 | negative log likelihood | calibration error |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, count, of in (("windows", windows["num_windows"], windows), ("clips", whole["num_clips"], whole)):
        ece = "–" if of["ece"] is None else f"{of['ece']:.3f}"
        print(f"| {name} | {count} | {of['accuracy']:.1%} | {of['macro_f1']:.3f} | {of['nll']:.2f} | {ece} |")
    first = labels_module.read_labels(str(folds[0])).values()
    num_groups = len({known.group for known in first if known.label})
    print(f"\n{num_groups} groups; {whole['num_unanswered']} clips without an answer count as wrong;", end=" ")
    print(f"{minutes:.0f} minutes of training.\n")
    print("Clips right:", end=" ")
    print(
        ", ".join(
            f"{name} {int((answers[all_truth == index] == index).sum())}/{int((all_truth == index).sum())}"
            for index, name in enumerate(names)
        )
    )


if __name__ == "__main__":
    main()
