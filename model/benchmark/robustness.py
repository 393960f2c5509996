"""Further tests of an experiment: corrupted clips, as live meets them, and people who do none of the exercises."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from beam_jobs import windows
from model import config, dataset, standing_still
from model.benchmark import corruptions, cross_validation

# From a clip's landmarks (T, 33, 3), timestamps (T,) and a random generator to other landmarks and timestamps.
Corruption = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def _missing_rows(fraction: float) -> Corruption:
    return lambda rows, timestamps_ms, rng: (corruptions.drop_rows(rows, fraction, rng), timestamps_ms)


def _noise(torso_lengths: float) -> Corruption:
    return lambda rows, timestamps_ms, rng: (corruptions.add_noise(rows, torso_lengths, rng), timestamps_ms)


def _hidden(part: str, guess: str) -> Corruption:
    return lambda rows, timestamps_ms, rng: (corruptions.hide(rows, part, rng, guess), timestamps_ms)


def _mirrored(rows: np.ndarray, timestamps_ms: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    del rng
    return corruptions.mirror(rows), timestamps_ms


# By name, as results.json has it.
CORRUPTIONS: dict[str, Corruption] = {
    **{f"missing_rows/{fraction:g}": _missing_rows(fraction) for fraction in (0.1, 0.2, 0.4)},
    **{f"noise/{torso_lengths:g}_torso": _noise(torso_lengths) for torso_lengths in (0.02, 0.05, 0.1)},
    **{
        f"hidden_{part}/{guess}": _hidden(part, guess)
        for part in ("lower_legs", "legs", "left_arm", "arms")
        for guess in corruptions.GUESSES
    },
    "mirrored": _mirrored,
}
# Frame rates of a camera, taken from tables of 30 Hz; all else is from tables of the bundle's rate.
SOURCE_RATES_HZ = (10, 15, 24, 30, 60)
# Windows that show none of the exercises: of clips with another label, of people who stand still in a clip, and of
# drawn and synthetic athletes.
UNKNOWN_EXERCISES, STANDING_STILL = "unknown_exercises", "standing_still"
DRAWN_ATHLETES, SYNTHETIC_ATHLETES = "drawn_athletes", "synthetic_athletes"
ATHLETE_SETS = (DRAWN_ATHLETES, SYNTHETIC_ATHLETES)
UNKNOWN_SETS = (UNKNOWN_EXERCISES, STANDING_STILL, *ATHLETE_SETS)


def with_corruption(
    labelled: cross_validation.LabelledWindows, corruption: Corruption, rule: windows.WindowRule
) -> cross_validation.LabelledWindows:
    """The same clips, each corrupted, with their features computed and their windows cut again."""
    parts: list[np.ndarray] = []
    times: list[np.ndarray] = []
    physical: list[np.ndarray] = []
    clips: list[dataset.Clip] = []
    first_row = 0
    for number, clip in enumerate(labelled.data.clips):
        timestamps_ms = labelled.data.timestamp_ms[clip.rows]
        before = labelled.landmarks[clip.rows], timestamps_ms - timestamps_ms[0]
        rows, rows_ms = corruption(*before, np.random.default_rng(number))
        parts.append(rows.astype(np.float32))
        times.append(rows_ms)
        physical.append(_physical(rows, rows_ms))
        clips.append(dataclasses.replace(clip, first_row=first_row, num_rows=len(rows)))
        first_row += len(rows)
    landmarks = np.concatenate(parts)
    positions, clip_of = dataset.window_positions(clips, np.isfinite(landmarks).all(axis=(1, 2)), rule)
    all_physical = np.concatenate(physical)
    data = dataset.Windows(
        tuple(clips),
        np.broadcast_to(np.float32(0), all_physical.shape),
        np.arange(len(landmarks)),
        np.concatenate(times),
        positions,
        clip_of,
    )
    return cross_validation.LabelledWindows(
        data, all_physical, landmarks, labelled.labels, data.labels(labelled.labels)
    )


def _physical(rows: np.ndarray, times: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    from beam_jobs import tables
    from beam_jobs.features.unscaled import physical_features

    history, history_ms = windows.histories(rows, times)
    features = physical_features(tf.constant(history), tf.constant(history_ms))
    return np.concatenate([features[table.name].numpy() for table in tables.UNSCALED_TABLES], axis=1)


def at_rate(
    clips_30hz: cross_validation.LabelledWindows, rate_hz: float, rule: windows.WindowRule
) -> cross_validation.LabelledWindows:
    """Clips as a camera of that rate would have shown them, on the default sampling grid."""
    return with_corruption(
        clips_30hz, lambda rows, timestamps_ms, _: corruptions.resample(rows, timestamps_ms, rate_hz), rule
    )


def build_test_sets(
    clips: cross_validation.LabelledWindows,
    clips_30hz: cross_validation.LabelledWindows | None,
    variants: Mapping[str, cross_validation.LabelledWindows],
    athletes: Mapping[str, cross_validation.LabelledWindows],
) -> dict[str, cross_validation.LabelledWindows]:
    """Every set of windows to test robustness on, by its name.

    Args:
      clips: what is cross-validated.
      clips_30hz: the same clips at 30 Hz; without them, no set is of a camera's frame rate.
      variants: the same clips recorded or edited in another way, by a name of that.
      athletes: by one of ATHLETE_SETS, athletes who do none of the exercises, none of them trained on.
    """
    rule = config.Config().window
    sets = {name: with_corruption(clips, corruption, rule) for name, corruption in CORRUPTIONS.items()}
    if clips_30hz is not None:
        sets |= {f"source_rate/{rate_hz}_fps": at_rate(clips_30hz, rate_hz, rule) for rate_hz in SOURCE_RATES_HZ}
    sets |= {f"variant/{name}": variant for name, variant in variants.items()}
    return {**sets, UNKNOWN_EXERCISES: clips, STANDING_STILL: clips, **athletes}


def windows_to_test(
    name: str,
    test_set: cross_validation.LabelledWindows,
    clips: cross_validation.LabelledWindows,
    fold: np.ndarray,
    number: int,
) -> np.ndarray:
    """Which windows of a set the fits of a fold are tested on: those of the fold's clips, and all unknown ones.

    Of STANDING_STILL, those windows of the fold's clips in which a person stands still.

    Args:
      name: of the set.
      test_set: its clips.
      clips: what is cross-validated.
      fold: of each of its windows.
      number: the fold.
    """
    if name == UNKNOWN_EXERCISES:
        has_label = np.array([clip.label is not None for clip in test_set.data.clips])
        return np.flatnonzero((test_set.truth < 0) & has_label[test_set.data.clip])
    if name == STANDING_STILL:
        in_fold = np.flatnonzero((fold == number) & (test_set.truth >= 0))
        return in_fold[standing_still.standing_still(test_set.landmarks, test_set.data.positions[in_fold])]
    if name in ATHLETE_SETS:
        return np.arange(len(test_set.truth))
    tested = {clips.data.clips[index].video_id for index in np.unique(clips.data.clip[fold == number])}
    is_tested = np.array([clip.video_id in tested for clip in test_set.data.clips])
    return np.flatnonzero(is_tested[test_set.data.clip] & (test_set.truth >= 0))
