"""A long video in pieces has the rows of the whole one: real files of many kinds, cut by a small limit."""

import dataclasses
import itertools
import pathlib

import pytest
import videos

from beam_jobs.video import completeness, frames, pieces, reader
from beam_jobs.video.decoder_process import Decoder
from beam_jobs.video.frames import VideoError
from beam_jobs.video.pieces import WARM_UP_S, Keyframe, cut_at_keyframes

H264 = ("-c:v", "libx264", "-preset", "veryfast")
NUM_FRAMES = 900
CUT_ABOVE_S = 16


@pytest.fixture(scope="module")
def decoder():
    with_timeout = Decoder(timeout_s=20)
    yield with_timeout
    with_timeout.close()


def uneven_times() -> list[float]:
    """Of frames 20 to 70 ms apart, with half a second between two of them now and then."""
    steps = [20 + 7 * (i * i % 8) + (500 if i % 97 == 0 else 0) for i in range(1, NUM_FRAMES)]
    return list(itertools.accumulate(steps, initial=0))


def h264(path: pathlib.Path) -> str:
    return videos.write(path / "plain.mp4", NUM_FRAMES, options=(*H264, "-g", "60", "-bf", "0"))


def reordered(path: pathlib.Path) -> str:
    return videos.write(path / "bframes.mp4", NUM_FRAMES, options=(*H264, "-g", "45", "-bf", "4"))


def open_gop(path: pathlib.Path) -> str:
    options = ("-x264-params", "open-gop=1:keyint=50:min-keyint=25:bframes=3:scenecut=0")
    return videos.write(path / "open.mp4", NUM_FRAMES, options=(*H264, *options))


def mpeg2_open_gop(path: pathlib.Path) -> str:
    return videos.write(
        path / "mpeg2.mkv", NUM_FRAMES, options=("-c:v", "mpeg2video", "-g", "24", "-bf", "2", "-q:v", "3")
    )


def variable_rate(path: pathlib.Path) -> str:
    return videos.write(
        path / "vfr.mp4", NUM_FRAMES, timestamps_ms=uneven_times(), options=(*H264, "-g", "60", "-bf", "2")
    )


def edit_list(path: pathlib.Path) -> str:
    """Its first 1.1 s are cut away, between two keyframes."""
    whole = videos.write(path / "whole.mp4", NUM_FRAMES, options=(*H264, "-g", "60", "-bf", "2"))
    videos.ffmpeg("-ss", "1.1", "-i", whole, "-c", "copy", str(path / "edited.mp4"))
    return str(path / "edited.mp4")


def transport_stream(path: pathlib.Path) -> str:
    return videos.write(path / "stream.ts", NUM_FRAMES, options=(*H264, "-g", "60", "-bf", "2"))


def matroska(path: pathlib.Path) -> str:
    return videos.write(path / "film.mkv", NUM_FRAMES, options=(*H264, "-g", "60", "-bf", "3"))


def live_webm(path: pathlib.Path) -> str:
    """Like what a browser records: its length is not said."""
    options = ("-c:v", "libvpx", "-deadline", "realtime", "-g", "60", "-live", "1")
    return videos.write(path / "live.webm", NUM_FRAMES, options=options)


def vp9(path: pathlib.Path) -> str:
    options = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "60", "-auto-alt-ref", "1")
    return videos.write(path / "vp9.webm", NUM_FRAMES, options=options)


def hevc(path: pathlib.Path) -> str:
    options = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "keyint=60:open-gop=1:log-level=none")
    return videos.write(path / "hevc.mp4", NUM_FRAMES, options=options)


def interlaced(path: pathlib.Path) -> str:
    options = ("-vf", "interlace", "-c:v", "mpeg2video", "-g", "30", "-q:v", "2", "-flags", "+ilme+ildct")
    return videos.write(path / "interlaced.mkv", NUM_FRAMES, options=options)


def turned(path: pathlib.Path) -> str:
    return videos.rotate(h264(path), path / "turned.mp4", 90)


