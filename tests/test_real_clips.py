"""The whole path on a handful of real clips, by the commands of the README."""

import csv
import json

import pyarrow.parquet as pq
import pytest
from commands import run_command

from beam_jobs import storage, tables

EXERCISES = ("squat", "push_up")
# One a group, so that each is somebody else: the shortest clips that last three seconds.
SPLITS = ("train", "train", "validation", "test")


@pytest.fixture(scope="module")
def manifest(shared_data, tmp_path_factory):
    with open(shared_data / "clips" / "labels.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["view"] == "A"]
    chosen = []
    for exercise in EXERCISES:
        by_length = sorted(rows, key=lambda row: int(row["frames"]) / float(row["fps"]))
        groups: set[str] = set()
        for row in by_length:
            long_enough = int(row["frames"]) / float(row["fps"]) >= 3
            if row["label"] == exercise and long_enough and row["group"] not in groups and len(groups) < len(SPLITS):
                path = shared_data / "clips" / row["video"]
                chosen.append((path, exercise, row["group"], SPLITS[len(groups)]))
                groups.add(row["group"])
    path = tmp_path_factory.mktemp("real") / "videos.csv"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([("video", "label", "group", "split"), *chosen])
    return path


def live_summary(bundle, video):
    """What live says at a video's end."""
    done = run_command("live", "--bundle", bundle, "--source", video, "--json", "--no_window", "--min_probability", "0")
    assert done.returncode == 0
    first, *_, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert set(first) >= {"timestamp_ms", "person", "exercise", "probability"}
    return last["summary"]


@pytest.mark.slow
def test_real_people_from_video_to_answer(manifest, pose_model_path):
    work = manifest.parent
    with open(manifest, newline="") as file:
        clips = list(csv.DictReader(file))
    assert len(clips) == len(EXERCISES) * len(SPLITS)
    for command in (
        ("beam_jobs", "extract", "--videos", manifest, "--output", work / "tables", "--max_failed_share", "0.3"),
        ("beam_jobs", "features", "--input", work / "tables", "--output", work / "tables"),
        ("model", "train", "--tables", work / "tables", "--output", work / "bundle"),
        ("model", "evaluate", "--bundle", work / "bundle", "--tables", work / "tables", "--output", work / "report"),
    ):
        assert run_command(*command).returncode == 0
    quality = storage.read_table(str(work / "tables"), tables.QUALITY).to_pylist()
    assert {row["video_id"]: row["label"] for row in quality} == {clip["video"]: clip["label"] for clip in clips}
    # Whole bodies of real people: MediaPipe sees them nearly all the time.
    assert min(row["detected_share"] for row in quality) > 0.5

    metrics = json.loads((work / "report" / "metrics.json").read_text())
    assert (metrics["split"], metrics["never_trained_on"]) == ("test", True)
    assert metrics["clips"]["num_clips"] == metrics["num_groups"] == len(EXERCISES)
    predictions = pq.read_table(work / "report" / "predictions.parquet").to_pandas()
    assert metrics["windows"]["num_windows"] == len(predictions)

    # Not a measure of accuracy (the README has those): with so few people to stop by, the best epoch is chance. But the
    # two exercises of the four people to train on can be distinguished.
    phase, *_ = json.loads((work / "bundle" / "bundle.json").read_text())["phases"]
    assert max(phase["curves"]["accuracy"]) > 0.8
    # Whatever live answers for people it never saw, it is what evaluate answered.
    for clip in clips:
        if clip["split"] != "test":
            continue
        summary = live_summary(work / "bundle", clip["video"])
        windows = predictions[predictions.video_id == clip["video"]]
        assert summary["num_predictions"] == len(windows) > 0
        means = windows[[f"probability_{label}" for label in metrics["labels"]]].mean().to_numpy()
        assert summary["exercise"] == metrics["labels"][means.argmax()]
        assert summary["probability"] == pytest.approx(means.max(), abs=1e-4)
        assert 0 < summary["probability"] <= 1
