"""Sessions of clients that send nonsense, too much, too fast, or do not read."""

import contextlib
import json
import logging
import socket as sockets
import struct
import time
import urllib.request

import numpy as np
import pytest
import session_clients
from session_clients import pack, timestamp_ms
from websockets.exceptions import ConnectionClosed

from beam_jobs.pose.estimator import Pose
from live.server import messages
from live.server import sockets as session_sockets
from live.server.limits import Limits, TokenBucket

PERSON = session_clients.athletes("squat")[0][20]


def refusal(socket, *sent):
    """The error and the close code that a client gets for what it sends."""
    for one in sent:
        socket.send(one)
    answer = {}
    with pytest.raises(ConnectionClosed) as closed:
        while "error" not in answer:
            answer = json.loads(socket.recv(timeout=10))
        socket.recv(timeout=10)
    return answer["error"]["code"], closed.value.rcvd.code


def wait_for_sessions(server, number: int):
    deadline = time.monotonic() + 10
    while json.load(urllib.request.urlopen(f"{server.url}/health"))["sessions"] != number:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def with_value(field: str, value: float) -> Pose:
    arrays = {name: getattr(PERSON, name).copy() for name in ("world", "image", "visibility", "presence")}
    arrays[field].flat[-1] = value
    return Pose(**arrays)


GOOD = pack(0, [PERSON])
BAD = {
    "empty": b"",
    "half a header": GOOD[:9],
    "a byte less": GOOD[:-1],
    "fewer people than said": struct.pack("<dfI", 0, 0, 1),
    "more people than said": struct.pack("<dfI", 0, 0, 0) + GOOD[16:],
    "very many people": struct.pack("<dfI", 0, 0, 2**32 - 1),
    "time is not a number": pack(float("nan"), [PERSON]),
    "endless time": pack(float("inf"), [PERSON]),
    "time before the first frame": pack(-1, [PERSON]),
    "time beyond the windows'": pack(2.0**31, [PERSON]),
    "endless brightness": pack(0, [PERSON], float("inf")),
    "brightness above 255": pack(0, [PERSON], 256),
    "a landmark that is not a number": pack(0, [with_value("world", float("nan"))]),
    "an endless landmark": pack(0, [with_value("image", float("-inf"))]),
    "a huge landmark": pack(0, [with_value("world", 3e38)]),
    "a visibility that is not a number": pack(0, [with_value("visibility", float("nan"))]),
    "JSON of something else": '{"begin": true}',
    "JSON of more": '{"end": true, "a": 1}',
    "no JSON": "hello",
    "deep JSON": "[" * 5000,
    "a number of many digits": "1" * 5000,
}


@pytest.mark.parametrize("what", BAD)
def test_what_makes_no_sense_ends_the_session_with_words(server, what):
    with server.open() as socket:
        assert refusal(socket, BAD[what]) == ("bad_message", 1008)


@pytest.mark.parametrize("later_ms", [0, -1, 0.4])
def test_time_must_move_on(server, later_ms):
    with server.open() as socket:
        assert refusal(socket, pack(100, [PERSON]), pack(100 + later_ms, [PERSON])) == ("bad_message", 1008)


@pytest.mark.parametrize("data", [pack(0, [PERSON] * 2), GOOD + b"0"])
def test_more_people_than_allowed_or_a_byte_more_are_too_large(server, data):
    with server.open() as socket:
        assert refusal(socket, data) == ("too_large", 1009)


