"""Cameras and streams give their newest frame; recordings give every frame; what fails says why."""

import contextlib
import itertools
import os
import pathlib
import socket
import subprocess
import time

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
import servers
import videos
from commands import run_python

from beam_jobs import windows
from beam_jobs.errors import UsageError, UserError
from beam_jobs.video.frames import VideoError
from live import camera, live_source


class FakeCamera:
    """Gives a numbered frame every 1/rate s, as a driver does: a late reader gets the queued ones."""

    def __init__(self, rate_hz=100.0, num_frames=None, opens=True, fails=()):
        self._period_s, self._num_frames, self._opens, self._fails = 1 / rate_hz, num_frames, opens, set(fails)
        self._next_s, self.num_read, self.released = time.monotonic(), 0, False
        self.read_at_s = {}

    def isOpened(self):  # noqa: N802
        return self._opens

    def set(self, *_):
        return True

    def read(self):
        if self.num_read == self._num_frames or self.num_read in self._fails:
            self._fails.discard(self.num_read)
            return False, None
        self._next_s += self._period_s
        time.sleep(max(0, self._next_s - time.monotonic()))
        self.num_read += 1
        self.read_at_s[self.num_read - 1] = time.monotonic()
        return True, videos.frame((self.num_read - 1) % 1024)

    def release(self):
        self.released = True


@contextlib.contextmanager
def newest(capture, rate_hz=1000.0, timeout_s=2.0):
    source = camera.LiveSource(capture, "camera 7", windows.SamplingGrid(rate_hz), timeout_s)
    with contextlib.closing(source):
        yield source


class TestLiveSource:
    def test_a_slow_consumer_never_falls_behind(self):
        """Inference ten times slower than the camera: a frame's age stays what it was, however long it goes on."""
        capture = FakeCamera(rate_hz=100)
        ages_s, numbers = [], []
        with newest(capture) as source:
            for frame in itertools.islice(source, 15):
                numbers.append(videos.number(frame.image))
                ages_s.append(time.monotonic() - capture.read_at_s[numbers[-1]])
                time.sleep(0.1)
        # A frame that was queued would be 0.1 s older each time: over 1 s at the end.
        assert np.median(ages_s[-5:]) < 0.3
        assert np.median(np.diff(numbers)) >= 5

    def test_time_is_when_frames_arrived(self):
        capture = FakeCamera(rate_hz=50)
        with newest(capture) as source:
            frames = list(itertools.islice(source, 10))
        numbers = [videos.number(frame.image) for frame in frames]
        arrived_ms = np.array([capture.read_at_s[number] for number in numbers]) * 1000
        assert frames[0].timestamp_ms == 0
        assert [frame.timestamp_ms for frame in frames] == pytest.approx(arrived_ms - arrived_ms[0], abs=100)

    def test_the_grid_chooses(self):
        with newest(FakeCamera(rate_hz=100), rate_hz=10) as source:
            frames = list(itertools.islice(source, 6))
        ids = [frame.frame_id for frame in frames]
        assert ids == sorted(set(ids))
        assert ids[-1] <= 8
        assert frames[-1].timestamp_ms >= 450

    def test_frames_from_before_are_not_shown(self):
        """Models take seconds to load; what the camera saw meanwhile is old."""
        capture = FakeCamera(rate_hz=100)
        with newest(capture) as source:
            time.sleep(0.3)
            first = next(iter(source))
        assert videos.number(first.image) >= 25
        assert first.timestamp_ms == 0

    def test_closing_releases_the_camera(self):
        capture = FakeCamera()
        with newest(capture) as source:
            next(iter(source))
        assert capture.released

    def test_a_camera_that_goes_away(self):
        with newest(FakeCamera(num_frames=30)) as source, pytest.raises(UserError, match="camera 7 went away after 30"):
            for _ in source:
                pass

    def test_a_frame_that_fails_is_not_the_end(self):
        with newest(FakeCamera(fails=(10, 20, 21))) as source:
            frames = itertools.islice(source, 40)
            assert videos.number(list(frames)[-1].image) >= 39

    def test_a_camera_that_gives_no_picture(self):
        with newest(FakeCamera(num_frames=0)) as source, pytest.raises(UserError, match="gives no picture"):
            next(iter(source))

    def test_a_camera_that_hangs(self):
        with (
            newest(FakeCamera(rate_hz=0.3), timeout_s=0.2) as source,
            pytest.raises(UserError, match=r"no frame for 0\.2 s"),
        ):
            next(iter(source))


