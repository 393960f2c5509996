"""Landmarks of live sessions: messages in any order, and what was done."""

import dataclasses
import itertools
import pickle

import numpy as np
import pytest

from beam_jobs import windows
from beam_jobs.stream.landmark_messages import LandmarkMessage, LandmarkMessageError, decode, encode
from beam_jobs.stream.messages import Message
from beam_jobs.stream.sessions import SessionRows
from beam_jobs.windows import WindowRule

RULE = WindowRule()


def session(num_messages: int, rows_per_message: int = 15, nobody: slice | None = None) -> list[LandmarkMessage]:
    num = num_messages * rows_per_message
    points = np.random.default_rng(0).normal(size=(num, 33, 3)).astype(np.float32)
    if nobody:
        points[nobody] = np.nan
    times = np.arange(num) * 67
    return [
        LandmarkMessage(
            "session",
            0,
            number,
            "2026-11-27T12:00:00Z",
            {"coordinates": "world"},
            list(range(start, start + rows_per_message)),
            times[start : start + rows_per_message],
            points[start : start + rows_per_message],
        )
        for number, start in enumerate(range(0, num, rows_per_message))
    ]


def fed(messages, give_up_at_end=False) -> list[tuple[np.ndarray, np.ndarray]]:
    """What the bundle's graph is fed for each window."""
    rows, found = SessionRows(RULE), []
    for message in messages:
        rows = pickle.loads(pickle.dumps(rows))  # as state is kept
        found += [windows.end_to_end_inputs(*part[:2], last, RULE) for part in rows.add(message) for last in part.due]
    if give_up_at_end:
        found += [windows.end_to_end_inputs(*part[:2], last, RULE) for part in rows.give_up() for last in part.due]
    return found


def fed_at_once(messages) -> list[tuple[np.ndarray, np.ndarray]]:
    """The same of a whole clip, by the rule of files."""
    points = np.concatenate([message.landmarks for message in messages])
    times = np.concatenate([message.timestamps_ms for message in messages])
    seen = np.isfinite(points).any(axis=(1, 2))
    ends = [end for end, _ in windows.windows(((np.empty(0), bool(one)) for one in seen), RULE)]
    return [windows.end_to_end_inputs(points, times, end, RULE) for end in ends]


def same(ours, theirs) -> bool:
    pairs = itertools.zip_longest(ours, theirs)
    return all(np.array_equal(a[0], b[0], equal_nan=True) and np.array_equal(a[1], b[1]) for a, b in pairs) and len(
        ours
    ) == len(theirs)


@pytest.mark.parametrize("rows_per_message", [1, 7, 15, 60])
@pytest.mark.parametrize("nobody", [None, slice(0, 20), slice(70, 100)])
def test_windows_are_those_of_a_file(rows_per_message, nobody):
    messages = session(180 // rows_per_message, rows_per_message, nobody)
    theirs = fed_at_once(messages)
    assert len(theirs) > 20 and same(fed(messages), theirs)


def test_messages_in_any_order_and_repeated():
    messages = session(8)
    theirs = fed_at_once(messages)
    shuffled = [messages[i] for i in (2, 0, 1, 1, 5, 4, 3, 0, 7, 6)]
    assert same(fed(shuffled), theirs)


def test_a_missing_message_is_given_up():
    messages = session(8)
    there = messages[:3] + messages[4:]
    assert len(fed(there)) == len(fed_at_once(messages[:3]))  # it waits
    found = fed(there, give_up_at_end=True)
    # Time goes on as it was; the rows that are missing are missing.
    assert len(found) > len(fed_at_once(messages[:3])) and found[-1][1][-1] > messages[-2].timestamps_ms[-1]


def test_no_more_rows_are_kept_than_needed():
    rows = SessionRows(RULE)
    for message in session(40):
        list(rows.add(message))
    assert len(pickle.dumps(rows)) < 20_000


def test_every_bit_of_a_message_comes_back():
    message = session(1, nobody=slice(3, 5))[0]
    data, attributes = encode(message)
    found = decode(Message(data, attributes, "1"))
    assert np.array_equal(found.landmarks, message.landmarks, equal_nan=True) and found.landmarks.dtype == np.float32
    assert np.array_equal(found.timestamps_ms, message.timestamps_ms)
    assert dataclasses.replace(found, landmarks=0, timestamps_ms=0) == dataclasses.replace(
        message, landmarks=0, timestamps_ms=0
    )
    assert attributes["eventTime"] == "2026-11-27T12:00:00.938000Z"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"no json",
        lambda data: b"[]",
        lambda data: data.replace(b'"landmarks"', b'"other"', 1),
        lambda data: data.replace(b"2026-11-27", b"yesterday"),
        lambda data: data.replace(b'"timestamps_ms": [0, ', b'"timestamps_ms": [99, '),
        lambda data: data[:200],
    ],
)
def test_other_messages_are_refused(damage):
    with pytest.raises(LandmarkMessageError, match="7"):
        decode(Message(damage(encode(session(1)[0])[0]), {}, "7"))
