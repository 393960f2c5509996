"""Rows of the landmarks table from the frames of a video with several people: plain functions, no Beam."""

import dataclasses
import tempfile
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa

from beam_jobs import tables
from beam_jobs.extract.rows import estimating, pose_batch
from beam_jobs.labels import Labels
from beam_jobs.landmark_table import FrameCounts, LongestGap
from beam_jobs.pose.estimator import Pose, nobody
from beam_jobs.pose.people import PeopleEstimator
from beam_jobs.video.frames import VideoError

_ROWS_PER_BATCH = 1024
_ROWS_PER_NOTICE = 50

Row = tuple[int, int, Pose]


@dataclasses.dataclass
class _Person:
    """A person's rows that are not in a batch yet; those without the person count only if the person comes back."""

    rows: list[Row] = dataclasses.field(default_factory=list)
    out_of_sight: list[Row] = dataclasses.field(default_factory=list)
    batches: list[tuple[int, int]] = dataclasses.field(default_factory=list)


class PeopleRows:
    """Collects rows frame by frame, and gives them person by person; in little memory, since batches wait in a file.

    A person's rows reach from the first to the last frame in which the person is seen. In between there is a row for
    each sampled frame, NaN where the person is out of sight.
    """

    def __init__(self, video_id: str, labels: Labels) -> None:
        self._video_id, self._labels = video_id, labels
        self._people: dict[int, _Person] = {}
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed with this object's last reference)
        self._frames: list[tuple[int, int]] = []

    def add(self, frame_id: int, timestamp_ms: int, people: Iterable[tuple[int, Pose]]) -> None:
        """Takes a frame's people, as `PeopleTracker.update` returns them."""
        if not self._people:
            self._frames.append((frame_id, timestamp_ms))
        for person_id, pose in people:
            person = self._people.setdefault(person_id, _Person())
            if not pose.detected:
                person.out_of_sight.append((frame_id, timestamp_ms, pose))
                continue
            person.rows += [*person.out_of_sight, (frame_id, timestamp_ms, pose)]
            person.out_of_sight = []
            if len(person.rows) >= _ROWS_PER_BATCH:
                self._put_aside(person_id, person)

    def _put_aside(self, person_id: int, person: _Person) -> None:
        content = self._batch(person_id, person.rows).serialize()
        person.batches.append((self._file.seek(0, 2), content.size))
        self._file.write(content)
        person.rows = []

    def _batch(self, person_id: int, rows: list[Row]) -> pa.RecordBatch:
        return pose_batch(rows, self._video_id, self._labels, person_id)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yields the rows in the order of person_id, frame_id; of a video without people as `landmark_batches` does."""
        schema = tables.LANDMARKS.schema()
        for person_id, person in sorted(self._people.items()):
            for start, size in person.batches:
                self._file.seek(start)
                yield pa.ipc.read_record_batch(pa.py_buffer(self._file.read(size)), schema)
            if person.rows:
                yield self._batch(person_id, person.rows)
        if not self._people:
            for start in range(0, len(self._frames), _ROWS_PER_BATCH):
                rows = [(*frame, nobody()) for frame in self._frames[start : start + _ROWS_PER_BATCH]]
                yield self._batch(0, rows)


def people_batches(
    frames: Iterable[tuple[int, int, np.ndarray]],
    estimator: PeopleEstimator,
    video_id: str,
    labels: Labels,
    counts: FrameCounts,
    gaps: LongestGap,
    on_rows: Callable[[int], None] = lambda num: None,
) -> Iterator[pa.RecordBatch]:
    """Rows of the landmarks table from sampled frames, person by person; also when the frames end in an error.

    Args:
      frames: (frame_id, timestamp_ms, BGR image), in order.
      estimator: this video's own.
      video_id: the key of every row.
      labels: the last columns of every row.
      counts: counted up as frames pass: of frames, not of people.
      gaps: told of each frame whether anybody is in it.
      on_rows: called with the number of new frames, now and then.

    Yields:
      Batches of `tables.LANDMARKS`.

    Raises:
      VideoError: the frames' own, or POSE_FAILED, after the last batch.
    """
    found, failure = PeopleRows(video_id, labels), None
    try:
        for frame_id, timestamp_ms, image in frames:
            with estimating(video_id, timestamp_ms, counts):
                people = estimator.estimate(image, timestamp_ms)
            anybody = any(pose.detected for _, pose in people)
            counts.frames_sampled += 1
            counts.frames_without_person += not anybody
            gaps.add_frame(timestamp_ms, anybody)
            found.add(frame_id, timestamp_ms, people)
            if counts.frames_sampled % _ROWS_PER_NOTICE == 0:
                on_rows(_ROWS_PER_NOTICE)
    except VideoError as error:
        failure = error  # what was decoded before the damage is kept
    on_rows(counts.frames_sampled % _ROWS_PER_NOTICE)
    yield from found.batches()
    if failure is not None:
        raise failure