def test_impossible_bodies_do_no_harm(bundle, pose_model, page):
    """All landmarks in one point, or as far away as may be, and the same body several times."""
    arrays = [np.zeros((33, 3), np.float32), np.full((33, 3), 999, np.float32), np.full((33, 3), -999, np.float32)]
    ones = np.ones(33, np.float32)
    bodies = [Pose(world, image, ones * seen, ones * seen) for world in arrays for image in arrays for seen in (0, 1)]
    limits = Limits(max_people=3)
    with session_clients.serving(bundle, pose_model, page, limits) as server, server.open() as socket:
        for index in range(60):
            people = [bodies[(index // 12 + offset * (index % 3)) % len(bodies)] for offset in range(3)]
            socket.send(pack(timestamp_ms(index), [*people[:2], PERSON]))
        answers = [json.loads(socket.recv(timeout=10)) for _ in range(20)]
    assert all("people" in answer for answer in answers)


def test_a_huge_message_is_not_read(server):
    """Closed by what its header says, long before its bytes are there."""
    with server.open() as socket:
        # The header alone of ten million masked bytes: while they were sent, a reset could eat the answer.
        socket.socket.sendall(b"\x82\xff" + (10_000_000).to_bytes(8, "big") + bytes(4))
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                socket.recv(timeout=10)
        assert closed.value.rcvd.code == 1009


def test_a_flood_ends(server):
    with server.open() as socket:
        flood = [pack(index, []) for index in range(1000)]
        with contextlib.suppress(ConnectionClosed):
            for message in flood:
                socket.send(message)
        assert refusal(socket) == ("too_fast", 1008)


def test_the_bucket_lets_the_rate_pass_and_a_burst():
    bucket = TokenBucket(rate_hz=30, capacity=60)
    assert sum(bucket.take(100.0) for _ in range(100)) == 60
    # Twice the rate: every second one passes.
    assert sum(bucket.take(100 + index / 60) for index in range(1, 601)) == 300
    # The rate itself always passes, after any pause.
    assert all(bucket.take(200 + index / 29) for index in range(1000))


def test_text_that_is_not_utf8_ends_the_session(server):
    with server.open() as socket, pytest.raises(ConnectionClosed) as closed:
        socket.send(b"\xff\xfe", text=True)
        socket.recv(timeout=10)
    assert closed.value.rcvd.code == 1007


def test_more_sessions_than_allowed_are_refused_in_words_and_places_come_back(bundle, pose_model, page):
    limits = Limits(max_sessions=2)
    with session_clients.serving(bundle, pose_model, page, limits) as server, server.open(), server.open() as second:
        with server.connect() as third:
            assert refusal(third) == ("busy", 1013)
        second.close()
        wait_for_sessions(server, 1)
        with server.open() as fourth:
            fourth.send(pack(0, []))
            assert "people" in json.loads(fourth.recv(timeout=10))


def test_a_silent_client_is_told_and_closed(bundle, pose_model, page):
    with session_clients.serving(bundle, pose_model, page, Limits(idle_s=0.3)) as server, server.open() as socket:
        assert refusal(socket) == ("idle", 1001)


def raw_session(server, receive_buffer_bytes=None) -> sockets.socket:
    """A TCP connection that has become a session's WebSocket, and does nothing by itself."""
    raw = sockets.socket()
    if receive_buffer_bytes:
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, receive_buffer_bytes)
    raw.connect(("127.0.0.1", server.port))
    raw.settimeout(10)
    raw.sendall(
        f"GET /session HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert raw.recv(12) == b"HTTP/1.1 101"
    return raw


def frame(opcode: int, content: bytes = b"", final: bool = True) -> bytes:
    """A client's WebSocket frame; its mask is zero."""
    head = bytes([opcode | (0x80 if final else 0)])
    length = bytes([0x80 | len(content)]) if len(content) < 126 else bytes([0xFE]) + struct.pack(">H", len(content))
    return head + length + b"\0\0\0\0" + content


def test_a_client_that_does_not_answer_pings_is_given_up(bundle, pose_model, page):
    with session_clients.serving(bundle, pose_model, page, Limits(ping_s=0.3)) as server, raw_session(server):
        wait_for_sessions(server, 0)


def test_a_client_that_does_not_read_is_given_up_and_others_go_on(bundle, pose_model, page):
    """Its answers fill the network's buffers, then its session waits, then ends."""
    limits = Limits(send_s=0.5, rate_factor=1e6)
    with session_clients.serving(bundle, pose_model, page, limits) as server:
        raw = raw_session(server, receive_buffer_bytes=4096)
        raw.settimeout(0.2)
        sent = 0
        with server.open() as other, contextlib.suppress(OSError):
            for sent in range(1_000_000):
                raw.sendall(frame(2, pack(sent, [PERSON])))
                if sent % 1000 == 0:
                    other.send(pack(sent, []))
        assert 100 < sent < 999_999
        wait_for_sessions(server, 0)
        with server.open() as other:
            other.send(pack(0, []))
            assert "people" in json.loads(other.recv(timeout=10))
        raw.close()


def test_pings_whose_answers_nobody_reads_are_cut_off(bundle, pose_model, page, caplog):
    with session_clients.serving(bundle, pose_model, page, Limits(max_unsent_bytes=100_000)) as server:
        raw = raw_session(server, receive_buffer_bytes=4096)
        ping = frame(9, b"0" * 125) * 1000
        with pytest.raises(ConnectionError):
            for _ in range(10_000):
                raw.sendall(ping)
        wait_for_sessions(server, 0)
    assert "cut off" in caplog.text


def test_countless_empty_fragments_are_cut_off(bundle, pose_model, page, caplog):
    with session_clients.serving(bundle, pose_model, page, Limits(max_fragments=8)) as server:
        raw = raw_session(server)
        raw.sendall(frame(2, b"0", final=False))
        with pytest.raises(ConnectionError):
            for _ in range(100_000):
                raw.sendall(frame(0, final=False) * 100)
        wait_for_sessions(server, 0)
    assert "cut off" in caplog.text


def test_a_fault_of_the_server_is_not_shown(bundle, pose_model, page, monkeypatch, caplog):
    def broken(*_):
        raise ValueError("a secret of the server")

    monkeypatch.setattr(messages, "answer", broken)
    with session_clients.serving(bundle, pose_model, page) as server, server.open() as socket:
        socket.send(GOOD)
        text = socket.recv(timeout=10)
        assert json.loads(text)["error"]["code"] == "internal" and "secret" not in text
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
        assert closed.value.rcvd.code == 1011
    assert "a secret of the server" in caplog.text


def test_the_log_has_sessions_but_no_landmarks(server, caplog):
    caplog.set_level(logging.INFO, session_sockets.__name__)
    with server.open() as socket:
        assert refusal(socket, GOOD, pack(1, [with_value("world", 3e38)])) == ("bad_message", 1008)
    assert "begins" in caplog.text and "ends after 1 frames: bad_message" in caplog.text
    assert "e+38" not in caplog.text and "array" not in caplog.text
    assert "Traceback" not in caplog.text


def test_a_server_that_ends_closes_its_sessions(bundle, pose_model, page):
    with session_clients.serving(bundle, pose_model, page) as server:
        socket = server.connect()
        socket.recv(timeout=10)
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=10)
    assert closed.value.rcvd.code == 1012
