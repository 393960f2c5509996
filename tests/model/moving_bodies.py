"""Bodies that squat, raise their arms or bend: landmarks whose real features differ by class."""

import csv
import dataclasses
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from commands import run_command

from beam_jobs import windows
from model import config, dataset
from model.benchmark import cross_validation

LABELS = ("bend", "raise", "squat")
# Of images: x to the right, y down, from 0 to 1; what is not named lies between the shoulders, and shakes.
_PLACES = {
    **{11: (0.55, 0.35), 12: (0.45, 0.35), 13: (0.6, 0.45), 14: (0.4, 0.45), 15: (0.62, 0.55), 16: (0.38, 0.55)},
    **{23: (0.53, 0.6), 24: (0.47, 0.6), 25: (0.54, 0.75), 26: (0.46, 0.75), 27: (0.54, 0.9), 28: (0.46, 0.9)},
}
_ABOVE_KNEES = (*range(25),)


@dataclasses.dataclass(frozen=True)
class Body:
    """A clip of a person; `shown` is the movement where it is not the label's."""

    label: str
    group: str
    split: str = "train"
    shown: str = ""

    @property
    def video_id(self) -> str:
        return f"{self.group}_{self.label}"


# Some show another exercise than their label says, so that no model is right about all.
_WRONG = {("raise", 0): "squat", ("bend", 2): "raise", ("squat", 3): "bend"}
# Five people who do each exercise, two who stand still, and one who does an exercise that the others do not.
CLIPS = (
    *(
        Body(label, f"p{who}", "validation" if who == 4 else "train", _WRONG.get((label, who), ""))
        for who in range(5)
        for label in LABELS
    ),
    Body("none", "standing_1"),
    Body("none", "standing_2", "test"),
    Body("wave", "waving"),
)


def rows_of(body: Body, num_rows: int, rate_hz: float) -> np.ndarray:
    """Landmarks, float32, shape (T, 33, 3), at every 1 / rate_hz seconds; zeros in two rows without a person."""
    random = np.random.default_rng(sum(map(ord, body.video_id)))
    shown = body.shown or body.label
    rows = np.full((num_rows, 33, 3), (0.5, 0.3, 0.0))
    for landmark, place in _PLACES.items():
        rows[:, landmark, :2] = place
    seconds = np.arange(num_rows) / rate_hz
    up_and_down = (1 - np.cos(2 * np.pi * seconds / random.uniform(1, 1.5) + random.uniform(0, 6))) / 2
    if shown == "squat":
        rows[:, _ABOVE_KNEES, 1] += 0.12 * up_and_down[:, None]
    if shown in ("raise", "wave"):
        for wrist, elbow in ((15, 13), (16, 14))[: 1 if shown == "wave" else 2]:
            rows[:, wrist, 1] -= 0.4 * up_and_down
            rows[:, elbow, 1] -= 0.2 * up_and_down
    if shown == "bend":
        rows[:, range(23), 0] += 0.2 * up_and_down[:, None]
        rows[:, range(23), 1] += 0.1 * up_and_down[:, None]
    rows += random.normal(0, 0.01, (33, 3)) + random.normal(0, 0.006, rows.shape)
    rows[num_rows // 2 : num_rows // 2 + 2] = 0
    return rows.astype(np.float32)


def make_tables(folder: pathlib.Path) -> None:
    """Makes the folder `tables` in a new one: CLIPS, 3 s at 30 Hz each, by the real commands."""
    folder.mkdir()
    parts = {body.video_id: rows_of(body, 90, 30) for body in CLIPS}
    names = [f"{axis}_{index}" for index in range(33) for axis in "xyz"]
    columns = {
        "video_id": [name for name, rows in parts.items() for _ in rows],
        "frame_id": np.concatenate([np.arange(len(rows)) for rows in parts.values()]),
        **dict(zip(names, np.concatenate(list(parts.values())).reshape(-1, 99).T, strict=True)),
    }
    pq.write_table(pa.table(columns), folder / "landmarks.parquet")
    with open(folder / "labels.csv", "w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["video_id", "label", "group", "split"])
        lines.writerows([body.video_id, body.label, body.group, body.split] for body in CLIPS)
    tables = folder / "tables"
    source = ("--landmarks", folder / "landmarks.parquet", "--labels", folder / "labels.csv")
    assert run_command("beam_jobs", "import", *source, "--output", tables).returncode == 0
    assert run_command("beam_jobs", "features", "--input", tables, "--output", tables).returncode == 0


def labelled_set(
    bodies: tuple[Body, ...], labels: tuple[str, ...], seed: int = 0, num_rows: int = 40, rate_hz: float = 15
) -> cross_validation.LabelledWindows:
    """Clips without tables: real landmarks, and random numbers in place of features, some of them missing."""
    random = np.random.default_rng(seed)
    landmarks: list[np.ndarray] = []
    times: list[np.ndarray] = []
    clips: list[dataset.Clip] = []
    for number, body in enumerate(bodies):
        rows = rows_of(body, num_rows, rate_hz)
        rows[(rows == 0).all(axis=(1, 2))] = np.nan
        landmarks.append(rows)
        times.append(1000 * number + np.round(np.arange(num_rows) * 1000 / rate_hz).astype(np.int64))
        first = number * num_rows
        whose = (body.video_id, 0, body.label, body.group, body.split)
        clips.append(dataset.Clip(*whose, first_row=first, num_rows=num_rows, num_detected=num_rows - 2))
    stacked = np.concatenate(landmarks)
    detected = np.isfinite(stacked).all(axis=(1, 2))
    physical = random.normal(3, 2, (len(stacked), 189)).astype(np.float32)
    physical[random.random(physical.shape) < 0.1] = np.nan
    physical[~detected] = np.nan
    positions, clip_of = dataset.window_positions(clips, detected, windows.WindowRule(length=config.WINDOW_LENGTH))
    rows = np.where(np.isfinite(physical), physical, 0)
    data = dataset.Windows(tuple(clips), rows, np.arange(len(rows)), np.concatenate(times), positions, clip_of)
    return cross_validation.LabelledWindows(data, physical, stacked, labels, data.labels(labels))
