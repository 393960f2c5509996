"""What landmarks suffer in live, done to a clip of a table: to measure what it costs.

Pure NumPy on the world landmarks of one person in one clip: rows of float32, shape (T, 33, 3), in metres, y downwards,
NaN where no person was detected. Every function returns new rows and leaves those it was given as they are.
"""

import numpy as np

from beam_jobs import body, landmarks, windows

# Timestamps are rounded to milliseconds: one that is at most this far away is the same time.
_SAME_TIME_MS = 0.75
GUESSES = ("freeze", "hang")


def torso_length(rows: np.ndarray) -> float:
    """The clip's torso length, mid-hip to mid-shoulder, in the rows' unit: the median over the rows that have one.

    NaN where no row has: no person was detected.
    """
    _check(rows)
    lengths = body.torso_lengths(rows)
    known = lengths[lengths > 0]  # false for NaN, too
    return float(np.median(known)) if len(known) else float("nan")


def resample(
    rows: np.ndarray,
    timestamps_ms: np.ndarray,
    source_rate_hz: float,
    frame_rate_hz: float = windows.DEFAULT_FRAME_RATE_HZ,
) -> tuple[np.ndarray, np.ndarray]:
    """The rows that a camera of another frame rate would have given, sampled on the grid.

    The source's frames are `1000 / source_rate_hz` apart from the first row on; the body is where it is on the straight
    line between the two rows around each. `windows.SamplingGrid` then picks from these frames as from a video's, so
    that a slow source leaves cells empty, and one of 24 Hz has uneven steps.

    What it cannot do: show movement that the table's own rate has missed (take a table of 30 Hz or more); and a place
    between two rows is the mean of two estimates, so it jitters less than an estimate would.

    Args:
      rows: landmarks, float32, shape (T, 33, 3), T at least 1. Between two rows one of which lacks a landmark, the
        nearer one decides: gaps neither grow nor close.
      timestamps_ms: media time, int64, shape (T,), rising.
      source_rate_hz: of the camera.
      frame_rate_hz: of the sampling grid.

    Returns:
      Landmarks, float32, shape (S, 33, 3), and timestamps, int64, shape (S,), rounded to milliseconds as a video's.

    Raises:
      ValueError: if timestamps do not rise, shapes do not go together, or a rate is not above 0.
    """
    _check(rows)
    times = np.asarray(timestamps_ms, np.float64)
    if not len(rows) or times.shape != rows.shape[:1] or (np.diff(times) <= 0).any():
        raise ValueError(
            f"timestamps_ms has shape {times.shape} for {len(rows)} rows; expected one a row, rising, at least one."
        )
    if not source_rate_hz > 0:
        raise ValueError(f"source_rate_hz is {source_rate_hz}; expected a number above 0.")
    grid = windows.SamplingGrid(frame_rate_hz)
    num_frames = 1 + int((times[-1] - times[0] + _SAME_TIME_MS) * source_rate_hz / 1000)
    since_first_ms = np.array(
        [time for time in np.arange(num_frames) * 1000 / source_rate_hz if grid.frame_id(time) is not None]
    )
    wanted = since_first_ms + times[0]
    after = np.clip(np.searchsorted(times, wanted), 0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    step_ms = times[after] - times[before]
    share = np.clip((wanted - times[before]) / np.where(step_ms > 0, step_ms, 1), 0, 1)
    share = np.where(np.abs(wanted - times[before]) <= _SAME_TIME_MS, 0, share)
    share = np.where(np.abs(wanted - times[after]) <= _SAME_TIME_MS, 1, share)[:, None, None]
    nearer = np.where(share > 0.5, rows[after], rows[before])
    between = (1 - share) * rows[before] + share * rows[after]
    whole = (share == 0) | (share == 1) | np.isnan(between)
    picked = np.where(whole, nearer, between).astype(np.float32)
    return picked, np.round(wanted).astype(np.int64)


def drop_rows(rows: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Rows without a person, here and there: NaN in all landmarks.

    Args:
      rows: landmarks, float32, shape (T, 33, 3).
      share: of the rows with a person, 0 to 1; the nearest whole number of them is dropped.
      rng: chooses which.

    Raises:
      ValueError: if share is out of its range.
    """
    _check(rows)
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share!r}; expected 0 to 1.")
    detected = np.flatnonzero(~np.isnan(rows).all(axis=(1, 2)))
    left = np.array(rows, np.float32)
    left[rng.choice(detected, round(share * len(detected)), replace=False)] = np.nan
    return left


def add_noise(rows: np.ndarray, standard_deviation_torso: float, rng: np.random.Generator) -> np.ndarray:
    """Landmarks that jitter: Gaussian noise, anew for each row, landmark and axis.

    An estimator's errors last longer than a row, and depth has more of them; of the same size, these are harder on
    speeds and accelerations.

    Args:
      rows: landmarks, float32, shape (T, 33, 3); NaN stays NaN.
      standard_deviation_torso: in torso lengths, of the clip's `torso_length`; 0 or more.
      rng: makes the noise.

    Raises:
      ValueError: if the standard deviation is below 0.
    """
    _check(rows)
    noise = _noise(rows.shape, rows, standard_deviation_torso, rng)
    return (rows + noise).astype(np.float32)


def hide(
    rows: np.ndarray,
    part: str,
    rng: np.random.Generator,
    guess: str = "freeze",
    standard_deviation_torso: float = 0.03,
) -> np.ndarray:
    """A part of the body that is out of view.

    MediaPipe leaves no landmark out: it guesses those that it does not see. Its guess depends on the picture. Here are
    two simple guesses, each wrong in its own way; the true cost should lie between theirs:
      freeze: always at the clip's mean place, relative to the mid-hip. It still has the clip's mean pose (whether knees
        were bent), which a guess may know from the rest of the body, or not.
      hang: straight down the torso's axis from where the part begins, as far from there as in the clip's mean. It
        has nothing of the pose but the torso's direction.
    Noise is added to both. Effects on the rest of the body (hips that are guessed, too, a worse estimate all over) are
    not modelled.

    Args:
      rows: landmarks, float32, shape (T, 33, 3). A row without a person stays so.
      part: one of `landmarks.BODY_PARTS`.
      rng: makes the noise.
      guess: one of GUESSES.
      standard_deviation_torso: of the noise, anew for each row, landmark and axis, in torso lengths; 0 or more.

    Raises:
      ValueError: if part or guess is none of those, or the standard deviation is below 0.
    """
    _check(rows)
    if part not in landmarks.BODY_PARTS:
        raise ValueError(f"part is {part!r}; expected one of {', '.join(landmarks.BODY_PARTS)}.")
    if guess not in GUESSES:
        raise ValueError(f"guess is {guess!r}; expected one of {', '.join(GUESSES)}.")
    hips = body.mid_hip(rows)
    down = hips - body.mid_shoulder(rows)
    down = down / np.where(down.any(axis=-1), np.linalg.norm(down, axis=-1), np.nan)[:, None]
    guessed = np.array(rows, np.float32)
    for root, hidden in landmarks.BODY_PARTS[part].items():
        for landmark in hidden:
            if guess == "freeze":
                guessed[:, landmark] = hips + _mean(rows[:, landmark] - hips)
            else:
                far = np.linalg.norm(rows[:, landmark] - rows[:, root], axis=-1)
                guessed[:, landmark] = rows[:, root] + _mean(far) * down
    places = [landmark for hidden in landmarks.BODY_PARTS[part].values() for landmark in hidden]
    noise = _noise((len(rows), len(places), 3), rows, standard_deviation_torso, rng)
    guessed[:, places] += noise.astype(np.float32)
    guessed[np.isnan(rows).all(axis=(1, 2))] = np.nan
    return guessed


def mirror(rows: np.ndarray) -> np.ndarray:
    """What a camera shows that mirrors its picture, as webcams do: x negated, and the sides' names swapped.

    A mirrored left hand looks like a right one, and MediaPipe calls it so. NaN stays NaN. Of world landmarks, whose x
    is 0 between the hips; image landmarks would need 1 - x.

    Args:
      rows: landmarks, float32, shape (T, 33, 3).
    """
    _check(rows)
    return body.mirror(rows).astype(np.float32)


def _noise(
    shape: tuple[int, ...], rows: np.ndarray, standard_deviation_torso: float, rng: np.random.Generator
) -> np.ndarray:
    if not standard_deviation_torso >= 0:
        raise ValueError(f"standard_deviation_torso is {standard_deviation_torso!r}; expected 0 or more.")
    return rng.normal(0, 1, shape) * (standard_deviation_torso * torso_length(rows))


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over rows that are not missing, shape (...) of (T, ...); NaN where all are."""
    known = values[~np.isnan(values).reshape(len(values), -1).any(axis=1)]
    return known.mean(axis=0) if len(known) else np.full(values.shape[1:], np.nan)


def _check(rows: np.ndarray) -> None:
    if rows.ndim != 3 or rows.shape[1:] != (landmarks.NUM_LANDMARKS, 3):
        raise ValueError(f"rows have shape {rows.shape}; expected (T, {landmarks.NUM_LANDMARKS}, 3).")
