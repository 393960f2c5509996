"""Landmarks of live sessions -> what was done in each session, from when to when."""

import dataclasses
import datetime
import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.coders import PickleCoder
from apache_beam.metrics import Metrics
from apache_beam.transforms import trigger, window
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Duration, Timestamp

from beam_jobs import landmarks, repetitions, segments, storage, tables, windows
from beam_jobs.stream.landmark_messages import LandmarkMessage, LandmarkMessageError, decode
from beam_jobs.stream.messages import Message
from beam_jobs.stream.pipeline import DEAD_LETTERS, StreamSettings
from beam_jobs.stream.publish import Publish
from beam_jobs.stream.windowed_files import UNDER_WAY_S, WindowFile, WriteWindows
from beam_jobs.windows import WindowRule

# A message that is missing for so long, in event time, is given up; the rows after it are taken.
PATIENCE_S = 60
# How long after its last message a session's state is kept.
FORGET_AFTER_S = 3600
OTHER_LANDMARKS = "other_landmarks"


class SessionPart(NamedTuple):
    """A message's rows, and those before that its windows need.

    Attributes:
      rows: landmarks, float32, shape (T, 33, 3).
      times: int64, shape (T,).
      num_known: how many of them were there before.
      asked: the positions of rows in which a window may end.
      due: the positions of those that do end one.
    """

    rows: np.ndarray
    times: np.ndarray
    num_known: int
    asked: list[int]
    due: list[int]


class SessionRows:
    """One person's rows in the order in which they were seen, whatever order messages come in; no more than needed.

    It is state: it pickles, and holds at most one window's rows with their history, and messages that came too early.
    """

    def __init__(self, rule: WindowRule) -> None:
        self._rule = rule
        self._next = 0
        self._num_rows = 0
        self._early: dict[int, LandmarkMessage] = {}
        self._rows = np.empty((0, landmarks.NUM_LANDMARKS, 3), np.float32)
        self._times = np.empty(0, np.int64)

    @property
    def waits(self) -> bool:
        """Whether a message is missing before others that are here."""
        return bool(self._early)

    def add(self, message: LandmarkMessage) -> Iterator[SessionPart]:
        """Takes a message; a repeated one changes nothing.

        Yields:
          What is new for each message whose turn it is.
        """
        if message.sequence >= self._next:
            self._early[message.sequence] = message
        yield from self._in_turn()

    def give_up(self) -> Iterator[SessionPart]:
        """Goes on after messages that have not come; yields as `add`."""
        if self._early:
            self._next = min(self._early)
            yield from self._in_turn()

    def _in_turn(self) -> Iterator[SessionPart]:
        while self._next in self._early:
            message = self._early.pop(self._next)
            self._next += 1
            yield self._append(message)

    def _append(self, message: LandmarkMessage) -> SessionPart:
        num_known = len(self._rows)
        rows = np.concatenate([self._rows, message.landmarks])
        times = np.concatenate([self._times, message.timestamps_ms])
        detected = np.isfinite(rows).any(axis=(1, 2))
        new = range(num_known, len(rows))
        asked = [position for position in new if (self._num_rows + position - num_known) % self._rule.stride == 0]
        self._num_rows += len(new)
        length, least = self._rule.length, self._rule.min_detected
        due = [
            position
            for position in asked
            if detected[position] and detected[max(0, position + 1 - length) : position + 1].sum() >= least
        ]
        kept = windows.rows_fed(self._rule) - 1
        self._rows, self._times = rows[-kept:], times[-kept:]
        return SessionPart(rows, times, num_known, asked, due)


