"""A session: the people in front of one camera, from a WebSocket's first message to its last."""

from beam_jobs.pose.estimator import nobody
from beam_jobs.pose.tracking import PeopleTracker
from live.people import TrackedPeople
from live.recognizer import PersonRecognizer, Recognition, Summary
from live.server import messages
from live.server.limits import Limits, TokenBucket
from live.server.messages import LandmarkFrame, RefusedError
from model.exported_bundle import ExportedBundle


class _OnePerson:
    def __init__(self, bundle: ExportedBundle) -> None:
        self._person = PersonRecognizer(bundle)

    def update(self, frame: LandmarkFrame) -> list[Recognition]:
        pose = frame.poses[0] if frame.poses else nobody()
        return [self._person.update(pose, frame.timestamp_ms, frame.brightness)]

    def summaries(self) -> list[Summary]:
        return [self._person.summary()]


class _SeveralPeople:
    def __init__(self, bundle: ExportedBundle) -> None:
        self._tracker, self._people = PeopleTracker(), TrackedPeople(bundle)

    def update(self, frame: LandmarkFrame) -> list[Recognition]:
        found = self._tracker.update(frame.poses, frame.timestamp_ms)
        return self._people.update(found, frame.timestamp_ms, frame.brightness)

    def summaries(self) -> list[Summary]:
        return self._people.summaries()


class Session:
    """Takes a client's messages, gives the server's; knows nothing of sockets.

    Each person has a recognizer of their own; the bundle, which keeps nothing between two windows, is shared. So all
    sessions of a server must be used from one thread.
    """

    def __init__(self, bundle: ExportedBundle, limits: Limits) -> None:
        rate_hz = limits.rate_factor * bundle.frame_rate_hz
        self._bucket = TokenBucket(rate_hz, limits.burst_s * rate_hz)
        self._rate_hz, self._max_people = rate_hz, limits.max_people
        # One person keeps the number through any absence; several are told apart by where they are.
        self._people: _OnePerson | _SeveralPeople
        self._people = _OnePerson(bundle) if limits.max_people == 1 else _SeveralPeople(bundle)
        self._stride = bundle.rule.stride
        self._last_ms = -1
        self.num_frames = 0

    def frame(self, data: bytes, now_s: float) -> str | None:
        """Takes a frame's landmarks.

        Args:
          data: as `messages.parse_frame` reads it.
          now_s: of a clock that never runs back.

        Returns:
          The answer to send; None where none is due.

        Raises:
          RefusedError: where the session must end.
        """
        self._pass(now_s)
        frame = messages.parse_frame(data, self._max_people)
        if frame.timestamp_ms <= self._last_ms:
            raise RefusedError(
                "bad_message",
                f"timestamp_ms is {frame.timestamp_ms} after {self._last_ms}; expected a later one for each frame.",
            )
        self._last_ms = frame.timestamp_ms
        self.num_frames += 1
        recognitions = self._people.update(frame)
        is_due = (self.num_frames - 1) % self._stride == 0
        return messages.answer(frame.timestamp_ms, recognitions) if is_due else None

    def end(self, text: str, now_s: float) -> str:
        """Takes a text, which can only be the session's end; returns the summary.

        Raises:
          RefusedError: for any other text.
        """
        self._pass(now_s)
        messages.check_end(text)
        return messages.summary(self._people.summaries())

    def _pass(self, now_s: float) -> None:
        if not self._bucket.take(now_s):
            raise RefusedError(
                "too_fast",
                f"more than {self._rate_hz:g} messages a second; send only the frames of the grid, and leave out those "
                "that are late.",
            )