KINDS = (
    h264,
    reordered,
    open_gop,
    mpeg2_open_gop,
    variable_rate,
    edit_list,
    transport_stream,
    matroska,
    live_webm,
    vp9,
    hevc,
    interlaced,
    turned,
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_pieces_have_the_rows_of_the_whole_video(kind, decoder, tmp_path):
    video = kind(tmp_path)
    cut = decoder.read(video, 15, CUT_ABOVE_S)
    info = cut.open()
    assert 3 <= len(cut.pieces) <= 4
    whole = decoder.read(video, 15)
    expected = {frame.frame_id: frame for frame in whole}
    found: dict[int, frames.Frame] = {}
    states = []
    for piece in cut.pieces:
        decoded = decoder.read(video, 15, piece=piece)
        read = list(decoded)
        own = [frame for frame in read if frame.frame_id >= piece.first_frame_id]
        if piece.number:
            assert own[0].timestamp_ms - read[0].timestamp_ms > 1000 * (WARM_UP_S - 1)
        assert decoded.info == info == whole.info
        assert not found.keys() & {frame.frame_id for frame in own}
        found |= {frame.frame_id: frame for frame in own}
        states.append(decoded.state)
    assert list(found) == list(expected)
    for frame_id, frame in found.items():
        assert frame.timestamp_ms == expected[frame_id].timestamp_ms
        assert (frame.image == expected[frame_id].image).all()
    state = frames.joined(states)
    assert state.mean_brightness == pytest.approx(whole.mean_brightness)
    for name in ("num_frames_decoded", "last_timestamp_ms", "num_frames_chosen", "is_interlaced", "num_frames_lost"):
        assert getattr(state, name) == getattr(whole.state, name), name
    assert cut.stored_length is not None
    completeness.check_complete(video, cut.stored_length, state)


def every(step_s: float, duration_s: float) -> list[Keyframe]:
    return [Keyframe(i * step_s, round(i * step_s * 1000), 0) for i in range(int(duration_s / step_s) + 1)]


def bounds(found: tuple[pieces.Piece, ...]) -> list[tuple[int, int | None]]:
    return [(piece.first_frame_id, piece.end_frame_id) for piece in found]


class TestCutAtKeyframes:
    def test_pieces_are_half_as_long_as_the_limit(self):
        found = cut_at_keyframes(every(2, 3600), 3600, 600, 15)
        assert [piece.number for piece in found] == list(range(12))
        assert found[0].keyframe is None
        # The first keyframe 8 s before 300 s and its 4 after; rows begin behind 8 s of warming up.
        assert found[1].keyframe == Keyframe(292, 292_000, 0)
        assert bounds(found)[:2] == [(0, 4501), (4501, 9001)]
        assert bounds(found)[-1] == (49501, None)

    def test_a_video_up_to_the_limit_stays_whole(self):
        assert cut_at_keyframes(every(2, 600), 600, 600, 15) == ()
        assert len(cut_at_keyframes(every(2, 601), 601, 600, 15)) == 2

    def test_keyframes_that_are_rare_make_longer_pieces(self):
        found = cut_at_keyframes(every(1000, 3600), 3600, 600, 15)
        assert [piece.keyframe.time_s for piece in found[1:]] == [1000, 2000, 3000]

    def test_a_video_with_one_keyframe_stays_whole(self):
        assert cut_at_keyframes(every(1e6, 3600), 3600, 600, 15) == ()

    def test_no_piece_is_shorter_than_its_warming_up(self):
        found = cut_at_keyframes(every(1, 60), 60, 1, 15)
        assert len(found) == 7
        assert all(end - first >= 15 * WARM_UP_S - 15 for first, end in bounds(found)[:-1])


def avi(path: pathlib.Path) -> str:
    """It stores no times of showing."""
    return videos.write(path / "film.avi", NUM_FRAMES, options=("-c:v", "mpeg4", "-bf", "2", "-g", "60"))


def joined_recordings(path: pathlib.Path) -> str:
    """Time begins anew in its middle."""
    half = pathlib.Path(videos.write(path / "half.ts", NUM_FRAMES // 2, options=(*H264, "-g", "60")))
    (path / "joined.ts").write_bytes(half.read_bytes() * 2)
    return str(path / "joined.ts")


def one_keyframe(path: pathlib.Path) -> str:
    return videos.write(path / "one.mp4", NUM_FRAMES, options=(*H264, "-g", "9999", "-sc_threshold", "0"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [avi, joined_recordings, one_keyframe], ids=lambda kind: kind.__name__)
def test_what_cannot_be_cut_is_read_whole_at_once(kind, decoder, tmp_path):
    video = kind(tmp_path)
    decoded = decoder.read(video, 15, CUT_ABOVE_S)
    assert [frame.frame_id for frame in decoded] == [frame.frame_id for frame in decoder.read(video, 15)]
    assert decoded.pieces == ()
    assert decoded.state.last_timestamp_ms > 1000 * CUT_ABOVE_S


def test_a_file_says_how_long_it_is(tmp_path):
    """So a short one need not be looked through."""
    for name in ("short.mp4", "short.mkv"):
        with reader.VideoReader(videos.write(tmp_path / name, 30)) as opened:
            assert opened.longest_s == pytest.approx(1.0)


@pytest.mark.slow
def test_a_keyframe_that_is_not_there_is_not_replaced_by_another(decoder, tmp_path):
    video = h264(tmp_path)
    opened = decoder.read(video, 15, CUT_ABOVE_S)
    opened.open()
    piece = opened.pieces[1]
    moved = dataclasses.replace(piece, keyframe=dataclasses.replace(piece.keyframe, pts=piece.keyframe.pts - 1))
    with pytest.raises(VideoError) as raised:
        list(decoder.read(video, 15, piece=moved))
    assert raised.value.reason == "not_in_pieces"
    # The process goes on.
    assert len(list(decoder.read(video, 15, piece=piece))) > 100
