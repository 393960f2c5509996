"""How steady live's answers are, on joined clips: one exercise, then another, then somebody who does no exercise.

Prints, for each window's own answer (before) and for the steady one (after): the delay of a change, flickers a minute,
the share of time that is right. Clips are joined as landmarks; half a second between two blends one pose into the next.

  python -m beam_jobs extract --videos clips --labels clips/labels.csv --output tables
  PYTHONPATH=. python tests/manual/measure_steadiness.py --tables tables

Use clips of people that the bundle was not trained on, some of them labelled `none`.
"""

import argparse
import dataclasses
import itertools
import random
from collections.abc import Callable, Iterator

import numpy as np

from beam_jobs import segments, storage, tables, windows
from beam_jobs.labels import NO_EXERCISE
from live.defaults import DEFAULT_BUNDLE
from model import exported_bundle

STEP_MS, BLEND_ROWS = 67, 8
MIN_MS, MAX_MS = 4_000, 12_000


@dataclasses.dataclass(frozen=True)
class Clip:
    """One person's rows in a clip: world landmarks (T, 33, 3), times from 0 on."""

    label: str
    times_ms: np.ndarray
    rows: np.ndarray
    detected: np.ndarray


@dataclasses.dataclass(frozen=True)
class Answered:
    """A row on which an answer is due: what the window and the window with its last second say; None for nothing."""

    timestamp_ms: int
    whole: np.ndarray | None
    surer: np.ndarray | None


def read_clips(folder: str) -> list[Clip]:
    """The clips that are long enough, each cut to twelve seconds."""
    columns = tables.landmark_columns("world")
    read = storage.read_table(folder, tables.LANDMARKS, ["video_id", "timestamp_ms", "detected", "label", *columns])
    clips = []
    ids = read["video_id"].to_numpy(zero_copy_only=False)
    starts = [0, *(np.flatnonzero(ids[1:] != ids[:-1]) + 1), len(ids)]
    for start, end in itertools.pairwise(starts):
        own = read.slice(start, end - start)
        times = own["timestamp_ms"].to_numpy() - own["timestamp_ms"][0].as_py()
        rows = np.stack([own[name].to_numpy() for name in columns], axis=1).reshape(-1, 33, 3)
        kept = times < MAX_MS
        detected = own["detected"].to_numpy(zero_copy_only=False)
        if times[-1] > MIN_MS and detected.any():
            clips.append(Clip(own["label"][0].as_py(), times[kept], rows[kept].astype(np.float32), detected[kept]))
    return clips


def join(clips: list[Clip]) -> tuple[list[tuple[np.ndarray, int, bool]], list[int]]:
    """Rows (landmarks, time, detected) of clips one after the other, and when each begins, with the end."""
    rows: list[tuple[np.ndarray, int, bool]] = []
    bounds, at_ms = [], 0
    for clip in clips:
        if rows:
            last = next(row for row, _, seen in reversed(rows) if seen)
            first = clip.rows[np.flatnonzero(clip.detected)[0]]
            for weight in np.linspace(0, 1, BLEND_ROWS + 2)[1:-1]:
                rows.append((((1 - weight) * last + weight * first).astype(np.float32), at_ms, True))
                at_ms += STEP_MS
        bounds.append(at_ms)
        for row, ms, seen in zip(clip.rows, clip.times_ms.tolist(), clip.detected.tolist(), strict=True):
            rows.append((row, at_ms + ms, seen))
        at_ms = rows[-1][1] + STEP_MS
    return rows, [*bounds, at_ms]


def answered(bundle: exported_bundle.ExportedBundle, rows: list[tuple[np.ndarray, int, bool]]) -> Iterator[Answered]:
    """What the bundle says on each row on which an answer is due."""
    buffer = windows.LandmarkBuffer(bundle.rule)
    for row, timestamp_ms, seen in rows:
        window = buffer.push(row, timestamp_ms, seen)
        whole = surer = None
        if window is not None:
            whole = bundle.answer(*window)[0]
            recent = None if segments.is_sure(whole) else windows.recent_inputs(*window, bundle.rule)
            surer = segments.surer(whole, None if recent is None else bundle.answer(*recent)[0])
        if buffer.is_due:
            yield Answered(timestamp_ms, whole, surer)


