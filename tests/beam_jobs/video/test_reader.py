"""Which frames come out of odd videos, at which time, and what is said of files that are no whole video."""

import collections
import dataclasses
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import videos

from beam_jobs import windows
from beam_jobs.video import containers, pictures
from beam_jobs.video import reader as video_reader
from beam_jobs.video.frames import VideoError

H264 = ("-c:v", "libx264", "-preset", "ultrafast")
B_FRAMES = ("-c:v", "libx264", "-preset", "medium", "-bf", "3", "-x264-params", "b-adapt=0")
VARIABLE_MS = (0, 33, 66, 100, 200, 300, 330, 400, 1000, 1010, 1500)


def read(path, frame_rate_hz=None):
    """(frame_id, timestamp_ms, the number drawn in the frame) of each frame that comes, and the reader."""
    grid = windows.SamplingGrid(frame_rate_hz) if frame_rate_hz else None
    with video_reader.VideoReader(path, grid) as reader:
        return [(frame_id, ms, videos.number(image)) for frame_id, ms, image in reader], reader


def read_broken(path, frame_rate_hz=None):
    """What comes before the error, and the error."""
    frames = []
    with pytest.raises(VideoError) as caught:
        for frame in videos.read_frames(path, windows.SamplingGrid(frame_rate_hz) if frame_rate_hz else None):
            frames.append((frame.frame_id, frame.timestamp_ms, videos.number(frame.image)))
    return frames, caught.value


def cut(path, share, to):
    content = pathlib.Path(path).read_bytes()
    to.write_bytes(content[: int(len(content) * share)])
    return str(to)


