"""What travels by a session's WebSocket: landmarks to the server, answers back. See README.md beside this file."""

import dataclasses
import json
import math
import struct
from typing import Any

import numpy as np

from beam_jobs import landmarks
from beam_jobs.pose.estimator import Pose
from beam_jobs.taxonomy import shown_names
from live.recognizer import Recognition, Summary
from model.exported_bundle import ExportedBundle

VERSION = 1
_HEADER = struct.Struct("<dfI")
# World x, y, z; image x, y, z; visibility; presence.
_NUM_VALUES = 8
_PERSON_BYTES = landmarks.NUM_LANDMARKS * _NUM_VALUES * 4
_TORSO = [landmarks.LEFT_SHOULDER, landmarks.RIGHT_SHOULDER, landmarks.LEFT_HIP, landmarks.RIGHT_HIP]
# Metres, and widths of a picture: further away is nobody.
_MAX_COORDINATE = 1000.0
# Windows hold times as int32.
_MAX_TIMESTAMP_MS = 2**31 - 1
# WebSocket close codes.
POLICY, TOO_BIG, INTERNAL, TRY_LATER = 1008, 1009, 1011, 1013


class RefusedError(Exception):
    """A session that the server ends.

    Attributes:
      code: one word for programs.
      message: what was wrong, and what to do.
      close_code: of the WebSocket.
    """

    def __init__(self, code: str, message: str, close_code: int = POLICY) -> None:
        super().__init__(message)
        self.code, self.message, self.close_code = code, message, close_code

    def text(self) -> str:
        """As the client gets it."""
        return json.dumps({"error": {"code": self.code, "message": self.message}})


def _bad(message: str) -> RefusedError:
    return RefusedError("bad_message", message)


@dataclasses.dataclass(frozen=True)
class LandmarkFrame:
    """One sampled frame of a client's camera.

    Attributes:
      timestamp_ms: since the session's first frame.
      brightness: the picture's mean grey, 0 to 255; None where the client does not know it.
      poses: of the people in it.
    """

    timestamp_ms: int
    brightness: float | None
    poses: list[Pose]


def max_bytes(max_people: int) -> int:
    """The length of the longest message of landmarks."""
    return _HEADER.size + max_people * _PERSON_BYTES


def parse_frame(data: bytes, max_people: int) -> LandmarkFrame:
    """Reads and checks one message of landmarks.

    Raises:
      RefusedError: where any of it is not as it should be.
    """
    if len(data) > max_bytes(max_people):
        raise RefusedError(
            "too_large",
            f"a message of {len(data)} bytes; expected at most {max_bytes(max_people)}, {max_people} people's.",
            TOO_BIG,
        )
    if len(data) < _HEADER.size or (len(data) - _HEADER.size) % _PERSON_BYTES:
        raise _bad(f"a message of {len(data)} bytes; expected {_HEADER.size} + {_PERSON_BYTES} for each person.")
    timestamp_ms, grey, num_people = _HEADER.unpack_from(data)
    if len(data) != _HEADER.size + num_people * _PERSON_BYTES:
        raise _bad(f"a message for {num_people} people has {len(data)} bytes; expected as many people as it says.")
    if not 0 <= timestamp_ms <= _MAX_TIMESTAMP_MS:
        raise _bad(f"timestamp_ms is {timestamp_ms:g}; expected 0 to {_MAX_TIMESTAMP_MS}, since the first frame.")
    brightness = None if math.isnan(grey) else grey
    if brightness is not None and not 0 <= brightness <= 255:
        raise _bad(f"brightness is {brightness:g}; expected 0 to 255, or NaN where it is unknown.")
    values = np.frombuffer(data, "<f4", offset=_HEADER.size)
    # NaN fails both comparisons, too.
    if num_people and not np.abs(values).max() <= _MAX_COORDINATE:
        raise _bad("a landmark is not a number, or is too large; send people with all landmarks only.")
    people = values.reshape(num_people, landmarks.NUM_LANDMARKS, _NUM_VALUES)
    return LandmarkFrame(round(timestamp_ms), brightness, [_pose(person) for person in people])


def _pose(person: np.ndarray) -> Pose:
    return Pose(world=person[:, :3], image=person[:, 3:6], visibility=person[:, 6], presence=person[:, 7])


def check_end(text: str) -> None:
    """Checks that a text message is the one that asks for the summary.

    Raises:
      RefusedError: for any other text.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if content != {"end": True}:
        raise _bad('a text that the server does not know; expected {"end": true}, and landmarks as binary messages.')


def hello(bundle: ExportedBundle, name: str, max_people: int) -> str:
    """The server's first message."""
    content = {
        "version": VERSION,
        "labels": list(bundle.labels),
        "shown_names": shown_names(bundle.labels),
        "holds": list(bundle.holds),
        "frame_rate_hz": bundle.frame_rate_hz,
        "bundle": name,
        "max_people": max_people,
    }
    return json.dumps({"hello": content})


def answer(timestamp_ms: int, recognitions: list[Recognition]) -> str:
    """What is known of each person after a frame."""
    return json.dumps({"timestamp_ms": timestamp_ms, "people": [_person(one) for one in recognitions]})


def _person(one: Recognition) -> dict[str, Any]:
    return {
        "person": one.person,
        "exercise": one.exercise,
        "probability": one.probability,
        "status": one.status,
        "hint": one.hint,
        "repetitions": one.repetitions,
        "held_s": one.held_s,
        "place": _place(one.pose),
        "probabilities": None if one.probabilities is None else one.probabilities.tolist(),
    }


def _place(pose: Pose) -> list[float] | None:
    """The middle of shoulders and hips, as shares of the picture's width and height: which body a number belongs to."""
    if not pose.detected:
        return None
    x, y = pose.image[_TORSO, :2].mean(axis=0).tolist()
    return [round(x, 4), round(y, 4)]


def summary(people: list[Summary]) -> str:
    """What each person did, from when to when, and the answer for the whole session."""
    segments, whole = [], []
    for one in people:
        content = {**dataclasses.asdict(one), "status": one.status}
        segments += [{"person": one.person, **segment} for segment in content.pop("segments")]
        whole.append(content)
    return json.dumps({"summary": {"segments": segments, "people": whole}})