def used(arrivals_ms, rate_hz=15):
    """(frame_id, timestamp_ms) of the frames that are used, of those that arrive at given moments."""

    class Arrivals(camera.LiveSource):
        def _take(self):
            if not self.left_ms:
                raise UserError("no more")
            return self.left_ms.pop(0) / 1000, videos.frame(0)

    source = Arrivals(FakeCamera(num_frames=0), "camera 7", windows.SamplingGrid(rate_hz))
    source.left_ms = list(arrivals_ms)
    frames = []
    with contextlib.closing(source), contextlib.suppress(UserError):
        for frame in source:
            frames.append((frame.frame_id, frame.timestamp_ms))
    return frames


class TestBursts:
    """Frames that arrive unevenly: no two that are used lie close together, so that speeds stay what they are."""

    def test_two_frames_on_both_sides_of_a_border(self):
        """Cell 2 begins at 118.67 ms: the frames at 118.6 and 118.8 are in two cells, and both round to 119 ms."""
        assert used([0, 118.6, 118.8, 190]) == [(0, 0), (1, 119), (3, 190)]

    def test_a_passed_over_frame_uses_up_no_cell(self):
        """Cell 2's first frame comes too soon after the last; its second one does not."""
        assert used([0, 118.6, 118.8, 160]) == [(0, 0), (1, 119), (2, 160)]

    @pytest.mark.parametrize("rate_hz", [15, 24, 25, 29.97, 30, 60])
    def test_steady_cameras_lose_nothing(self, rate_hz):
        arrivals_ms = np.arange(200) * 1000 / rate_hz
        grid = windows.SamplingGrid(15)
        chosen = [(grid.frame_id(ms), round(ms)) for ms in arrivals_ms]
        assert used(arrivals_ms) == [(frame_id, ms) for frame_id, ms in chosen if frame_id is not None]

    @pytest.mark.parametrize("seed", range(5))
    def test_a_camera_that_jitters_and_bursts(self, seed):
        rng = np.random.default_rng(seed)
        arrivals_ms = np.arange(1000) * 40 + rng.exponential(12, 1000)
        # Every fifth frame is held back by a driver, and comes with the next one.
        arrivals_ms[::5] = arrivals_ms[1::5] - rng.uniform(0, 1, 200)
        frames = used(np.maximum.accumulate(arrivals_ms - arrivals_ms[0]))
        ids, times = np.array(frames).T
        assert np.diff(ids).min() >= 1
        assert np.diff(times).min() >= 33
        # Twenty times a second something comes; most cells have a frame all the same.
        assert len(frames) > 0.75 * 40 * 15


@contextlib.contextmanager
def udp_stream(*options):
    """The address of a stream of 25 frames a second, encoded with further options of ffmpeg."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"udp://127.0.0.1:{unused.getsockname()[1]}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-re", "-f", "lavfi", "-i"]
    command += ["testsrc=rate=25:size=160x120", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"]
    sender = subprocess.Popen(
        [*command, *options, "-g", "10", "-t", "30", "-f", "mpegts", address],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield address
    finally:
        sender.kill()
        sender.wait()


class TestSendersTimes:
    """A stream's own times, where it has some: 25 frames a second, which arrive when the network lets them."""

    @staticmethod
    def clock(sent_ms, arrived_s):
        """What the clock makes of frames that were sent and arrived at given moments; seconds since the first."""
        left_ms = iter(sent_ms)

        class Capture:
            def get(self, _):
                return next(left_ms)

        clock = live_source._SendersClock(Capture())
        times_s = np.array([clock.time_s(moment) for moment in arrived_s])
        return times_s - times_s[0]

    def test_uneven_arrival_does_not_matter(self):
        sent_ms = 5000 + np.arange(50) * 40.0
        arrived_s = 100 + np.arange(50) * 0.04 + np.random.default_rng(0).uniform(0, 0.5, 50)
        assert self.clock(sent_ms, arrived_s) == pytest.approx(np.arange(50) * 0.04)

    def test_without_times_arrival_counts(self):
        arrived_s = 100 + np.arange(50) * 0.04
        assert self.clock(np.zeros(50), arrived_s) == pytest.approx(np.arange(50) * 0.04)

    def test_a_clock_that_is_set_anew(self):
        sent_ms = np.concatenate([np.arange(25) * 40.0, 1e9 + np.arange(25) * 40.0, np.arange(1, 26) * 40.0])
        arrived_s = 100 + np.arange(75) * 0.04
        assert self.clock(sent_ms, arrived_s) == pytest.approx(np.arange(75) * 0.04)

    def test_a_real_stream(self):
        """MPEG transport over UDP: frames are 40 ms apart by their sender, whenever they arrive."""
        with (
            udp_stream() as address,
            contextlib.closing(camera.open_source(address, windows.SamplingGrid(15))) as source,
        ):
            assert source.is_live
            times_ms = np.array([frame.timestamp_ms for frame in itertools.islice(source, 20)])
        assert np.all(times_ms % 40 == 0)
        assert np.diff(times_ms).max() < 1000


