"""Where live's answers go: JSON lines, lines for people, a recording; and whether frames come quickly enough."""

import collections
import dataclasses
import json
import sys
import time
from typing import Any, TextIO

import numpy as np

from beam_jobs import storage, windows
from beam_jobs.errors import UserError
from beam_jobs.segments import Segment
from beam_jobs.taxonomy import shown_name
from live.recognizer import Recognition, Summary

# A window's probability in JSON: more digits than a float32 has say nothing.
_DIGITS = 6
# Frames are too few when they are fewer than this share of the bundle's rate, all the time for so long.
_SLOW_SHARE, _SLOW_FOR_S = 0.8, 5.0


class JsonLines:
    """Writes one JSON object a line: the answer or null for each row on which a window may end; then the summary."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, recognition: Recognition) -> None:
        """Writes the answer, where it is due."""
        if recognition.due:
            self._write(
                {
                    "timestamp_ms": recognition.timestamp_ms,
                    "person": recognition.person,
                    "exercise": recognition.exercise,
                    "probability": _rounded(recognition.probability),
                    "status": recognition.status,
                    "hint": recognition.hint,
                    "repetitions": recognition.repetitions,
                    "held_s": recognition.held_s,
                }
            )

    def summarize(self, summary: Summary) -> None:
        """Writes the answer for the whole file."""
        self._write(
            {
                "summary": {
                    "person": summary.person,
                    "exercise": summary.exercise,
                    "probability": _rounded(summary.probability),
                    "num_predictions": summary.num_predictions,
                    "status": summary.status,
                    "segments": [_segment(segment) for segment in summary.segments],
                }
            }
        )

    def _write(self, value: dict) -> None:
        # Flushed, since somebody reads along.
        print(json.dumps(value, ensure_ascii=False), file=self._out, flush=True)


def _segment(segment: Segment) -> dict:
    return dataclasses.asdict(segment) | {"probability": _rounded(segment.probability)}


def _rounded(probability: float | None) -> float | None:
    return None if probability is None else round(probability, _DIGITS)


# What is said where no exercise is named.
STATUS_WORDS = {
    "no_exercise": "no known exercise",
    "partly_in_view": "not all in view",
    "not_sure": "not sure",
    "warming_up": "watching …",
    "no_person": "nobody in view",
    "too_dark": "too dark",
}


def amount(repetitions: int | None, held_s: float | None) -> str:
    """How much of an exercise was done, in words; empty where nothing is known."""
    if held_s is not None:
        return f"{held_s:.0f} s"
    return "" if repetitions is None else f"{repetitions} {'repetition' if repetitions == 1 else 'repetitions'}"


class TextLines:
    """Writes a line whenever the exercise, its repetitions or the advice change, and some at the end."""

    def __init__(self, out: TextIO, names_people: bool = False) -> None:
        """Chooses whether lines begin with the person's number."""
        self._out, self._names_people = out, names_people
        self._last: dict[int | None, tuple[str | int | None, ...]] = {}

    def _name(self, person: int | None) -> str:
        return f"person {person}: " if self._names_people and person is not None else ""

    def show(self, recognition: Recognition) -> None:
        """Writes the answer and the advice, where they are due and other than before."""
        state = recognition.status, recognition.exercise, recognition.hint, recognition.repetitions
        if not recognition.due or state == self._last.get(recognition.person):
            return
        self._last[recognition.person] = state
        # What was said of people no longer holds when all have left, nor "nobody" when a person comes.
        for other in [other for other in self._last if (other is None) != (recognition.person is None)]:
            del self._last[other]
        if recognition.status == "exercise":
            what = f"{shown_name(recognition.exercise or '')}  {recognition.probability:.0%}"
            if done := amount(recognition.repetitions, recognition.held_s):
                what += f"  {done}"
        else:
            what = STATUS_WORDS[recognition.status]
        if recognition.hint and recognition.status != "too_dark":
            what += f"  ({recognition.hint})"
        print(
            f"{recognition.timestamp_ms / 1000:8.1f} s  {self._name(recognition.person)}{what}",
            file=self._out,
            flush=True,
        )

    def summarize(self, summary: Summary) -> None:
        """Writes what was done, and the answer for the whole file."""
        for segment in summary.segments:
            times = f"{segment.start_ms / 1000:8.1f} to {segment.end_ms / 1000:.1f} s"
            name = self._name(summary.person)
            print(
                f"{times}  {name}{shown_name(segment.exercise)}  {amount(segment.repetitions, segment.held_s)}",
                file=self._out,
            )
        if summary.status == "no_person":
            answer = "no answer: nobody was in view for long enough, or it was too dark"
        elif summary.status == "exercise":
            named = f"{shown_name(summary.exercise or '')}  {summary.probability:.0%}"
            answer = f"whole video:  {named}  ({summary.num_predictions} predictions)"
        else:
            answer = f"whole video:  {STATUS_WORDS[summary.status]}  ({summary.num_predictions} predictions)"
        print(self._name(summary.person) + answer, file=self._out, flush=True)