@dataclasses.dataclass(frozen=True)
class RowAngles:
    """What repetitions are counted by: some rows' joint angles.

    Attributes:
      timestamps_ms: int64, shape (T,).
      degrees: as `repetitions.joint_angles_degrees`, float32, shape (T, 4).
      asked: whether a window may end in the row, shape (T,).
    """

    timestamps_ms: np.ndarray
    degrees: np.ndarray
    asked: np.ndarray


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a window says.

    Attributes:
      timestamp_ms: of its last row.
      probabilities: of each of the bundle's labels, float32, shape (C,).
    """

    timestamp_ms: int
    probabilities: np.ndarray


class DecodeLandmarks(beam.DoFn):
    """Messages -> (session and person, LandmarkMessage) at the time of their last row; dead letters of others."""

    def __init__(self, fingerprint: dict) -> None:
        self._fingerprint = fingerprint

    def process(self, message: Message) -> Iterator[Any]:
        """Decodes a message."""
        Metrics.counter("stream", "landmark_messages").inc()
        try:
            found = decode(message)
        except LandmarkMessageError as error:
            yield _dead_letter(message.message_id, error.reason, str(error))
            return
        if not found.is_made_as(self._fingerprint):
            yield _dead_letter(
                found.key,
                OTHER_LANDMARKS,
                f"session {found.session_id} has landmarks made by {json.dumps(found.fingerprint)}; the bundle expects "
                f"{json.dumps(self._fingerprint)}. Use the same version and pose model in live.",
            )
            return
        yield TimestampedValue((found.key, found), found.time_s)


def _dead_letter(name: str, reason: str, message: str) -> beam.pvalue.TaggedOutput:
    row = {"video_id": name, "uri": "", "stage": "notify", "reason": reason, "message": message, "num_frames_kept": 0}
    return beam.pvalue.TaggedOutput(DEAD_LETTERS, row)


class PredictSessions(beam.DoFn):
    """(session and person, LandmarkMessage) -> (session and person, the session's start with an Answer or RowAngles).

    Rows are put in their order by the messages' numbers; a person's last rows are the state. The input must be in the
    global window.
    """

    ROWS = ReadModifyWriteStateSpec("rows", PickleCoder())
    MISSING = TimerSpec("missing", TimeDomain.WATERMARK)
    FORGET = TimerSpec("forget", TimeDomain.WATERMARK)

    def __init__(self, bundle: str) -> None:
        self._bundle = bundle
        self._predictor: Any = None

    def setup(self) -> None:
        """Loads the bundle."""
        from beam_jobs.predictions import Predictor

        self._predictor = Predictor(self._bundle)

    def process(
        self,
        element: tuple[str, LandmarkMessage],
        timestamp=beam.DoFn.TimestampParam,
        state=beam.DoFn.StateParam(ROWS),
        missing=beam.DoFn.TimerParam(MISSING),
        forget=beam.DoFn.TimerParam(FORGET),
    ) -> Iterator[Any]:
        """Takes rows; yields answers of windows that end in them."""
        key, message = element
        rows, started_at = state.read() or (SessionRows(self._predictor.rule), message.started_at)
        yield from self._answers(key, started_at, rows.add(message))
        state.write((rows, started_at))
        if rows.waits:
            missing.set(timestamp + PATIENCE_S)
        else:
            missing.clear()
        forget.set(timestamp + FORGET_AFTER_S)

    @on_timer(MISSING)
    def _give_up(self, key=beam.DoFn.KeyParam, state=beam.DoFn.StateParam(ROWS)) -> Iterator[Any]:
        known = state.read()
        if known is not None:
            rows, started_at = known
            Metrics.counter("stream", "landmark_messages_missing").inc()
            yield from self._answers(key, started_at, rows.give_up())
            state.write((rows, started_at))

    @on_timer(FORGET)
    def _forget(self, state=beam.DoFn.StateParam(ROWS)) -> None:
        state.clear()

    def _answers(self, key: str, started_at: str, parts: Iterable) -> Iterator[TimestampedValue]:
        start = datetime.datetime.fromisoformat(started_at).timestamp()
        for rows, times, num_known, asked, due in parts:
            angles = np.array([repetitions.joint_angles_degrees(row) for row in rows[num_known:]], np.float32)
            # Known rows, too: a repetition may count only after the person has left. Long after, the session is over.
            if np.isfinite(rows).any():
                at = Timestamp.of(start + int(times[-1]) / 1000)
                is_asked = np.isin(np.arange(num_known, len(rows)), asked)
                yield TimestampedValue((key, (started_at, RowAngles(times[num_known:], angles, is_asked))), at)
            for position, probabilities in zip(due, self._predictor.steady(rows, times, due), strict=True):
                answer = Answer(int(times[position]), probabilities)
                yield TimestampedValue((key, (started_at, answer)), Timestamp.of(start + answer.timestamp_ms / 1000))


@dataclasses.dataclass(frozen=True)
class SegmentRow:
    """A row of the segments table."""

    row: dict[str, Any]

    @property
    def name(self) -> str:
        """The session and the time."""
        return f"{self.row['session_id']}\n{self.row['person_id']}\n{self.row['start_ms']}\n{self.row['exercise']}"


class SegmentSession(beam.DoFn):
    """(session and person, their answers) -> rows of the segments table, at the session's end."""

    def __init__(self, bundle: str, bundle_sha256: str) -> None:
        self._bundle, self._bundle_sha256 = bundle, bundle_sha256
        self._labels: tuple[str, ...] = ()
        self._holds: tuple[str, ...] = ()

    def setup(self) -> None:
        """Reads what the bundle calls its classes."""
        from beam_jobs.predictions import read_labels

        self._labels, self._holds = read_labels(self._bundle)

    def process(self, element: tuple[str, Iterable[tuple[str, Any]]]) -> Iterator[dict[str, Any]]:
        """Finds a session's segments, and counts their repetitions."""
        key, found = element
        session_id, _, person_id = key.rpartition("/")
        values = list(found)
        started_at = values[0][0]
        answers = {value.timestamp_ms: value.probabilities for _, value in values if isinstance(value, Answer)}
        parts = [value for _, value in values if isinstance(value, RowAngles)]
        log = segments.ExerciseLog(self._labels, self._holds)
        for part in sorted(parts, key=lambda part: part.timestamps_ms[0]):
            for degrees, timestamp_ms, asked in zip(part.degrees, part.timestamps_ms, part.asked, strict=True):
                log.push_angles(degrees, int(timestamp_ms))
                if asked:
                    log.push_answer(int(timestamp_ms), answers.get(int(timestamp_ms)))
        for segment in log.segments():
            yield {
                "session_id": session_id,
                "person_id": int(person_id),
                "started_at": started_at,
                **dataclasses.asdict(segment),
                "bundle_sha256": self._bundle_sha256,
            }


@dataclasses.dataclass
class SegmentSessions(beam.PTransform):
    """(session and person, LandmarkMessage) -> rows of the segments table, when a session is over."""

    bundle: str
    bundle_sha256: str
    gap_s: int
    allowed_lateness_s: int

    def expand(self, messages: beam.PCollection) -> Any:  # noqa: D102
        return (
            messages
            | "PredictSessions" >> beam.ParDo(PredictSessions(self.bundle)).with_output_types(tuple[str, Any])
            | "Session"
            >> beam.WindowInto(
                window.Sessions(self.gap_s),
                trigger=trigger.AfterWatermark(late=trigger.AfterCount(1)),
                accumulation_mode=trigger.AccumulationMode.DISCARDING,
                allowed_lateness=Duration(seconds=self.allowed_lateness_s + UNDER_WAY_S),
            )
            | "Group" >> beam.GroupByKey()
            | "FindSegments" >> beam.ParDo(SegmentSession(self.bundle, self.bundle_sha256))
            | "OutOfWindow" >> beam.WindowInto(window.GlobalWindows())
        )


@dataclasses.dataclass
class WriteSegments:
    """Writes segments of a window."""

    output: str

    def __call__(self, file: WindowFile, rows: list[SegmentRow]) -> Iterator[str]:
        """Writes a file; yields its path."""
        path = storage.join(self.output, tables.SEGMENTS.name, file.name)
        found = pa.Table.from_pylist([row.row for row in rows], schema=tables.SEGMENTS.schema())
        storage.write_table(path, tables.SEGMENTS, found)
        yield path


def build_sessions(
    messages: beam.PCollection, settings: StreamSettings, gap_s: int, segments_topic: str | None
) -> beam.PCollection:
    """Adds the chain behind a source of landmark messages; returns its dead letters."""
    decoded = messages | "DecodeLandmarks" >> beam.ParDo(DecodeLandmarks(settings.fingerprint)).with_outputs(
        DEAD_LETTERS, main="main"
    )
    found = (
        decoded.main
        | "ByPerson" >> beam.Map(_pair).with_output_types(tuple[str, LandmarkMessage])
        | "SegmentSessions"
        >> SegmentSessions(str(settings.bundle), settings.bundle_sha256, gap_s, settings.windows.allowed_lateness_s)
    )
    write = WriteSegments(settings.extract.output)
    _ = found | "ToRow" >> beam.Map(SegmentRow) | "WriteSegments" >> WriteWindows(write, settings.windows)
    if segments_topic:
        publish = Publish(segments_topic, ["session_id", "exercise", "bundle_sha256"])
        _ = found | "PublishSegments" >> beam.ParDo(publish)
    return decoded[DEAD_LETTERS]


def _pair(pair: tuple[str, LandmarkMessage]) -> tuple[str, LandmarkMessage]:
    return pair
