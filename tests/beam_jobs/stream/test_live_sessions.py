"""Live publishes its landmarks, and the stream job says what was done: Pub/Sub's emulator, DirectRunner, MediaPipe."""

import datetime
import functools
import json
import uuid

import cloud
import numpy as np
import pytest
from commands import run_command

from beam_jobs import tables
from beam_jobs.pose import estimator
from beam_jobs.stream.landmark_messages import LandmarkMessage, encode
from live.defaults import DEFAULT_BUNDLE

pytestmark = pytest.mark.slow


def publish_landmarks(video, topic: str) -> list[dict]:
    """Runs live on a file; the segments that it saw."""
    flags = ("--source", video, "--json", "--no_window")
    done = run_command("live", *flags, "--publish", topic)
    assert done.returncode == 0
    return json.loads(done.stdout.splitlines()[-1])["summary"]["segments"]


def nobody(fingerprint: dict) -> tuple[bytes, dict[str, str]]:
    """A message of a camera that nobody stands in front of."""
    now = datetime.datetime.now(datetime.UTC).isoformat()
    row = np.full((1, 33, 3), np.nan, np.float32)
    return encode(LandmarkMessage(uuid.uuid4().hex, 0, 0, now, fingerprint, [0], np.zeros(1, np.int64), row))


def test_live_sessions_become_the_segments_that_live_saw(athlete_videos, pose_model_path, tmp_path):
    videos = sorted(athlete_videos.rglob("*.mp4"))
    with cloud.pubsub_emulator() as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", address)
        landmarks, found, letters = cloud.Topic(), cloud.Topic(), cloud.Topic()
        sessions = [publish_landmarks(video, landmarks.path) for video in (videos[0], videos[-1])]
        names = ("exercise", "start_ms", "end_ms", "num_windows", "repetitions", "held_s")
        expected = sorted(tuple(segment[name] for name in names) for session in sessions for segment in session)
        assert len(expected) >= 2
        landmarks.publish(b"poison")
        output = str(tmp_path / "streamed")
        flags = ("--landmarks_subscription", landmarks.subscription, "--bundle", DEFAULT_BUNDLE, "--output", output)
        topics = ("--segments_topic", found.path, "--dead_letters_topic", letters.path)
        # A busy machine publishes some seconds later than it saw: a session must not end meanwhile.
        times = ("--window_s", 10, "--session_gap_s", 30)
        idle = functools.partial(nobody, estimator.fingerprint(pose_model_path))
        stream = cloud.streaming(*flags, *topics, *times, log=tmp_path / "log")
        with cloud.traffic(landmarks, idle), stream as process:
            published = [json.loads(message.data) for message in found.pull(len(expected))]
            failed = [json.loads(message.data) for message in letters.pull(1)]
            rows = cloud.wait_for(
                process,
                lambda: (
                    len(cloud.written(output, tables.SEGMENTS)) >= len(expected)
                    and cloud.written(output, tables.SEGMENTS).to_pylist()
                ),
                what="segments",
            )
    for ours in (published, rows):
        assert len({row["session_id"] for row in ours}) == 2
        assert sorted(tuple(row[name] for name in names) for row in ours) == expected
        # Clips of five to eight seconds: two to four repetitions, six of the quick jumping jacks.
        counted = [row["repetitions"] for row in ours if row["end_ms"] - row["start_ms"] > 2000]
        assert counted and all(1 <= num <= 7 for num in counted)
    assert [letter["reason"] for letter in failed] == ["not_landmarks"]
