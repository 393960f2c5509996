"""Live, frame by frame, computes what the batch jobs wrote: features, windows, probabilities, the clip's answer.

Live runs the bundle's exported file (LiteRT), the jobs and `evaluate` run its SavedModels (TensorFlow). Tolerance: 1e-4
for features, in standard deviations, and 1e-5 for probabilities.
"""

import dataclasses
import pathlib
import shutil

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import videos
from commands import run_command

from beam_jobs import storage, tables, windows
from beam_jobs.pose import estimator
from live import camera, recognizer
from model import bundle as bundles
from model import exported_bundle

# Features of one window are computed at once, in float32: seven millionths is the most that was seen.
TOLERANCE, FEATURE_TOLERANCE = 1e-5, 1e-4
# Real ones, short, of several rates and sizes.
REAL_CLIPS = ("squat/squat_11.mp4", "push_up/push_up_14.mp4", "lunge/lunge_04.mp4")
MADE_CLIPS = ("whole.mp4", "gaps.mkv", "variable.mp4", "turned.mp4", "short.mp4")


@dataclasses.dataclass(frozen=True)
class Run:
    """The folders of one run of all commands over videos that the bundle has never seen."""

    videos: pathlib.Path
    tables: pathlib.Path
    report: pathlib.Path


def frames_of(path: pathlib.Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    return [capture.retrieve()[1] for _ in iter(capture.grab, False)]


@pytest.fixture(scope="module")
def run(athlete_videos, athlete_bundle, tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("batch")
    source = folder / "videos"
    source.mkdir()
    clip = sorted(athlete_videos.rglob("squat*.mp4"))[0]
    shutil.copy(clip, source / "whole.mp4")
    frames = frames_of(clip)[:110]
    empty = np.full_like(frames[0], 128)
    # Nobody at first, and again for a second in the middle.
    gaps = [empty] * 9 + frames[:50] + [empty] * 30 + frames[50:]
    videos.write(source / "gaps.mkv", gaps, 30)
    rng = np.random.default_rng(1)
    times_ms = np.cumsum(rng.choice([17, 33, 34, 50, 120], len(frames))).tolist()
    videos.write(source / "variable.mp4", frames, timestamps_ms=times_ms)
    stored = [np.ascontiguousarray(np.rot90(frame, -1)) for frame in frames[:80]]
    videos.rotate(videos.write(folder / "stored.mp4", stored, 24), source / "turned.mp4", 90)
    # Too short for a window: 9 rows.
    videos.write(source / "short.mp4", frames[:17], 30)
    real = pathlib.Path(__file__).parents[2] / "shared" / "data" / "clips"
    for name in REAL_CLIPS if real.is_dir() else ():
        (source / name).parent.mkdir(exist_ok=True)
        shutil.copy(real / name, source / name)

    labels = [f"{name},squat" for name in MADE_CLIPS] + [f"{name},{name.split('/')[0]}" for name in REAL_CLIPS]
    (source / "labels.csv").write_text("\n".join(["video,label", *labels]) + "\n")
    output = folder / "tables"
    extract = ("--videos", source, "--labels", source / "labels.csv", "--output", output)
    assert run_command("beam_jobs", "extract", *extract).returncode == 0
    features = ("--input", output, "--output", output, "--transform_fn", athlete_bundle)
    assert run_command("beam_jobs", "features", *features).returncode == 0
    evaluate = ("--bundle", athlete_bundle, "--tables", output, "--output", folder / "report", "--split", "all")
    assert run_command("model", "evaluate", *evaluate).returncode == 0
    return Run(source, output, folder / "report")


@pytest.fixture(scope="module")
def bundle(athlete_bundle) -> exported_bundle.ExportedBundle:
    return exported_bundle.load(str(athlete_bundle))


def feature_error(rows: list[recognizer.Recognition], features: np.ndarray) -> float:
    """The largest difference of the features in all windows of `rows` from those of the rows in a table, (T, 189)."""
    padded = np.concatenate([np.zeros((33, features.shape[1])), features])
    asked = [(index, row.features) for index, row in enumerate(rows) if row.features is not None]
    return max((float(np.abs(window - padded[index : index + 34]).max()) for index, window in asked), default=0.0)


def live_rows(bundle, path, pose_model_path):
    """(frame_id, recognition) of each sampled frame, and the summary, as `python -m live` gets them."""
    source = camera.open_source(str(path), windows.SamplingGrid(bundle.frame_rate_hz))
    with recognizer.Recognizer(bundle, pose_model_path, min_probability=0) as recognizing:
        rows = [(frame.frame_id, recognizing.update(frame.image, frame.timestamp_ms)) for frame in source]
        return rows, recognizing.summary()


def compare(bundle, path, video_id, batch_tables, report, pose_model_path):
    """Checks one video; returns the largest differences of features and probabilities."""
    rows, summary = live_rows(bundle, path, pose_model_path)

    table = storage.read_table(str(batch_tables), tables.FINAL_FEATURES).to_pandas()
    table = table[table.video_id == video_id]
    assert [frame_id for frame_id, _ in rows] == table.frame_id.tolist()
    assert [row.timestamp_ms for _, row in rows] == table.timestamp_ms.tolist()
    assert [row.pose.detected for _, row in rows] == table.detected.tolist()
    theirs = np.where(table.detected.to_numpy()[:, None], table[list(tables.FEATURE_NAMES)].to_numpy(), 0)
    error = feature_error([row for _, row in rows], theirs)
    assert error < FEATURE_TOLERANCE

    predictions = pq.read_table(report / "predictions.parquet").to_pandas()
    predictions = predictions[predictions.video_id == video_id]
    answers = [(frame_id, row) for frame_id, row in rows if row.due and row.probabilities is not None]
    assert [frame_id for frame_id, _ in answers] == predictions.frame_id.tolist()
    assert summary.num_predictions == len(predictions)
    if not answers:
        assert summary.exercise is None
        return error, 0.0
    theirs = predictions[[f"probability_{label}" for label in bundle.labels]].to_numpy()
    probability_error = np.abs(np.stack([row.probabilities for _, row in answers]) - theirs).max()
    assert probability_error < TOLERANCE
    mean = theirs.mean(axis=0)
    assert summary.exercise == bundle.labels[int(mean.argmax())]
    assert summary.probability == pytest.approx(mean.max(), abs=TOLERANCE)
    return error, probability_error


@pytest.mark.parametrize("name", [*MADE_CLIPS, *REAL_CLIPS])
def test_a_clip_frame_by_frame(bundle, run, name, pose_model_path, request):
    if name in REAL_CLIPS:
        request.getfixturevalue("shared_data")
    errors = compare(bundle, run.videos / name, name, run.tables, run.report, pose_model_path)
    print(f"{name}: features differ by {errors[0]:.2g}, probabilities by {errors[1]:.2g}")


def test_the_made_clips_are_what_they_are_for(run):
    """Guards the test above: gaps have gaps, and so on."""
    table = storage.read_table(str(run.tables), tables.FINAL_FEATURES).to_pandas()
    detected = {name: table[table.video_id == name].detected.to_numpy() for name in MADE_CLIPS}
    assert not detected["gaps.mkv"][0] and not detected["gaps.mkv"][-40:].all() and detected["gaps.mkv"].mean() > 0.5
    assert detected["whole.mp4"].mean() > 0.9
    assert detected["turned.mp4"].mean() > 0.9
    steps = np.diff(table[table.video_id == "variable.mp4"].timestamp_ms)
    assert steps.max() > 1.5 * steps.min()
    predictions = pq.read_table(run.report / "predictions.parquet").to_pandas()
    counts = predictions.video_id.value_counts()
    assert "short.mp4" not in counts and all(counts[name] > 5 for name in MADE_CLIPS if name != "short.mp4")


def test_the_tables_that_the_bundle_was_fitted_on(bundle, athlete_videos, athlete_tables, pose_model_path):
    """Where the graph was analysed and applied in one job, live computes the same features too."""
    table = storage.read_table(str(athlete_tables), tables.FINAL_FEATURES).to_pandas()
    video_id = sorted(table.video_id.unique())[0]
    rows, _ = live_rows(bundle, athlete_videos / video_id, pose_model_path)
    table = table[table.video_id == video_id]
    theirs = np.where(table.detected.to_numpy()[:, None], table[list(tables.FEATURE_NAMES)].to_numpy(), 0)
    assert sum(row.features is not None for _, row in rows) > 5
    assert feature_error([row for _, row in rows], theirs) < FEATURE_TOLERANCE


@pytest.mark.parametrize("seed", [0, 1])
def test_random_landmarks(bundle, athlete_bundle, seed, pose_model_path):
    """Seeded random poses with random gaps and times: row by row equals all rows at once, as `evaluate` has them."""
    batch_bundle = bundles.load(str(athlete_bundle))
    rng = np.random.default_rng(seed)
    num = 90
    world = (rng.normal(0, 0.3, (1, 33, 3)) + rng.normal(0, 0.05, (num, 33, 3)).cumsum(0)).astype(np.float32)
    detected = rng.random(num) > 0.2
    world[~detected] = np.nan
    times = np.cumsum(rng.integers(30, 200, num)).astype(np.int64)

    history, history_ms = windows.histories(world, times, batch_bundle.history_length)
    batch = batch_bundle.features(history, history_ms)
    ends, batch_windows = zip(*windows.windows(zip(batch, detected, strict=True), bundle.rule), strict=True)
    probabilities = batch_bundle.probabilities(np.stack(batch_windows))

    ones = np.ones(33, np.float32)
    with recognizer.Recognizer(bundle, pose_model_path, min_probability=0) as recognizing:
        live = [
            recognizing.update_pose(estimator.Pose(row, row, ones, ones), int(ms))
            for row, ms in zip(world, times, strict=True)
        ]
    assert feature_error(live, np.where(detected[:, None], batch, 0)) < FEATURE_TOLERANCE
    answers = {index: r.probabilities for index, r in enumerate(live) if r.due and r.probabilities is not None}
    assert list(answers) == list(ends)
    np.testing.assert_allclose(list(answers.values()), probabilities, atol=TOLERANCE)