def noisy_frames(num):
    """Numbered frames that compress badly, so that a share of the bytes is about that share of the frames."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (num, 90, 160, 3), np.uint8)
    frames = [videos.frame(i) for i in range(num)]
    for picture, rubbish in zip(frames, noise, strict=True):
        picture[30:] = rubbish
    return frames


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """One noisy video of 60 frames in several containers."""
    folder = tmp_path_factory.mktemp("noisy")
    frames = noisy_frames(60)
    return {
        "mp4": videos.write(folder / "a.mp4", frames, options=(*H264, "-g", "15", "-movflags", "+faststart")),
        "plain.mp4": videos.write(folder / "plain.mp4", frames, options=(*H264, "-g", "15")),
        "mkv": videos.write(folder / "a.mkv", frames, options=(*H264, "-g", "15")),
        "webm": videos.write(folder / "a.webm", frames, options=("-c:v", "libvpx", "-b:v", "1M")),
        "avi": videos.write(folder / "a.avi", frames, options=("-c:v", "mpeg4", "-q:v", "5")),
    }


class TestTimestamps:
    # By hand: the first frame at or after 0, 52, 118.7, 185.3, 252, 318.7… ms: each 1/15 s, less 22 % of that.
    @pytest.mark.parametrize(
        ("rate", "expected"),
        [
            ("10", [(0, 0, 0), (1, 100, 1), (3, 200, 2), (4, 300, 3), (6, 400, 4), (7, 500, 5)]),
            ("24", [(0, 0, 0), (1, 83, 2), (2, 125, 3), (3, 208, 5), (4, 292, 7), (5, 333, 8)]),
            ("30000/1001", [(0, 0, 0), (1, 67, 2), (2, 133, 4), (3, 200, 6), (4, 267, 8), (5, 334, 10)]),
            ("30", [(0, 0, 0), (1, 67, 2), (2, 133, 4), (3, 200, 6), (4, 267, 8), (5, 333, 10)]),
            ("60", [(0, 0, 0), (1, 67, 4), (2, 133, 8), (3, 200, 12), (4, 267, 16), (5, 333, 20)]),
        ],
    )
    def test_constant_rates(self, tmp_path, rate, expected):
        frames, reader = read(videos.write(tmp_path / "a.mp4", 40, rate), 15)
        assert frames[:6] == expected
        assert reader.num_frames_decoded == 40
        nominal = eval(rate)
        assert reader.info.frame_rate_hz == pytest.approx(nominal)
        assert reader.mean_frame_rate_hz == pytest.approx(nominal, rel=1e-3)
        assert reader.duration_s == pytest.approx(40 / nominal, rel=1e-3)

    @pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "ts", "avi", "flv"])
    def test_b_frames_come_in_the_order_of_showing(self, tmp_path, ending):
        frames, _ = read(videos.write(tmp_path / f"a.{ending}", 40, 30, options=B_FRAMES))
        assert [number for _, _, number in frames] == list(range(40))
        assert [ms for _, ms, _ in frames] == pytest.approx([i * 1000 / 30 for i in range(40)], abs=1.01)

    @pytest.mark.parametrize(
        ("ending", "options"),
        [("mp4", H264), ("mp4", B_FRAMES), ("mkv", B_FRAMES), ("webm", ("-c:v", "libvpx", "-b:v", "1M"))],
    )
    def test_variable_rate_keeps_the_medias_own_times(self, tmp_path, ending, options):
        path = videos.write(tmp_path / f"a.{ending}", len(VARIABLE_MS), timestamps_ms=VARIABLE_MS, options=options)
        frames, reader = read(path)
        assert [ms for _, ms, _ in frames] == list(VARIABLE_MS)
        assert [number for _, _, number in frames] == list(range(len(VARIABLE_MS)))
        assert reader.mean_frame_rate_hz == pytest.approx(10 / 1.5)
        # By hand: 33, 100 and 1010 ms fall into cells that are used already.
        sampled = [
            (0, 0, 0),
            (1, 66, 2),
            (3, 200, 4),
            (4, 300, 5),
            (5, 330, 6),
            (6, 400, 7),
            (15, 1000, 8),
            (22, 1500, 10),
        ]
        assert read(path, 15)[0] == sampled

    @pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
    def test_a_late_start_is_time_zero(self, tmp_path, ending):
        path = videos.write(tmp_path / f"a.{ending}", 20, 30, options=(*B_FRAMES, "-output_ts_offset", "2"))
        frames, _ = read(path)
        assert [ms for _, ms, _ in frames] == pytest.approx([i * 1000 / 30 for i in range(20)], abs=1.01)

    def test_without_times_the_nominal_rate_counts(self, tmp_path):
        frames, _ = read(videos.write(tmp_path / "a.h264", 10, 25, options=B_FRAMES))
        assert [ms for _, ms, _ in frames] == [i * 40 for i in range(10)]

    def test_time_that_starts_again_goes_on(self, tmp_path):
        """Two recordings joined without care: the second one's clock starts anew."""
        first = videos.write(tmp_path / "1.ts", 60, 25, options=H264)
        second = videos.write(tmp_path / "2.ts", 60, 25, options=H264)
        joined = tmp_path / "joined.ts"
        joined.write_bytes(pathlib.Path(first).read_bytes() + pathlib.Path(second).read_bytes())
        frames, reader = read(str(joined))
        assert len(frames) == 120
        assert reader.num_frames_out_of_order == 0
        steps = np.diff([ms for _, ms, _ in frames])
        assert np.all(steps == 40)

    def test_frames_that_go_backwards_are_left_out_and_counted(self, tmp_path, monkeypatch):
        path = videos.write(tmp_path / "a.mp4", 6, 25)
        raw_ms = collections.deque([0.0, 40, 80, 60, 120, 160])
        monkeypatch.setattr(video_reader, "presentation_ms", lambda pts, time_base: raw_ms.popleft())
        reader = video_reader.VideoReader(path)
        assert [(frame.timestamp_ms, videos.number(frame.image)) for frame in reader] == [
            *((0, 0), (40, 1), (80, 2), (120, 4), (160, 5))
        ]
        assert (reader.num_frames_decoded, reader.num_frames_out_of_order) == (6, 1)

    @pytest.mark.parametrize(
        ("raw_ms", "expected"),
        [
            ((500, 540, 580), (0, 40, 80)),
            ((None, None, None), (0, 50, 100)),  # none: by the nominal rate of 20 Hz
            ((0, 40, 40, 120), (0, 40, 90, 120)),  # twice the same
            ((0, 40, 30, 80), (0, 40, None, 80)),  # late
            ((5000, 5040, 0, 40), (0, 40, 90, 130)),  # a clock that starts again
            ((0, 40, 9000), (0, 40, 9000)),  # a pause
        ],
    )
    def test_the_clock(self, raw_ms, expected):
        clock = video_reader.MediaClock(20)
        assert tuple(clock.time_ms(ms) for ms in raw_ms) == expected