def each_window(labels: tuple[str, ...], given: list[Answered]) -> list[str | None]:
    """Before: what each window says by itself, where it is sure."""
    return [
        labels[int(one.whole.argmax())]
        if one.whole is not None and one.whole.max() >= segments.MIN_PROBABILITY
        else None
        for one in given
    ]


def whole_windows(labels: tuple[str, ...], given: list[Answered]) -> list[str | None]:
    """Smoothed, of whole windows alone."""
    return _smoothed(labels, [(one.timestamp_ms, one.whole) for one in given])


def steady(labels: tuple[str, ...], given: list[Answered]) -> list[str | None]:
    """After: as live answers."""
    return _smoothed(labels, [(one.timestamp_ms, one.surer) for one in given])


def _smoothed(labels: tuple[str, ...], given: list[tuple[int, np.ndarray | None]]) -> list[str | None]:
    answer, shown = segments.SteadyAnswer(labels), []
    for timestamp_ms, probabilities in given:
        answer.push(timestamp_ms, probabilities)
        shown.append(answer.exercise)
    return shown


def measure(
    labels: tuple[str, ...],
    joined: list[tuple[list[str], list[int], list[Answered]]],
    method: Callable[[tuple[str, ...], list[Answered]], list[str | None]],
) -> dict[str, float]:
    """The figures of one way to answer."""
    delays, gone, flickers, minutes, right, wrong, num = [], [], 0, 0.0, 0, 0, 0
    for names, bounds, given in joined:
        times = [one.timestamp_ms for one in given]
        shown = [None if name == NO_EXERCISE else name for name in method(labels, given)]
        flickers += sum(a != b for a, b in itertools.pairwise(shown)) - len(names)
        minutes += bounds[-1] / 60_000
        for index, name in enumerate(names):
            expected = None if name == NO_EXERCISE else name
            own = [(ms, one) for ms, one in zip(times, shown, strict=True) if bounds[index] <= ms < bounds[index + 1]]
            right += sum(one == expected for _, one in own)
            wrong += sum(one is not None and one != expected for _, one in own)
            num += len(own)
            if index == 1:
                delays.append(next((ms - bounds[1] for ms, one in own if one == expected), np.inf))
            if index == 2:
                gone.append(next((ms - bounds[2] for ms, one in own if one != names[1]), np.inf))
    return {
        "change shown, median s": float(np.median(delays)) / 1000,
        "within 1.5 s, %": 100 * float(np.mean(np.array(delays) <= 1500)),
        "never, %": 100 * float(np.mean(np.isinf(delays))),
        "old name gone, median s": float(np.median(gone)) / 1000,
        "flickers a minute": flickers / minutes,
        "right, % of time": 100 * right / num,
        "another name, % of time": 100 * wrong / num,
    }


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", required=True)
    parser.add_argument("--bundle", default=DEFAULT_BUNDLE)
    parser.add_argument("--num", type=int, default=60, help="joined clips (default 60)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    bundle, clips = exported_bundle.load(args.bundle), read_clips(args.tables)
    exercises = [clip for clip in clips if clip.label in bundle.labels and clip.label != NO_EXERCISE]
    nothing = [clip for clip in clips if clip.label == NO_EXERCISE]
    draw = random.Random(args.seed)
    joined = []
    while len(joined) < args.num:
        first, second = draw.sample(exercises, 2)
        if first.label != second.label:
            parts = [first, second, draw.choice(nothing)]
            rows, bounds = join(parts)
            joined.append(([part.label for part in parts], bounds, list(answered(bundle, rows))))
    found = {method.__name__: measure(bundle.labels, joined, method) for method in (each_window, whole_windows, steady)}
    print(f"{args.num} joined clips of {len(exercises)} clips of exercises and {len(nothing)} without")
    print("| | " + " | ".join(found) + " |\n| --- |" + " --- |" * len(found))
    for name in found["steady"]:
        print(f"| {name} | " + " | ".join(f"{figures[name]:.1f}" for figures in found.values()) + " |")


if __name__ == "__main__":
    main()