class TestOpening:
    def test_a_camera_that_is_not_there(self):
        with pytest.raises(UserError, match="camera 63 cannot be opened"):
            camera.open_source("63", windows.SamplingGrid())

    def test_the_message_says_that_another_program_uses_the_camera(self, monkeypatch):
        monkeypatch.setattr(camera.os.path, "exists", lambda _: True)
        monkeypatch.setattr(camera.os, "access", lambda *_: True)
        busy = FakeCamera(opens=False)
        with pytest.raises(UserError, match="Close other programs"):
            camera.open_source("0", windows.SamplingGrid(), open_camera=lambda _: busy)
        assert busy.released

    def test_a_camera(self):
        with contextlib.closing(camera.open_source("0", windows.SamplingGrid(), lambda _: FakeCamera())) as source:
            assert source.is_live
            assert videos.number(next(iter(source)).image) >= 0

    @pytest.mark.parametrize("name", ["3", "/dev/video3", "link"])
    def test_a_cameras_names(self, name, tmp_path, monkeypatch):
        """A number, a device, and a link to a device, as /dev/v4l/by-id has them."""
        os.symlink("/dev/video3", tmp_path / "link")
        monkeypatch.chdir(tmp_path)
        asked = []
        opened = camera.open_source(name, windows.SamplingGrid(), lambda index: asked.append(index) or FakeCamera())
        opened.close()
        assert asked == [3]

    def test_a_folder(self, tmp_path):
        opened = camera.open_source(str(tmp_path), windows.SamplingGrid())
        with contextlib.closing(opened), pytest.raises(VideoError, match="is a folder"):
            opened.wait_until_open()

    def test_a_missing_file_is_wrong_usage(self, tmp_path):
        with pytest.raises(UsageError, match="does not exist"):
            camera.open_source(str(tmp_path / "a.mp4"), windows.SamplingGrid())

    def test_a_file_that_is_no_video(self, tmp_path):
        (tmp_path / "a.mp4").write_bytes(bytes(1000))
        opened = camera.open_source(str(tmp_path / "a.mp4"), windows.SamplingGrid())
        with contextlib.closing(opened), pytest.raises(VideoError):
            opened.wait_until_open()

    @pytest.mark.parametrize("scheme", ["rtsp", "http"])
    def test_an_address_that_does_not_answer_is_an_error(self, scheme):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        with pytest.raises(UserError, match="cannot be opened"):
            camera.open_source(f"{scheme}://127.0.0.1:{port}/a", windows.SamplingGrid())

    def test_a_server_that_says_nothing(self, monkeypatch):
        monkeypatch.setattr(camera, "TIMEOUT_S", 1.0)
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            begun = time.monotonic()
            with pytest.raises(UserError, match="within 1 s"):
                camera.open_source(f"http://127.0.0.1:{silent.getsockname()[1]}/a.mp4", windows.SamplingGrid())
            assert time.monotonic() - begun < 8


def test_a_file_gives_every_frame_on_the_grid(tmp_path):
    path = videos.write(tmp_path / "a.mp4", 60, 30)
    with contextlib.closing(camera.open_source(path, windows.SamplingGrid(15))) as source:
        assert not source.is_live
        frames = []
        for frame in source:
            frames.append(frame)
            time.sleep(0.01)
    assert [videos.number(frame.image) for frame in frames] == list(range(0, 60, 2))
    assert [frame.frame_id for frame in frames] == list(range(30))


def test_a_file_in_this_process(tmp_path):
    path = videos.write(tmp_path / "a.mp4", 60, 30)
    with contextlib.closing(camera.RecordedSource(path, windows.SamplingGrid(15), in_own_process=False)) as source:
        assert [videos.number(frame.image) for frame in source] == list(range(0, 60, 2))


def test_opencv_and_its_windows_meet_no_other_ffmpeg(tmp_path):
    """Reading a file imports no PyAV here: beside OpenCV's windows two builds of FFmpeg are a known trouble."""
    path = videos.write(tmp_path / "a.mp4", 6, 30)
    imported = run_python(
        "import sys; from live import camera; from beam_jobs import windows;"
        f"source = camera.open_source({path!r}, windows.SamplingGrid(15));"
        "print(len(list(source)), *sys.modules, sep='\\n'); source.close()"
    )
    assert imported[0] == "3"
    assert "live.camera" in imported
    assert "av" not in imported