class Recorder:
    """Writes frames to an .mp4, which appears when it is complete; a frame stays until the next one's time has come.

    Use as a context manager: leaving it well completes the file, an error leaves nothing. OpenCV does not say when a
    disk is full, so the file is opened again before it takes its place: an earlier recording stays if that fails.
    """

    def __init__(self, path: str, frame_rate_hz: float) -> None:
        """Prepares to write; nothing is created before the first frame."""
        self._path, self._frame_rate_hz = path, frame_rate_hz
        self._file = storage.atomic_file(path)
        self._writer: Any = None
        self._local, self._num_frames, self._size = "", 0, (0, 0)
        self._last: tuple[int, np.ndarray] | None = None

    def write(self, picture: np.ndarray, frame_id: int) -> None:
        """Adds a BGR picture at its place on the sampling grid."""
        if self._writer is None:
            self._open(picture)
        if self._last is not None:
            last_id, last_picture = self._last
            for _ in range(last_id + 1, frame_id):
                self._write(last_picture)
        self._write(picture)
        self._last = frame_id, picture

    def _write(self, picture: np.ndarray) -> None:
        self._writer.write(_fitted(picture, self._size))
        self._num_frames += 1

    def _open(self, picture: np.ndarray) -> None:
        import cv2

        try:
            local = self._local = self._file.__enter__()
        except OSError as error:
            raise UserError(f"--record {self._path} cannot be written ({error}). Choose another place.") from None
        height, width = picture.shape[:2]
        self._size = width, height
        # MPEG-4 part 2: the one that every build of OpenCV can write.
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(local, cv2.CAP_FFMPEG, codec, self._frame_rate_hz, self._size)
        if not writer.isOpened():
            refusal = UserError(f"--record {self._path} cannot be written as MPEG-4. Check that the disk has room.")
            self._file.__exit__(UserError, refusal, None)
            raise refusal
        self._writer = writer

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *error) -> None:
        if self._writer is None:
            return
        self._writer.release()
        if error[0] is None and (num_frames := _num_readable_frames(self._local)) < self._num_frames:
            incomplete = UserError(
                f"--record {self._path} could not be written: of {self._num_frames} frames {num_frames} can be read. "
                "The disk is full, or does not take more: make room, or choose another place. An earlier file is kept."
            )
            self._file.__exit__(UserError, incomplete, None)
            raise incomplete
        self._file.__exit__(*error)


def _fitted(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The picture in a frame of another (width, height), whole, with black beside it: a camera's size may change."""
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    import cv2

    scale = min(size[0] / width, size[1] / height)
    fitted = cv2.resize(picture, (max(1, round(width * scale)), max(1, round(height * scale))))
    height, width = fitted.shape[:2]
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    framed = np.zeros((size[1], size[0], 3), np.uint8)
    framed[top : top + height, left : left + width] = fitted
    return framed


def _num_readable_frames(path: str) -> int:
    """How many frames a video file says that it has, if its last one can be read, too; else 0."""
    import cv2

    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
    try:
        num_frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
        capture.set(cv2.CAP_PROP_POS_FRAMES, num_frames - 1)
        return num_frames if num_frames > 0 and capture.read()[0] else 0
    finally:
        capture.release()


class FrameRate:
    """How many frames a second there were, over the last second or so."""

    def __init__(self, num_frames: int = 15) -> None:
        self._times_s: collections.deque[float] = collections.deque(maxlen=num_frames + 1)

    def tick(self, now_s: float | None = None) -> float | None:
        """Counts a frame, at this moment or the given one; frames a second, None before the second one."""
        self._times_s.append(time.monotonic() if now_s is None else now_s)
        elapsed_s = self._times_s[-1] - self._times_s[0]
        return (len(self._times_s) - 1) / elapsed_s if elapsed_s else None


class SlowWarning:
    """Tells a person, once, that frames come too slowly: a window's rows then span more time than it was trained on."""

    def __init__(self, rule: windows.WindowRule, frame_rate_hz: float, is_live: bool) -> None:
        """Takes the bundle's window and sampling rate, and whether the source is a camera or stream."""
        self._rule, self._frame_rate_hz, self._is_live = rule, frame_rate_hz, is_live
        self._rate = FrameRate()
        self._slow_since_ms: int | None = None
        self._warned = False

    def watch(self, timestamp_ms: int) -> None:
        """Counts a used frame by its own time; warns on standard error where they have long been too few."""
        rate_hz = self._rate.tick(timestamp_ms / 1000)
        if self._warned or rate_hz is None:
            return
        if rate_hz >= _SLOW_SHARE * self._frame_rate_hz:
            self._slow_since_ms = None
        elif self._slow_since_ms is None:
            self._slow_since_ms = timestamp_ms
        elif timestamp_ms - self._slow_since_ms >= _SLOW_FOR_S * 1000:
            self._warned = True
            print(f"warning: {self._message(rate_hz)}", file=sys.stderr, flush=True)

    def _message(self, rate_hz: float) -> str:
        length = self._rule.length
        remedy = (
            "Close other programs, choose a smaller picture, or use a camera that gives "
            f"{self._frame_rate_hz:g} frames a second (many give fewer in the dark)"
            if self._is_live
            else f"Record at {self._frame_rate_hz:g} frames a second or more"
        )
        return (
            f"{rate_hz:.1f} frames a second are used, and the bundle expects {self._frame_rate_hz:g}: its windows of "
            f"{length} frames span {length / rate_hz:.1f} s, not {length / self._frame_rate_hz:.1f} s, and answers are "
            f"late and less sure. {remedy}; or train a bundle at a lower rate (extract's --frame_rate_hz)."
        )
