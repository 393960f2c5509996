"""Publishes a session's landmarks, and no pictures, to a Pub/Sub topic: `--publish`."""

import dataclasses
import datetime
import sys
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from beam_jobs import landmarks
from beam_jobs.errors import UsageError
from beam_jobs.stream import landmark_messages
from beam_jobs.stream.landmark_messages import LandmarkMessage
from live.recognizer import Recognition

# A second's rows go together: 8 KB.
ROWS_PER_MESSAGE = 15
# How long the end waits for what is under way.
_END_WITHIN_S = 10.0


@dataclasses.dataclass
class _PersonRows:
    """A person's rows that are not sent yet, and how many messages were."""

    rows: list[tuple[int, int, np.ndarray]] = dataclasses.field(default_factory=list)
    num_sent: int = 0


class LandmarkPublisher:
    """Sends each person's rows as they come; live never waits for the network.

    Use as a context manager: its end sends what is left, and says how many messages were lost.
    """

    def __init__(self, topic: str, fingerprint: Mapping[str, Any]) -> None:
        """Connects.

        Args:
          topic: projects/PROJECT/topics/TOPIC.
          fingerprint: of the landmarks.

        Raises:
          UsageError: if Google's client is not installed.
        """
        try:
            from google.cloud import pubsub_v1  # type: ignore[attr-defined]
        except ImportError:
            raise UsageError("--publish needs Google's client. Install it: pip install google-cloud-pubsub") from None
        self._client, self._topic, self._fingerprint = pubsub_v1.PublisherClient(), topic, dict(fingerprint)
        self._session_id = uuid.uuid4().hex
        self._started_at: str | None = None
        self._people: dict[int, _PersonRows] = {}
        self._sent: list[Any] = []

    def add(self, frame_id: int, timestamp_ms: int, people: Sequence[Recognition]) -> None:
        """Takes the next frame's people, in the order of time; one whose `person` is None stands for nobody."""
        if self._started_at is None:
            now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(milliseconds=timestamp_ms)
            self._started_at = now.isoformat().replace("+00:00", "Z")
        here = {one.person: one.pose for one in people if one.person is not None}
        for person_id in self._people.keys() - here.keys():
            # Numbers are not given again: nothing more comes of a person who has left.
            self._send(person_id)
            del self._people[person_id]
        for person_id, pose in here.items():
            person = self._people.setdefault(person_id, _PersonRows())
            person.rows.append((frame_id, timestamp_ms, pose.coordinates(self._fingerprint["coordinates"])))
            if len(person.rows) == ROWS_PER_MESSAGE:
                self._send(person_id)

    def _send(self, person_id: int) -> None:
        person = self._people[person_id]
        if not person.rows:
            return
        frame_ids, times, rows = zip(*person.rows, strict=True)
        points = np.asarray(rows, np.float32).reshape(-1, landmarks.NUM_LANDMARKS, 3)
        message = LandmarkMessage(
            self._session_id,
            person_id,
            person.num_sent,
            str(self._started_at),
            self._fingerprint,
            frame_ids,
            np.array(times, np.int64),
            points,
        )
        data, attributes = landmark_messages.encode(message)
        person.rows, person.num_sent = [], person.num_sent + 1
        self._sent.append(self._client.publish(self._topic, data, **attributes))

    def __enter__(self) -> "LandmarkPublisher":
        return self

    def __exit__(self, *_) -> None:
        for person_id in self._people:
            self._send(person_id)
        failed, reason = 0, ""
        for sent in self._sent:
            try:
                sent.result(timeout=_END_WITHIN_S if not failed else 0)
            except Exception as error:  # the client's, of many classes
                failed, reason = failed + 1, str(error) or type(error).__name__
        if failed:
            print(
                f"warning: {failed} of {len(self._sent)} messages were not published to {self._topic} ({reason}). "
                "Check the topic, the permission and the network.",
                file=sys.stderr,
            )