@pytest.fixture
def content(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (60, 90, 160, 3), np.uint8)
    frames = [np.concatenate([videos.frame(i)[:30], rubbish]) for i, rubbish in enumerate(noise)]
    path = videos.write(tmp_path / "a.mp4", frames, 30, options=("-movflags", "+faststart", "-g", "10"))
    return pathlib.Path(path).read_bytes()


def test_a_recording_behind_http_gives_every_frame(content):
    with (
        servers.serving(servers.file_handler(content, len(content))) as address,
        contextlib.closing(camera.open_source(f"{address}/a.mp4", windows.SamplingGrid(15))) as source,
    ):
        assert not source.is_live
        assert [videos.number(frame.image) for frame in source] == list(range(0, 60, 2))


def test_a_connection_that_breaks_is_reported_after_what_came(content):
    numbers = []
    with servers.serving(servers.file_handler(content, len(content) * 6 // 10)) as address:
        # The password is for the server, not for a log.
        address = address.replace("//", "//user:secret@")
        source = camera.open_source(f"{address}/a.mp4", windows.SamplingGrid(15))
        with contextlib.closing(source), pytest.raises(VideoError, match="ends early") as caught:
            for frame in source:
                numbers.append(videos.number(frame.image))
    assert caught.value.reason == "truncated"
    assert "secret" not in str(caught.value)
    assert numbers[:10] == list(range(0, 20, 2))
    assert len(numbers) < 25


def test_an_interlaced_stream_is_refused(monkeypatch):
    """OpenCV says that it reads one, and gives the same unwritten memory for every frame."""
    monkeypatch.setattr(camera, "TIMEOUT_S", 3.0)
    interlaced = ("-flags", "+ilme+ildct", "-x264-params", "tff=1")
    with udp_stream(*interlaced) as address, pytest.raises(UserError, match="interlaced"):
        camera.open_source(address, windows.SamplingGrid(15))


def test_a_stream_whose_picture_never_changes_is_refused(monkeypatch):
    monkeypatch.setattr(camera, "TIMEOUT_S", 1.0)
    handler = servers.mjpeg_handler([videos.frame(3)] * 200, 40, {})
    with servers.serving(handler) as address, pytest.raises(UserError, match="same picture"):
        camera.open_source(f"{address}/stream.mjpg", windows.SamplingGrid(15))


@pytest.mark.slow
def test_a_stream_behind_http_gives_its_newest_frame_until_it_ends():
    """A network camera, 40 frames a second for four seconds, against a consumer of five a second."""
    sent_at_s = {}
    handler = servers.mjpeg_handler([videos.frame(number) for number in range(160)], 40, sent_at_s)
    ages_s, numbers = [], []
    with servers.serving(handler) as address:
        source = camera.open_source(f"{address}/stream.mjpg", windows.SamplingGrid(15))
        assert source.is_live
        source._reopen_s = 0  # the server would begin anew
        with contextlib.closing(source), pytest.raises(UserError, match=r"stream http.* went away after"):
            for frame in source:
                numbers.append(videos.number(frame.image))
                ages_s.append(time.monotonic() - sent_at_s[numbers[-1]])
                time.sleep(0.2)
    assert len(numbers) >= 8
    assert numbers == sorted(set(numbers))
    # In step with the sender: five frames a second of four seconds, with eight sent between two. A reader that takes
    # frames in turn would have come to the 40th at most, two and a half seconds late.
    assert numbers[-1] > 80
    assert ages_s[-1] < (160 - len(numbers)) / 40 / 2


def test_cameras_that_open_are_listed():
    class Device:
        def __init__(self, index):
            self.index = index

        def isOpened(self):  # noqa: N802
            return self.index in (1, 3)

        def get(self, code):
            return {cv2.CAP_PROP_FRAME_WIDTH: 640, cv2.CAP_PROP_FRAME_HEIGHT: 480, cv2.CAP_PROP_FPS: -1}[code]

        def release(self):
            pass

    assert camera.list_cameras(Device) == [(1, 640, 480, 0.0), (3, 640, 480, 0.0)]


def test_a_picture_is_refused_before_it_is_read(tmp_path):
    (tmp_path / "a.PNG").write_bytes(b"whatever")
    with pytest.raises(UsageError, match="movement"):
        camera.open_source(str(tmp_path / "a.PNG"), windows.SamplingGrid(15))


def test_a_file_url_is_a_file(tmp_path):
    path = videos.write(tmp_path / "a.mp4", [videos.frame(number) for number in range(30)], 15)
    with contextlib.closing(camera.open_source(f"file://{path}", windows.SamplingGrid(15))) as source:
        assert len(list(source)) == 30
