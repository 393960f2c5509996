"""Rehearsal clips: landmarks of synthetic athletes, kept in a bundle so that fine-tuning does not forget its classes.

They are of no real person. A bundle that was trained on synthetic athletes has some of them in `rehearsal.npz`.
"""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from beam_jobs import body, storage, windows
from beam_jobs import landmarks as names
from beam_jobs.errors import UserError
from beam_jobs.windows import WindowRule
from model import dataset

FILE = "rehearsal.npz"
CLIPS_PER_CLASS = 40
# Four seconds at 15 Hz; the features of one window come from 41 rows.
ROWS_PER_CLIP = 60
# Coordinates are kept as whole numbers of this share of a torso: two millimetres.
_TORSO_SHARE = 1 / 250
_ROWS_AT_ONCE = 4096


@dataclasses.dataclass(frozen=True)
class RehearsalClip:
    """A part of one synthetic athlete's clip.

    Attributes:
      label: what the athlete does.
      group: the same athlete.
      held_out: whether it is for measuring what was forgotten, and not learned from.
      landmarks: as the tables that it is from have them, float32, shape (T, 33, 3); NaN where no person was detected.
    """

    label: str
    group: str
    held_out: bool
    landmarks: np.ndarray


def choose_clips(
    data: dataset.Windows,
    landmarks: np.ndarray,
    clips_per_class: int = CLIPS_PER_CLASS,
    rows_per_clip: int = ROWS_PER_CLIP,
    seed: int = 0,
) -> list[RehearsalClip]:
    """Some clips of each class, cut to some seconds; a quarter of each class's athletes is held out.

    Args:
      data: windows of synthetic athletes; clips without a window are not chosen.
      landmarks: of its rows, float32, shape (R, 33, 3).
      clips_per_class: at most so many of each label.
      rows_per_clip: at most so many rows of each.
      seed: of the choice.
    """
    rng = np.random.default_rng(seed)
    with_window = np.unique(data.clip)
    groups = rng.permutation(sorted({data.clips[index].group for index in with_window}))
    held_out = set(groups[: len(groups) // 4])
    chosen: list[RehearsalClip] = []
    for label in sorted({data.clips[index].label or "" for index in with_window} - {""}):
        own = rng.permutation([index for index in with_window if data.clips[index].label == label])
        for index in own[:clips_per_class]:
            clip = data.clips[index]
            skipped = int(rng.integers(max(0, clip.num_rows - rows_per_clip) + 1))
            start = clip.first_row + skipped
            rows = landmarks[start : start + min(rows_per_clip, clip.num_rows)]
            chosen.append(RehearsalClip(label, clip.group, clip.group in held_out, rows))
    return chosen


def fewer(clips: Sequence[RehearsalClip], clips_per_class: int = CLIPS_PER_CLASS) -> list[RehearsalClip]:
    """The first clips of each class, cut to `ROWS_PER_CLIP` rows: what a bundle keeps."""
    kept: list[RehearsalClip] = []
    for label in sorted({clip.label for clip in clips}):
        own = [clip for clip in clips if clip.label == label][:clips_per_class]
        kept += [dataclasses.replace(clip, landmarks=clip.landmarks[:ROWS_PER_CLIP]) for clip in own]
    return kept


def save(folder: str, clips: Sequence[RehearsalClip]) -> None:
    """Writes the clips into a bundle's folder, local; about a megabyte for two hundred clips."""
    rows = np.concatenate([clip.landmarks for clip in clips])
    step = _TORSO_SHARE * float(np.nanmedian(body.torso_lengths(rows)))
    detected = np.isfinite(rows).all(axis=(1, 2))
    whole = np.rint(np.where(detected[:, None, None], rows, 0) / step).astype(np.int16)
    # From row to row little changes, and small numbers take less room.
    changes = np.diff(whole, axis=0, prepend=np.zeros_like(whole[:1]))
    np.savez_compressed(
        os.path.join(folder, FILE),
        # The rows of a landmark one after another, which compresses better.
        changes=np.ascontiguousarray(changes.reshape(len(rows), -1).T),
        step=np.float32(step),
        detected=detected,
        num_rows=np.array([len(clip.landmarks) for clip in clips], np.int32),
        label=np.array([clip.label for clip in clips]),
        group=np.array([clip.group for clip in clips]),
        held_out=np.array([clip.held_out for clip in clips]),
    )


def load(bundle_path: str) -> list[RehearsalClip]:
    """The rehearsal clips of a bundle, local or gs://; none where it keeps none.

    Raises:
      UserError: where the file is damaged.
    """
    path = storage.join(bundle_path, FILE)
    if not storage.exists(path):
        return []
    with storage.local_copy(path) as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                kept = {name: arrays[name] for name in arrays.files}
            whole = np.cumsum(kept["changes"].T.astype(np.int32), axis=0)
            rows = (whole * kept["step"]).astype(np.float32).reshape(-1, names.NUM_LANDMARKS, 3)
            rows[~kept["detected"]] = np.nan
            parts = np.split(rows, np.cumsum(kept["num_rows"])[:-1])
            described = zip(kept["label"], kept["group"], kept["held_out"], parts, strict=True)
            return [RehearsalClip(str(label), str(group), bool(out), part) for label, group, out, part in described]
        except (KeyError, ValueError, OSError, EOFError) as error:
            raise UserError(f"{path} is damaged ({error}); expected rehearsal clips. Copy the bundle again.") from None


def to_windows(
    clips: Sequence[RehearsalClip], transform, frame_rate_hz: float, rule: WindowRule
) -> tuple[dataset.Windows, np.ndarray]:
    """Windows of rehearsal clips, as `dataset.load` gives those of tables, and the landmarks of their rows.

    Args:
      clips: one or more.
      transform: a transform graph's `transform_fn`.
      frame_rate_hz: of the clips' rows.
      rule: which rows make a window.
    """
    described: list[dataset.Clip] = []
    rows: list[np.ndarray] = []
    frames: list[np.ndarray] = []
    times: list[np.ndarray] = []
    features: list[np.ndarray] = []
    for number, clip in enumerate(clips):
        num = len(clip.landmarks)
        detected = np.isfinite(clip.landmarks).all(axis=(1, 2))
        name, first = f"rehearsal/{number:05d}", sum(map(len, rows))
        split = "test" if clip.held_out else "train"
        described.append(dataset.Clip(name, 0, clip.label, clip.group, split, first, num, int(detected.sum())))
        rows.append(clip.landmarks)
        frames.append(np.arange(num))
        times.append(np.rint(frames[-1] * 1000 / frame_rate_hz).astype(np.int64))
        features.append(_features(clip.landmarks, times[-1], detected, transform))
    landmarks = np.concatenate(rows)
    positions, clip_of = dataset.window_positions(described, np.asarray(np.isfinite(landmarks).all(axis=(1, 2))), rule)
    data = dataset.Windows(
        clips=tuple(described),
        rows=np.concatenate(features),
        frame_id=np.concatenate(frames),
        timestamp_ms=np.concatenate(times),
        positions=positions,
        clip=clip_of,
    )
    return data, landmarks


def _features(rows: np.ndarray, times: np.ndarray, detected: np.ndarray, transform) -> np.ndarray:
    import tensorflow as tf

    history, history_times = windows.histories(rows, times)
    parts = []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        inputs = {"landmarks": tf.constant(history[part]), "timestamp_ms": tf.constant(history_times[part])}
        parts.append(transform(inputs)["final_features"].numpy())
    return np.where(detected[:, None], np.concatenate(parts), 0).astype(np.float32)
