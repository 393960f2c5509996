"""Landmarks of several people, as messages that the stream job puts together again; Pub/Sub's client is a list."""

import apache_beam as beam
import numpy as np
import people_videos
import pytest
from apache_beam.testing.util import assert_that, equal_to
from google.cloud import pubsub_v1

from beam_jobs import windows
from beam_jobs.pose import estimator
from beam_jobs.pose.estimator import Pose, nobody
from beam_jobs.stream.landmark_messages import LandmarkMessage, decode
from beam_jobs.stream.messages import Message
from beam_jobs.stream.sessions import DEAD_LETTERS, DecodeLandmarks, SegmentSessions, SessionRows
from live.defaults import DEFAULT_BUNDLE
from live.people import PeopleRecognizer
from live.publisher import ROWS_PER_MESSAGE, LandmarkPublisher
from live.recognizer import Recognition
from model import exported_bundle

FINGERPRINT = {"coordinates": "world", "num_people": 2}


class Sent:
    def result(self, timeout):
        pass


class ListedClient:
    def __init__(self, messages):
        self._messages = messages

    def publish(self, topic, data, **attributes):
        self._messages.append(Message(data, attributes, str(len(self._messages))))
        return Sent()


@pytest.fixture
def messages(monkeypatch):
    found: list[Message] = []
    monkeypatch.setattr(pubsub_v1, "PublisherClient", lambda: ListedClient(found))
    return found


def seen(person: int | None, frame_id: int, detected: bool = True) -> Recognition:
    points = np.full((33, 3), frame_id + 1000 * (person or 0), np.float32)
    pose = Pose(points, points, np.ones(33, np.float32), np.ones(33, np.float32)) if detected else nobody()
    return Recognition(frame_id * 67, person, None, None, None, False, pose)


def rows_of(messages: list[Message], person_id: int) -> list[tuple[int, float]]:
    """The stream job's (time, first coordinate) of a person's rows; messages come in another order."""
    session, rows = SessionRows(windows.WindowRule()), []
    for message in reversed([message for message in messages if decode(message).person_id == person_id]):
        for part in session.add(decode(message)):
            new = slice(part.num_known, None)
            rows += zip(part.times[new].tolist(), part.rows[new, 0, 0].tolist(), strict=True)
    assert not session.waits
    return rows


def test_each_person_has_messages_of_their_own(messages):
    """Person 0 is out of sight once, and leaves; then nobody is there; then comes person 2."""
    with LandmarkPublisher("projects/p/topics/t", FINGERPRINT) as publisher:
        for frame_id in range(80):
            people = [seen(0, frame_id, frame_id != 5)] if frame_id < 40 else []
            people += [seen(1, frame_id)] if 10 <= frame_id < 60 else []
            people += [seen(2, frame_id)] if frame_id >= 70 else []
            publisher.add(frame_id, frame_id * 67, people or [seen(None, frame_id, False)])
            if frame_id == 40:
                # What is left of a person who has left is not kept back.
                assert sum(len(decode(one).timestamps_ms) for one in messages if decode(one).person_id == 0) == 40
    assert {decode(message).session_id for message in messages} == {publisher._session_id}
    for person_id, frames in ((0, range(40)), (1, range(10, 60)), (2, range(70, 80))):
        found = rows_of(messages, person_id)
        assert [time for time, _ in found] == [67 * frame for frame in frames]
        expected = [np.nan if (person_id, frame) == (0, 5) else frame + 1000 * person_id for frame in frames]
        np.testing.assert_array_equal([value for _, value in found], expected)
    assert max(len(decode(message).timestamps_ms) for message in messages) == ROWS_PER_MESSAGE


@pytest.mark.parametrize(("other", "is_taken"), [({"num_people": 3}, True), ({"coordinates": "image"}, False)])
def test_how_many_people_were_looked_for_does_not_matter_to_the_stream(messages, other, is_taken):
    with LandmarkPublisher("projects/p/topics/t", FINGERPRINT | other) as publisher:
        publisher.add(0, 0, [seen(1, 0)])
    [found] = DecodeLandmarks({"coordinates": "world"}).process(messages[0])
    assert hasattr(found, "timestamp") == is_taken
    if is_taken:
        key, message = found.value
        assert key.endswith("/1") and message.person_id == 1


@pytest.mark.slow
def test_the_stream_job_finds_what_live_saw_of_each_person(messages, pose_model_path):
    """A real pose model and Beam's DirectRunner: a person who squats, and one who does jumping jacks and leaves."""
    athletes = [
        people_videos.Athlete("squat", people_videos.standing_at(-0.9), seed=1),
        people_videos.Athlete("jumping_jack", lambda s: (0.9, 0.0) if s < 4 else None, seed=5),
    ]
    bundle = exported_bundle.load(DEFAULT_BUNDLE)
    with (
        PeopleRecognizer(bundle, pose_model_path, 2) as recognizing,
        LandmarkPublisher("projects/p/topics/t", estimator.fingerprint(pose_model_path, 15.0, 2)) as publisher,
    ):
        for frame_id, picture in enumerate(people_videos.draw(athletes, 7)):
            timestamp_ms = round(frame_id * 1000 / people_videos.FRAME_RATE_HZ)
            publisher.add(frame_id, timestamp_ms, recognizing.update_all(picture, timestamp_ms))
        summaries = recognizing.summaries()
    names = ("exercise", "start_ms", "end_ms", "num_windows", "repetitions", "held_s")
    expected = [
        (summary.person, *(getattr(segment, name) for name in names))
        for summary in summaries
        for segment in summary.segments
    ]
    assert sorted(exercise for _, exercise, *_ in expected) == ["jumping_jack", "squat"]
    assert {person for person, *_ in expected} == {0, 1}
    with beam.Pipeline("DirectRunner") as pipeline:
        decode_all = beam.ParDo(DecodeLandmarks(estimator.fingerprint(pose_model_path)))
        decoded = (
            pipeline | "Messages" >> beam.Create(messages[::-1]) | decode_all.with_outputs(DEAD_LETTERS, main="main")
        )
        found = (
            decoded.main
            | "TypeMessages" >> beam.Map(lambda pair: pair).with_output_types(tuple[str, LandmarkMessage])
            | "Find" >> SegmentSessions(DEFAULT_BUNDLE, "", 10, 10)
            | "Take" >> beam.Map(lambda row: (row["person_id"], *(row[name] for name in names)))
        )
        assert_that(found, equal_to(expected))