class TestPictures:
    @pytest.mark.parametrize("degrees", [90, 180, 270])
    def test_turned_phone_videos_come_upright(self, tmp_path, degrees):
        upright = [videos.frame(i, 120, 160) for i in range(10)]
        # Stored as the sensor saw it: turned clockwise, for players to turn back.
        stored = [np.ascontiguousarray(np.rot90(picture, -degrees // 90)) for picture in upright]
        path = videos.rotate(videos.write(tmp_path / "a.mp4", stored), tmp_path / "b.mp4", degrees)
        frames = list(videos.read_frames(path))
        assert [videos.number(frame.image) for frame in frames] == list(range(10))
        assert frames[0].image.shape == (160, 120, 3)
        info = video_reader.VideoReader(path).info
        assert (info.width_px, info.height_px) == (120, 160)

    @pytest.mark.parametrize("size_px", [(163, 121), (62, 200), (1280, 60)])
    def test_odd_sizes(self, tmp_path, size_px):
        path = videos.write(tmp_path / "a.mp4", 5, size_px=size_px)
        frames = list(videos.read_frames(path))
        assert [videos.number(frame.image) for frame in frames] == list(range(5))
        assert frames[0].image.shape == (size_px[1], size_px[0], 3)
        assert frames[0].image.dtype == np.uint8

    def test_a_change_of_size_is_scaled_to_the_first(self, tmp_path):
        small = videos.write(tmp_path / "1.h264", 10, 25, size_px=(160, 120), options=H264)
        large = [videos.frame(i).repeat(2, axis=0).repeat(2, axis=1) for i in range(10, 20)]
        videos.write(tmp_path / "2.h264", large, 25, options=H264)
        joined = tmp_path / "joined.h264"
        joined.write_bytes(pathlib.Path(small).read_bytes() + (tmp_path / "2.h264").read_bytes())
        frames = list(videos.read_frames(str(joined)))
        assert {frame.image.shape for frame in frames} == {(120, 160, 3)}
        assert [videos.number(frame.image) for frame in frames] == list(range(20))

    def test_colours_are_bgr(self, tmp_path):
        blue = np.zeros((64, 64, 3), np.uint8)
        blue[..., 0] = 255
        image = next(videos.read_frames(videos.write(tmp_path / "a.mp4", [blue] * 3))).image
        assert image[32, 32, 0] > 200 > 60 > image[32, 32, 2]


class TestDamage:
    """What is said of each, and what is kept."""

    @pytest.mark.parametrize("ending", ["mp4", "mkv", "webm", "avi"])
    def test_a_missing_end_is_reported_after_what_there_is(self, tmp_path, noisy, ending):
        frames, error = read_broken(cut(noisy[ending], 0.6, tmp_path / f"cut.{ending}"))
        assert error.reason == "truncated"
        assert 25 <= len(frames) <= 40
        # The last one may be half a picture.
        assert [number for _, _, number in frames[:-1]] == list(range(len(frames) - 1))

    @pytest.mark.parametrize("ending", ["mp4", "mkv", "webm", "avi"])
    def test_the_last_percent_is_missed_too(self, tmp_path, noisy, ending):
        assert read_broken(cut(noisy[ending], 0.99, tmp_path / f"cut.{ending}"))[1].reason == "truncated"

    @pytest.mark.parametrize("ending", ["mp4", "plain.mp4", "mkv", "webm", "avi"])
    def test_whole_ones_are_whole(self, noisy, ending):
        frames, reader = read(noisy[ending])
        assert [number for _, _, number in frames] == list(range(60))
        assert reader.num_frames_lost == 0

    def test_an_mp4_without_its_index(self, tmp_path, noisy):
        frames, error = read_broken(cut(noisy["plain.mp4"], 0.6, tmp_path / "cut.mp4"))
        assert (frames, error.reason) == ([], "truncated")

    @pytest.mark.parametrize(("begin", "end", "least"), [(0.4, 0.7, 20), (0.6, 1.0, 25)])
    def test_overwritten_parts_are_damage(self, tmp_path, noisy, begin, end, least):
        content = bytearray(pathlib.Path(noisy["mp4"]).read_bytes())
        begin, end = int(len(content) * begin), int(len(content) * end)
        content[begin:end] = bytes(end - begin)
        (tmp_path / "a.mp4").write_bytes(content)
        frames, error = read_broken(str(tmp_path / "a.mp4"))
        assert error.reason == "damaged"
        assert len(frames) >= least
        assert [ms for _, ms, _ in frames] == sorted({ms for _, ms, _ in frames})

    def test_a_trimmed_mp4_is_whole(self, tmp_path, noisy):
        """An edit list hides the first frames; the container counts them all the same."""
        path = str(tmp_path / "trimmed.mp4")
        videos.ffmpeg("-ss", "0.9", "-i", noisy["mp4"], "-c", "copy", path)
        frames, reader = read(path)
        assert reader.info.num_frames > len(frames) == 33
        assert frames[0] == (0, 0, 27)

    @pytest.mark.parametrize("ending", ["mp4", "mkv"])
    def test_longer_sound_is_no_missing_picture(self, tmp_path, noisy, ending):
        path = str(tmp_path / f"a.{ending}")
        videos.ffmpeg("-f", "lavfi", "-i", "sine=duration=6", "-i", noisy["mp4"], "-c:v", "copy", path)
        assert len(read(path)[0]) == 60


class TestNoVideos:
    def test_a_missing_file(self, tmp_path):
        error = read_broken(str(tmp_path / "a.mp4"))[1]
        assert (error.reason, error.exit_code) == ("not_found", 2)

    def test_a_folder(self, tmp_path):
        error = read_broken(str(tmp_path))[1]
        assert error.reason == "not_a_video"
        assert "is a folder" in str(error)

    def test_a_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "a.mp4")
        error = read_broken(str(tmp_path / "a.mp4"))[1]
        assert error.reason == "not_a_video"
        assert "device" in str(error)

    def test_an_empty_file(self, tmp_path):
        (tmp_path / "a.mp4").touch()
        assert read_broken(str(tmp_path / "a.mp4"))[1].reason == "empty"

    @pytest.mark.parametrize("name", ["a.txt", "a.mp4", "a.m3u8"])
    def test_a_text(self, tmp_path, name):
        (tmp_path / name).write_text("#EXTM3U\n" + "Kniebeugen für Anfänger\n" * 300)
        frames, error = read_broken(str(tmp_path / name))
        assert (frames, error.reason) == ([], "not_a_video")

    def test_random_bytes(self, tmp_path):
        (tmp_path / "a.mp4").write_bytes(np.random.default_rng(0).bytes(50_000))
        assert read_broken(str(tmp_path / "a.mp4"))[1].reason == "not_a_video"

    @pytest.mark.parametrize("ending", ["png", "jpg", "bmp"])
    def test_a_picture(self, tmp_path, ending):
        import cv2

        path = str(tmp_path / f"a.{ending}")
        cv2.imwrite(path, videos.frame(3))
        frames, error = read_broken(path)
        assert (frames, error.reason) == ([], "not_a_video")

    @pytest.mark.parametrize("ending", ["mp3", "m4a", "wav"])
    def test_sound_alone(self, tmp_path, ending):
        path = str(tmp_path / f"a.{ending}")
        videos.ffmpeg("-f", "lavfi", "-i", "sine=duration=2", path)
        assert read_broken(path)[1].reason == "not_a_video"

    def test_a_songs_cover(self, tmp_path):
        import cv2

        cv2.imwrite(str(tmp_path / "a.png"), videos.frame(3))
        videos.ffmpeg("-f", "lavfi", "-i", "sine=duration=2", str(tmp_path / "a.mp3"))
        inputs = (
            "-i",
            str(tmp_path / "a.mp3"),
            "-i",
            str(tmp_path / "a.png"),
            "-map",
            "0",
            "-map",
            "1",
            "-c:a",
            "copy",
        )
        videos.ffmpeg(*inputs, "-disposition:v", "attached_pic", str(tmp_path / "b.mp3"))
        frames, error = read_broken(str(tmp_path / "b.mp3"))
        assert (frames, error.reason) == ([], "not_a_video")

    @pytest.mark.parametrize("ending", ["mp4", "avi"])
    def test_no_frames(self, tmp_path, ending):
        """What a recorder leaves that was stopped before its first frame."""
        import cv2

        path = str(tmp_path / f"a.{ending}")
        cv2.VideoWriter(path, cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 30, (160, 120)).release()
        frames, error = read_broken(path)
        assert (frames, error.reason) == ([], "no_frames")

    def test_absurd_size(self, tmp_path):
        wide = np.zeros((16, pictures.MAX_SIDE_PX + 2, 3), np.uint8)
        path = videos.write(tmp_path / "a.avi", [wide] * 2, options=("-c:v", "ffv1"))
        assert read_broken(path)[1].reason == "bad_size"

    def test_a_name_is_never_a_protocol(self, tmp_path, monkeypatch):
        """FFmpeg would take `concat:a|b` for an order."""
        path = videos.write(tmp_path / "a.mp4", 5)
        monkeypatch.chdir(tmp_path)
        with pytest.raises(VideoError) as caught:
            video_reader.VideoReader(f"concat:{path}")
        assert caught.value.reason == "not_found"


def test_nothing_is_written_to_standard_error(tmp_path, noisy):
    path = cut(noisy["mp4"], 0.6, tmp_path / "cut.mp4")
    code = (
        "from beam_jobs.video import frames, reader\n"
        f"try: list(reader.VideoReader({path!r}))\n"
        "except frames.VideoError as error: print(error.reason)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("truncated\n", "")


def test_what_containers_say_of_their_length(tmp_path, noisy):
    streamed = videos.write(tmp_path / "a.mkv", 5, options=(*H264, "-f", "matroska", "-live", "1"))
    assert containers.read_container_info(streamed).num_bytes is None
    for kind in ("mp4", "mkv", "avi"):
        info = containers.read_container_info(noisy[kind])
        assert info.num_bytes == info.num_bytes_actual


def test_fragments_count_no_frames(tmp_path):
    path = videos.write(tmp_path / "a.mp4", 5, options=(*H264, "-movflags", "frag_keyframe+empty_moov"))
    frames, reader = read(path)
    assert (len(frames), reader.info.num_frames) == (5, 0)


@pytest.mark.parametrize("kind", ["mp4", "plain.mp4"])
def test_boxes_of_other_kinds_are_passed_over(tmp_path, noisy, kind):
    """As a live stream's recorder puts one (`prft`) before the index."""
    content = pathlib.Path(noisy[kind]).read_bytes()
    start = int.from_bytes(content[:4])  # behind ftyp
    box = (16).to_bytes(4) + b"prft" + bytes(8)
    path = tmp_path / "a.mp4"
    if kind == "plain.mp4":  # the index comes last, and nothing in front of it must move
        start = content.rindex(b"moov") - 4
    path.write_bytes(content[:start] + box + content[start:])
    info = containers.read_container_info(str(path))
    assert info == dataclasses.replace(
        containers.read_container_info(noisy[kind]), num_bytes=len(content) + 16, num_bytes_actual=len(content) + 16
    )
    assert info.has_index
    if kind == "plain.mp4":
        assert len(read(str(path))[0]) == 60


def test_rubbish_before_the_index_says_nothing(tmp_path, noisy):
    content = pathlib.Path(noisy["plain.mp4"]).read_bytes()
    index = content.rindex(b"moov") - 4
    for name, rubbish in (("type", (8).to_bytes(4) + b"\0\1\2\3"), ("length", (1 << 31).to_bytes(4) + b"prft")):
        path = tmp_path / name
        path.write_bytes(content[:index] + rubbish + content[index:])
        assert containers.read_container_info(str(path)) == containers.ContainerInfo(None, len(content) + 8)
    path.write_bytes(content[:index])
    assert containers.read_container_info(str(path)).is_truncated


def test_more_pixels_than_a_worker_has_memory_for_are_refused(tmp_path, monkeypatch):
    path = videos.write(tmp_path / "v.mp4", frames=5, size_px=(160, 120))
    monkeypatch.setattr(pictures, "MAX_PIXELS", 160 * 120)
    assert video_reader.VideoReader(path).info.width_px == 160
    monkeypatch.setattr(pictures, "MAX_PIXELS", 160 * 120 - 1)
    with pytest.raises(VideoError, match="160 x 120 pixels") as raised:
        video_reader.VideoReader(path)
    assert raised.value.reason == "bad_size"
