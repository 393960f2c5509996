"""Messages of a live session's landmarks: what `live --publish` sends and the stream job reads. No pictures."""

import base64
import dataclasses
import datetime
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from beam_jobs import landmarks, tables
from beam_jobs.stream.messages import Message

KIND = "landmarks"
NOT_LANDMARKS = "not_landmarks"


class LandmarkMessageError(Exception):
    """A message holds no landmarks; the text says what was expected."""

    reason = NOT_LANDMARKS


@dataclasses.dataclass(frozen=True)
class LandmarkMessage:
    """Some rows of one person in a session, in order.

    Attributes:
      session_id: unique; a session is one run of live.
      person_id: 0-based.
      sequence: 0, 1, 2, …: which of the session's messages about this person.
      started_at: the time of the session's first frame, RFC 3339.
      fingerprint: of the landmarks, as tables carry it.
      frame_ids: T positions on the sampling grid.
      timestamps_ms: int64, shape (T,): since the session's first frame.
      landmarks: float32, shape (T, 33, 3); NaN where nobody is in view.
    """

    session_id: str
    person_id: int
    sequence: int
    started_at: str
    fingerprint: dict[str, Any]
    frame_ids: Sequence[int]
    timestamps_ms: np.ndarray
    landmarks: np.ndarray

    @property
    def key(self) -> str:
        """The session and the person."""
        return f"{self.session_id}/{self.person_id}"

    @property
    def time_s(self) -> float:
        """When the last row was seen, in seconds since 1970."""
        started = datetime.datetime.fromisoformat(self.started_at)
        return started.timestamp() + int(self.timestamps_ms[-1]) / 1000

    def is_made_as(self, fingerprint: dict[str, Any]) -> bool:
        """Whether its landmarks mean the same as those of this fingerprint, of however many people."""
        ours, others = (
            {name: value for name, value in one.items() if name not in tables.NOT_COMPARED}
            for one in (self.fingerprint, fingerprint)
        )
        return ours == others


def encode(message: LandmarkMessage) -> tuple[bytes, dict[str, str]]:
    """A message's body and attributes. The landmarks keep every bit."""
    body = {
        "kind": KIND,
        "session_id": message.session_id,
        "person_id": message.person_id,
        "sequence": message.sequence,
        "started_at": message.started_at,
        "fingerprint": message.fingerprint,
        "frame_ids": list(message.frame_ids),
        "timestamps_ms": message.timestamps_ms.tolist(),
        "landmarks": base64.b64encode(message.landmarks.astype("<f4").tobytes()).decode(),
    }
    time = datetime.datetime.fromtimestamp(message.time_s, datetime.UTC).isoformat().replace("+00:00", "Z")
    return json.dumps(body).encode(), {"kind": KIND, "session_id": message.session_id, "eventTime": time}


def decode(message: Message) -> LandmarkMessage:
    """A message's landmarks.

    Raises:
      LandmarkMessageError: if it holds none, or they are damaged.
    """
    try:
        body = json.loads(message.data)
        if body["kind"] != KIND:
            raise ValueError(f"kind is {body['kind']!r}")
        times = np.array(body["timestamps_ms"], np.int64)
        points = np.frombuffer(base64.b64decode(body["landmarks"], validate=True), "<f4")
        rows = points.astype(np.float32).reshape(len(times), landmarks.NUM_LANDMARKS, 3)
        if not len(times) or len(body["frame_ids"]) != len(times) or (np.diff(times) <= 0).any():
            raise ValueError("times or frames are not in order")
        found = LandmarkMessage(
            str(body["session_id"]),
            int(body["person_id"]),
            int(body["sequence"]),
            str(body["started_at"]),
            dict(body["fingerprint"]),
            [int(frame_id) for frame_id in body["frame_ids"]],
            times,
            rows,
        )
        _ = found.time_s  # where started_at is no time, it says so here
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LandmarkMessageError(
            f"message {message.message_id} holds no landmarks ({type(error).__name__}: {error}); expected what "
            "python -m live --publish sends. Publish nothing else there."
        ) from None
    return found
