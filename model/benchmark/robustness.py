"""What a fold's fits are also asked: degraded clips, as live meets them, and people who do none of the exercises."""

import dataclasses
import functools
from collections.abc import Callable, Mapping

import numpy as np

from beam_jobs import windows
from model import config, dataset, standing_still
from model.benchmark import corruptions, cross_validation

Change = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def _rows_only(change: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Change:
    return lambda rows, times, rng: (change(rows, rng), times)


# By the name of the table's row. Source rates are taken from tables of 30 Hz, all else from those of the bundle's rate.
RATES_HZ = (10, 15, 24, 30, 60)
CORRUPTIONS: dict[str, Change] = {
    **{
        f"missing {share:.0%}": _rows_only(
            functools.partial(lambda rows, rng, share: corruptions.drop_rows(rows, share, rng), share=share)
        )
        for share in (0.1, 0.2, 0.4)
    },
    **{
        f"noise {noise:g} torso": _rows_only(
            functools.partial(lambda rows, rng, noise: corruptions.add_noise(rows, noise, rng), noise=noise)
        )
        for noise in (0.02, 0.05, 0.1)
    },
    **{
        f"{part} {guess}": _rows_only(
            functools.partial(
                lambda rows, rng, part, guess: corruptions.hide(rows, part, rng, guess), part=part, guess=guess
            )
        )
        for part in ("lower_legs", "legs", "left_arm", "arms")
        for guess in corruptions.GUESSES
    },
    "mirrored": _rows_only(lambda rows, rng: corruptions.mirror(rows)),
}


def with_corruption(
    found: cross_validation.LabelledWindows, change: Change, rule: windows.WindowRule
) -> cross_validation.LabelledWindows:
    """The same clips, each changed, with their features computed and their windows cut anew."""
    parts, clips, times = [np.full((1, *found.landmarks.shape[1:]), np.nan, np.float32)], [], [np.array([-1])]
    physical = [np.full((1, found.physical.shape[1]), np.nan, np.float32)]
    first_row = 1
    for number, clip in enumerate(found.data.clips):
        own = slice(clip.first_row, clip.first_row + clip.num_rows)
        before = found.landmarks[own], found.data.timestamp_ms[own] - found.data.timestamp_ms[clip.first_row]
        rows, rows_ms = change(*before, np.random.default_rng(number))
        parts.append(rows.astype(np.float32))
        times.append(rows_ms)
        physical.append(_physical(rows, rows_ms))
        clips.append(dataclasses.replace(clip, first_row=first_row, num_rows=len(rows)))
        first_row += len(rows)
    landmarks = np.concatenate(parts)
    positions, clip_of = dataset.window_positions(clips, np.isfinite(landmarks).all(axis=(1, 2)), rule)
    all_physical = np.concatenate(physical)
    data = dataset.Windows(
        tuple(clips), np.zeros_like(all_physical), np.arange(len(landmarks)), np.concatenate(times), positions, clip_of
    )
    return cross_validation.LabelledWindows(data, all_physical, landmarks, found.labels, data.labels(found.labels))


def _physical(rows: np.ndarray, times: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    from beam_jobs import tables
    from beam_jobs.features.unscaled import physical_features

    history, history_ms = windows.histories(rows, times)
    found = physical_features(tf.constant(history), tf.constant(history_ms))
    return np.concatenate([found[table.name].numpy() for table in tables.UNSCALED_TABLES], axis=1)


def at_rate(
    native: cross_validation.LabelledWindows, rate_hz: float, rule: windows.WindowRule
) -> cross_validation.LabelledWindows:
    """Clips as a camera of that rate would have shown them, on the default sampling grid."""
    return with_corruption(native, lambda rows, times, _: corruptions.resample(rows, times, rate_hz), rule)


# Athletes who do none of the exercises: those that were drawn, and those that never were.
NO_EXERCISE_SETS = ("drawn idlers", "synthesized idlers")
# Probes that ask about people who do none of the exercises.
UNKNOWN_SETS = ("unknown exercises", "rests in clips", *NO_EXERCISE_SETS)


def all_of(
    clips: cross_validation.LabelledWindows,
    native: cross_validation.LabelledWindows | None,
    filmed: Mapping[str, cross_validation.LabelledWindows],
    idle: Mapping[str, cross_validation.LabelledWindows],
) -> dict[str, cross_validation.LabelledWindows]:
    """Every probe by its name.

    Args:
      clips: what is cross-validated.
      native: the same clips at 30 Hz; without them, no probe is of a source's rate.
      filmed: the same clips filmed otherwise, by what is other.
      idle: by one of IDLERS, athletes who do none of the exercises, none of them trained on.
    """
    rule = config.Config().window
    found = {name: with_corruption(clips, change, rule) for name, change in CORRUPTIONS.items()}
    if native is not None:
        found |= {f"source {rate} fps": at_rate(native, rate, rule) for rate in RATES_HZ}
    return {**found, **filmed, "unknown exercises": clips, "rests in clips": clips, **idle}


def windows_to_test(
    name: str,
    probe: cross_validation.LabelledWindows,
    clips: cross_validation.LabelledWindows,
    fold: np.ndarray,
    number: int,
) -> np.ndarray:
    """Which of a probe's windows the fits of a fold are asked about: those of clips tested there, and all unknown ones.

    Rests are those windows of clips tested there in which somebody stands still.

    Args:
      name: of the probe.
      probe: its clips.
      clips: what is cross-validated.
      fold: of each of its windows.
      number: the fold.
    """
    if name == "unknown exercises":
        labelled = np.array([clip.label is not None for clip in probe.data.clips])
        return np.flatnonzero((probe.truth < 0) & labelled[probe.data.clip])
    if name == "rests in clips":
        tested_there = np.flatnonzero((fold == number) & (probe.truth >= 0))
        return tested_there[standing_still.standing_still(probe.landmarks, probe.data.positions[tested_there])]
    if name in NO_EXERCISE_SETS:
        return np.arange(len(probe.truth))
    tested = {clips.data.clips[index].video_id for index in np.unique(clips.data.clip[fold == number])}
    of_clip = np.array([clip.video_id in tested for clip in probe.data.clips])
    return np.flatnonzero(of_clip[probe.data.clip] & (probe.truth >= 0))
