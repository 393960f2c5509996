"""Sessions by real WebSockets: answers, their independence, their end."""

import dataclasses
import json
import urllib.request

import numpy as np
import pytest
import session_clients
from session_clients import pack, timestamp_ms

from beam_jobs import taxonomy
from beam_jobs.pose.estimator import nobody
from live.recognizer import PersonRecognizer


@pytest.fixture(scope="module")
def squat():
    return session_clients.athletes("squat")[0]


@pytest.fixture(scope="module")
def jumping_jack():
    return session_clients.athletes("jumping_jack")[0]


def expected(bundle, poses, brightness=None):
    """A person's recognizer, asked directly: what it says whenever an answer is due, and the recognizer."""
    person = PersonRecognizer(bundle)
    found = [person.update(pose, timestamp_ms(index), brightness) for index, pose in enumerate(poses)]
    return [one for one in found if one.due], person


def place(pose):
    """The middle of shoulders and hips."""
    if not pose.detected:
        return None
    return [round(float(sum(pose.image[index, axis] for index in (11, 12, 23, 24)) / 4), 4) for axis in (0, 1)]


def as_sent(recognition):
    probabilities = recognition.probabilities
    return {
        "person": recognition.person,
        "exercise": recognition.exercise,
        "probability": recognition.probability,
        "status": recognition.status,
        "hint": recognition.hint,
        "repetitions": recognition.repetitions,
        "held_s": recognition.held_s,
        "place": place(recognition.pose),
        "probabilities": None if probabilities is None else [float(one) for one in probabilities],
    }


def send(socket, poses, **options):
    """Sends a clip; returns the answers to it."""
    for index, pose in enumerate(poses):
        socket.send(pack(timestamp_ms(index), [pose], **options))
    return [json.loads(socket.recv(timeout=10)) for _ in range(0, len(poses), 3)]


def num_sessions(server):
    return json.load(urllib.request.urlopen(f"{server.url}/health"))["sessions"]


def test_the_first_message_says_what_the_bundle_is(server, bundle):
    with server.connect() as socket:
        hello = json.loads(socket.recv(timeout=10))
    assert hello == {
        "hello": {
            "version": 1,
            "labels": list(bundle.labels),
            "shown_names": {label: taxonomy.shown_name(label) for label in bundle.labels},
            "holds": ["plank"],
            "frame_rate_hz": 15.0,
            "bundle": "bundle",
            "max_people": 1,
        }
    }


def test_answers_are_those_of_a_recognizer_to_the_last_bit(server, bundle, squat):
    with server.open() as socket:
        answers = send(socket, squat, brightness=99.5)
    due, _ = expected(bundle, squat, 99.5)
    assert answers == [{"timestamp_ms": one.timestamp_ms, "people": [as_sent(one)]} for one in due]
    assert {answer["people"][0]["exercise"] for answer in answers} == {None, "squat"}


def test_the_summary_is_that_of_a_recognizer_and_ends_the_session(server, bundle, squat):
    with server.open() as socket:
        send(socket, squat)
        socket.send('{"end": true}')
        summary = json.loads(socket.recv(timeout=10))["summary"]
        with pytest.raises(session_clients.ConnectionClosed) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd.code == 1000
    _, person = expected(bundle, squat)
    (whole,) = summary["people"]
    assert whole["exercise"] == person.summary().exercise == "squat"
    assert whole["probability"] == person.summary().probability
    assert whole["num_predictions"] == person.summary().num_predictions > 10
    assert "segments" not in whole
    (segment,) = summary["segments"]
    assert segment == {"person": 0, **dataclasses.asdict(person.segments()[0])}
    assert segment["exercise"] == "squat" and segment["repetitions"] is not None


def test_an_empty_session_has_an_empty_summary(server):
    with server.open() as socket:
        socket.send('{"end": true}')
        summary = json.loads(socket.recv(timeout=10))["summary"]
    assert summary["segments"] == []
    assert [one["status"] for one in summary["people"]] == ["no_person"]


