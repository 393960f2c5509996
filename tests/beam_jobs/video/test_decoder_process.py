"""The decoding process: what it yields is what VideoReader yields, and its crash or hang costs one video."""

import math
import multiprocessing
import os
import signal
import socket
import struct

import numpy as np
import pytest
import videos

from beam_jobs import windows
from beam_jobs.video import decoder_process
from beam_jobs.video.frames import VideoError


@pytest.fixture
def clip(tmp_path):
    return videos.write(tmp_path / "clip.mp4", frames=60)


@pytest.fixture
def reader():
    isolated = decoder_process.Decoder(timeout_s=30)
    yield isolated
    isolated.close()


def test_frames_and_figures_are_those_of_the_reader(reader, clip):
    stream = reader.read(clip, 15)
    found = list(stream)
    expected = list(videos.read_frames(clip, windows.SamplingGrid(15)))
    assert [(f[0], f[1]) for f in found] == [(f.frame_id, f.timestamp_ms) for f in expected]
    np.testing.assert_array_equal([f[2] for f in found], [f.image for f in expected])
    assert (stream.state.num_frames_decoded, stream.info.width_px, stream.info.height_px) == (60, 160, 120)
    assert stream.state.last_timestamp_ms == pytest.approx(59 * 1000 / 30, abs=0.1)


def test_one_process_reads_one_video_after_the_other(reader, clip, tmp_path):
    list(reader.read(clip, 15))
    first = reader.process_id
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(VideoError) as raised:
        list(reader.read(str(tmp_path / "text.mp4"), 15))
    assert raised.value.reason == "not_a_video"
    assert len(list(reader.read(clip, 15))) == 30
    assert reader.process_id == first


@pytest.mark.parametrize(
    ("signal_sent", "reason"),
    [
        (signal.SIGSEGV, "decoder_crashed"),
        pytest.param(signal.SIGSTOP, "decoder_hung", marks=pytest.mark.slow),
    ],
)
def test_a_crash_or_hang_ends_one_video_and_the_next_is_read(clip, signal_sent, reason):
    isolated = decoder_process.Decoder(timeout_s=20)
    frames = iter(isolated.read(clip, 15))
    kept = [next(frames) for _ in range(3)]
    os.kill(isolated.process_id, signal_sent)
    with pytest.raises(VideoError) as raised:
        kept.extend(frames)
    assert raised.value.reason == reason
    assert 3 <= len(kept) < 30
    assert len(list(isolated.read(clip, 15))) == 30
    isolated.close()


def test_a_caller_that_stops_early_disturbs_nobody(reader, clip):
    frames = iter(reader.read(clip, 15))
    next(frames)
    frames.close()
    assert len(list(reader.read(clip, 15))) == 30


def test_sockets_that_time_out_elsewhere_disturb_nobody(clip):
    """Beam calls this when it looks for Google's credentials."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(60)
    try:
        isolated = decoder_process.Decoder()
        assert len(list(isolated.read(clip, 15))) == 30
        isolated.close()
    finally:
        socket.setdefaulttimeout(before)


@pytest.mark.parametrize(("dies", "reason"), [(True, "decoder_crashed"), (False, "decoder_hung")])
def test_a_death_or_hang_in_the_middle_of_a_message_is_one_too(clip, dies, reason):
    isolated = decoder_process.Decoder()
    frames = iter(isolated.read(clip, 15))
    next(frames)
    real = isolated._connection
    half, other = multiprocessing.Pipe()
    decoder_process.limit_reading(other, 0.5)
    # The length of a message, and then only some of it.
    os.write(half.fileno(), struct.pack("!i", 100) + b"some of it")
    if dies:
        half.close()
    os.dup2(other.fileno(), real.fileno())
    with pytest.raises(VideoError) as raised:
        list(frames)
    assert raised.value.reason == reason
    assert len(list(isolated.read(clip, 15))) == 30
    isolated.close()


def test_a_fault_of_the_reader_itself_is_no_fault_of_the_video(reader, clip):
    with pytest.raises(RuntimeError, match="Traceback"):
        list(reader.read(clip, frame_rate_hz="fifteen"))
    assert len(list(reader.read(clip, 15))) == 30


def test_opening_says_what_the_video_is(reader, clip):
    opened = reader.read(clip, 15)
    assert opened.open().codec == "h264"
    assert math.isnan(opened.mean_brightness)
    assert len(list(opened)) == 30
    # Drawn in grey of 110, with a few black and white blocks.
    assert 90 < opened.mean_brightness < 130