def test_nobody_in_view_and_darkness_are_answers_too(server, squat):
    with server.open() as socket:
        nobody_seen = send(socket, [nobody()] * 3)
    with server.open() as socket:
        dark = send(socket, squat[:3], brightness=3)
    assert nobody_seen[0]["people"][0]["status"] == "no_person"
    assert dark[0]["people"][0]["status"] == "too_dark"


def test_sessions_that_run_at_once_do_not_mix(server, bundle, squat, jumping_jack):
    """Three clients take turns frame by frame; the third shows two people's frames in turn."""
    mixed = [pose for pair in zip(squat, jumping_jack, strict=False) for pose in pair]
    clips = [squat, jumping_jack, mixed[: len(squat)]]
    with server.open() as first, server.open() as second, server.open() as third:
        assert num_sessions(server) == 3
        open_ones = list(zip((first, second, third), clips, strict=True))
        for index in range(len(squat)):
            for socket, poses in open_ones:
                socket.send(pack(timestamp_ms(index), [poses[index]]))
        answers = [[json.loads(one.recv(timeout=10)) for _ in range(0, len(squat), 3)] for one, _ in open_ones]
    for got, poses in zip(answers, clips, strict=True):
        due, _ = expected(bundle, poses)
        assert [answer["people"] for answer in got] == [[as_sent(one)] for one in due]


def test_a_new_socket_is_a_new_session(server, bundle, squat):
    """What was before a lost socket is forgotten: the same clip has the same answers again, from time 0 on."""
    with server.connect() as socket:
        assert "hello" in json.loads(socket.recv(timeout=10))
        first = send(socket, squat)
        socket.socket.close()
    with server.open() as socket:
        again = send(socket, squat)
        assert num_sessions(server) == 1
    assert first == again


def test_fragments_are_put_together(server, bundle, squat):
    with server.open() as socket:
        for index, pose in enumerate(squat[:30]):
            whole = pack(timestamp_ms(index), [pose])
            socket.send([whole[:7], whole[7:500], whole[500:]])
        answers = [json.loads(socket.recv(timeout=10)) for _ in range(10)]
    due, _ = expected(bundle, squat[:30])
    assert [answer["people"] for answer in answers] == [[as_sent(one)] for one in due]


def moved(pose, metres):
    """The same person elsewhere in the picture."""
    return dataclasses.replace(pose, image=(pose.image + np.array([metres, 0, 0])).astype(np.float32))


def test_two_people_in_a_session_have_an_answer_each(bundle, pose_model, page, squat, jumping_jack):
    """Each person as if alone, in whatever order a message has them."""
    limits = session_clients.Limits(max_people=2)
    with session_clients.serving(bundle, pose_model, page, limits) as server, server.open() as socket:
        for index, (left, right) in enumerate(zip(squat, jumping_jack, strict=True)):
            both = [moved(left, -0.3), moved(right, 0.3)]
            socket.send(pack(timestamp_ms(index), both[:: -1 if index % 2 else 1]))
        answers = [json.loads(socket.recv(timeout=10)) for _ in range(0, len(squat), 3)]
        socket.send('{"end": true}')
        summary = json.loads(socket.recv(timeout=10))["summary"]
    # A number is where its person is: the squats on the left.
    (left,) = [one for one in answers[-1]["people"] if one["exercise"] == "squat"]
    (right,) = [one for one in answers[-1]["people"] if one["exercise"] == "jumping_jack"]
    assert left["place"][0] < right["place"][0]
    numbers = {one["person"] for answer in answers for one in answer["people"]}
    assert numbers == {0, 1}
    assert {one["exercise"] for one in answers[-1]["people"]} == {"squat", "jumping_jack"}
    assert {part["exercise"] for part in summary["segments"]} == {"squat", "jumping_jack"}
    assert len(summary["people"]) == 2


def test_a_session_for_several_people_says_when_nobody_is_there(bundle, pose_model, page):
    limits = session_clients.Limits(max_people=2)
    with session_clients.serving(bundle, pose_model, page, limits) as server, server.open() as socket:
        socket.send(pack(0, []))
        (nobody_there,) = json.loads(socket.recv(timeout=10))["people"]
    assert nobody_there["person"] is None and nobody_there["status"] == "no_person"
