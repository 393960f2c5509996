"""What cameras do wrong: unplugged and back, black pictures, few frames, other sizes, clocks that jump or hang."""

import contextlib
import itertools
import time

import cv2
import numpy as np
import pytest
import servers
import videos

from beam_jobs import windows
from beam_jobs.errors import UserError
from live import camera, live_source, recognizer
from live.defaults import DEFAULT_BUNDLE
from model import exported_bundle


class Played:
    """A capture that plays pictures at a rate, then gives no more; `times_ms` are what it says of their times."""

    def __init__(self, pictures, rate_hz, times_ms=(), opens=True):
        self._pictures, self._period_s, self._opens = iter(pictures), 1 / rate_hz, opens
        self._times_ms, self._next_s, self.released = iter(times_ms), time.monotonic(), False

    def isOpened(self):  # noqa: N802
        return self._opens

    def set(self, *_):
        return True

    def get(self, code):
        return next(self._times_ms) if code == cv2.CAP_PROP_POS_MSEC else 0.0

    def read(self):
        assert not self.released
        picture = next(self._pictures, None)
        if picture is None:
            return False, None
        self._next_s = max(self._next_s + self._period_s, time.monotonic())
        time.sleep(self._next_s - time.monotonic() if self._next_s > time.monotonic() else 0)
        return True, picture

    def release(self):
        self.released = True


def numbered(first, num=None):
    return map(videos.frame, itertools.count(first) if num is None else range(first, first + num))


@pytest.fixture
def quickly(monkeypatch):
    """A camera is taken for gone, and tried again, sooner."""
    monkeypatch.setattr(live_source, "_MAX_FAILING_S", 0.1)
    monkeypatch.setattr(live_source, "_TRY_EVERY_S", 0.05)


class Socket:
    """Where a camera is plugged in: what opens the first time, the second time, ... and then, again and again."""

    def __init__(self, captures, at_last=None):
        self._captures, self._at_last, self.opened = iter(captures), at_last, []

    def __call__(self, *_):
        assert not self.opened or self.opened[-1].released, "most cameras can be opened once only"
        self.opened.append(next(self._captures, None) or self._at_last())
        return self.opened[-1]


def closed():
    return Played([], 100, opens=False)


def opened(socket, **settings):
    source = camera.open_source("3", windows.SamplingGrid(1000), socket)
    for name, value in settings.items():
        setattr(source, name, value)
    return contextlib.closing(source)


@pytest.mark.usefixtures("quickly")
class TestUnplugged:
    def test_a_camera_that_is_plugged_in_again_goes_on(self, capsys):
        """After two tries that find no camera, and one whose camera gives no picture."""
        silent = Played([], 100)
        socket = Socket([Played(numbered(0, 20), 100), closed(), closed(), silent, Played(numbered(500), 100)])
        with opened(socket) as source:
            frames = list(itertools.takewhile(lambda frame: videos.number(frame.image) < 520, source))
        numbers = [videos.number(frame.image) for frame in frames]
        assert numbers == sorted(set(numbers)) and numbers[0] < 20 and numbers[-1] > 500
        # Time went on: what was moving before is not joined to what is seen now.
        last, first = (frames[sum(number < 500 for number in numbers) + step] for step in (-1, 0))
        assert first.timestamp_ms - last.timestamp_ms > 200
        assert len({frame.frame_id for frame in frames}) == len(frames)
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 2 and "camera 3 went away" in said[0] and "camera 3 is back after" in said[1]

    def test_one_that_stays_away_is_an_error_after_a_while(self, capsys):
        socket = Socket([Played(numbered(0, 20), 100)], closed)
        with opened(socket, _reopen_s=0.5) as source, pytest.raises(UserError, match="camera 3 went away after 20"):
            for _ in source:
                pass
        assert len(socket.opened) > 4
        assert len(capsys.readouterr().err.splitlines()) == 1

    def test_one_that_was_never_there_is_not_waited_for(self):
        socket = Socket([Played([], 100)], closed)
        with opened(socket) as source, pytest.raises(UserError, match="gives no picture"):
            next(iter(source))
        assert len(socket.opened) == 1

    def test_a_connection_that_is_silent_is_waited_for(self, capsys):
        """A network camera's cable: reading ends by a time-out that may be longer than ours."""

        def silence():
            yield from numbered(0, 20)
            time.sleep(1)

        socket = Socket([Played(silence(), 100), Played(numbered(500), 100)])
        with opened(socket, _timeout_s=0.3) as source:
            numbers = (videos.number(frame.image) for frame in source)
            assert next(number for number in numbers if number >= 500)
        said = capsys.readouterr().err.splitlines()
        assert ["no frame for 0.3 s" in said[0], "went away" in said[1], "is back" in said[2]] == [True] * 3

    def test_closing_does_not_wait_for_a_camera_that_is_away(self):
        socket = Socket([Played(numbered(0, 20), 100)], closed)
        with opened(socket) as source:
            for frame in source:
                if videos.number(frame.image) > 10:
                    break
            while len(socket.opened) < 3:
                time.sleep(0.01)
        source._thread.join(timeout=20)
        assert not source._thread.is_alive() and all(capture.released for capture in socket.opened)

    def test_the_wait_for_a_camera_that_is_away_can_be_ended(self):
        """By q in the window: frames end, and no error is reported."""
        socket = Socket([Played(numbered(0, 20), 100)], closed)
        asked = []
        with opened(socket) as source:
            source.stop_asked = lambda: bool(asked.append(len(socket.opened)) or len(socket.opened) > 2)
            numbers = [videos.number(frame.image) for frame in source]
        assert numbers[-1] == 19 and asked[-1] > 2
        source._thread.join(timeout=20)
        assert not source._thread.is_alive() and all(capture.released for capture in socket.opened)

    def test_a_real_stream_that_breaks_off_and_answers_again(self, capsys):
        """A network camera as MJPEG over HTTP; its second connection shows later pictures."""
        connections = iter([list(numbered(0, 30)), list(numbered(500, 300))])

        class Handler(servers.mjpeg_handler([], 50)):
            def do_GET(self):  # noqa: N802
                servers.mjpeg_handler(next(connections), 50).do_GET(self)

        with servers.serving(Handler) as address:
            source = camera.open_source(f"{address}/a.mjpg", windows.SamplingGrid(1000))
            with contextlib.closing(source):
                assert any(videos.number(frame.image) >= 500 for frame in source)
        said = capsys.readouterr().err
        assert "went away" in said and "is back" in said


@pytest.fixture(scope="module")
def pictures(athlete_videos):
    """A drawn person who squats, 4 s."""
    capture = cv2.VideoCapture(str(sorted(athlete_videos.rglob("squat*.mp4"))[0]))
    return [capture.read()[1] for _ in range(100)]


@contextlib.contextmanager
def recognized(scenes, pose_model_path, rate_hz=25):
    """(frame, answer) of each used frame while a camera shows scenes one after the other, until it goes away."""

    def answers():
        with contextlib.suppress(UserError):
            for frame in source:
                yield frame, recognizing.update(frame.image, frame.timestamp_ms)

    with recognizer.Recognizer(exported_bundle.load(DEFAULT_BUNDLE), pose_model_path) as recognizing:
        capture = Played(itertools.chain(*scenes), rate_hz)
        source = live_source.LiveSource(capture, "camera 3", windows.SamplingGrid(15))
        with contextlib.closing(source):
            yield answers()


def test_black_pictures_are_too_dark_and_what_comes_after_is_seen(pictures, pose_model_path):
    black = np.zeros_like(pictures[0])
    with recognized([pictures[:60], [black] * 50, pictures[:75]], pose_model_path) as answers:
        statuses, detected = zip(*((answer.status, answer.pose.detected) for _, answer in answers), strict=True)
    first, last = statuses.index("too_dark"), len(statuses) - statuses[::-1].index("too_dark")
    # All black pictures, and no other one.
    assert set(statuses[first:last]) == {"too_dark"} and last - first >= 3
    assert any(detected[:first]) and not any(detected[first:last])
    assert any(detected[last:])
    # No answer from before the darkness: the first ones have too few rows with a person.
    assert statuses[last] in ("no_person", "warming_up", "partly_in_view", "not_sure")


def test_five_frames_a_second_are_all_used_and_answered(pictures, pose_model_path):
    with recognized([pictures[:80:5]], pose_model_path, rate_hz=5) as answers:
        frames, found = zip(*answers, strict=True)
    # The first one may have come before anybody looked.
    assert len(frames) >= 14
    steps = np.diff([frame.frame_id for frame in frames])
    assert np.median(steps) == 3 and steps.min() >= 1
    assert sum(answer.pose.detected for answer in found) >= 10
    # After ten rows with a person there is an answer.
    assert found[-1].probabilities is not None


def test_another_size_in_the_middle_changes_nothing_but_the_picture(pictures, pose_model_path):
    height, width = pictures[0].shape[:2]
    small = [cv2.resize(picture, (width // 2, height // 2)) for picture in pictures[:50]]
    upright = [cv2.copyMakeBorder(picture, 100, 100, 0, 0, cv2.BORDER_CONSTANT) for picture in pictures[:50]]
    with recognized([pictures[:50], small, upright], pose_model_path) as answers:
        found = [(frame.image.shape[:2], answer.pose.detected) for frame, answer in answers]
    for shape in (pictures[0].shape[:2], small[0].shape[:2], upright[0].shape[:2]):
        seen = [detected for size, detected in found if size == shape]
        assert len(seen) >= 3 and np.mean(seen) > 0.6, shape


class TestTimes:
    """A sender whose clock is wrong: frames have the times at which they arrived, and the order that they came in."""

    @pytest.mark.parametrize(
        "times_ms",
        [
            itertools.repeat(5000.0),
            itertools.repeat(float("nan")),
            itertools.repeat(-1.0),
            # Stands still for half a second, again and again; then it is right, or half a second ahead.
            (20.0 * (number - number % 25) for number in itertools.count()),
            (40.0 * (number - number % 25) for number in itertools.count()),
            # An hour forward, and back to zero, every 20 frames.
            (number % 20 * 20.0 + (number // 20 % 2) * 3_600_000 for number in itertools.count()),
            # Backwards.
            (1e6 - 20.0 * number for number in itertools.count()),
        ],
        ids=["stands still", "none", "minus one", "hangs", "hangs and leaps", "jumps", "runs backwards"],
    )
    def test_wrong_times(self, times_ms):
        capture = Played(numbered(0), 50, times_ms)
        source = live_source.LiveSource(capture, "the stream", windows.SamplingGrid(15), has_times=True)
        found, begun_s = [], None
        with contextlib.closing(source):
            for frame in source:
                begun_s = time.monotonic() if begun_s is None else begun_s
                found.append((frame.frame_id, frame.timestamp_ms, time.monotonic() - begun_s))
                if found[-1][2] > 2:
                    break
        ids, times, arrived_s = map(np.array, zip(*found, strict=True))
        assert np.diff(ids).min() >= 1 and np.diff(times).min() >= 33
        # A time is trusted while it is within a second of the arrival.
        assert np.abs(times / 1000 - arrived_s).max() < 1.5
        # Of two seconds at 15 Hz, most cells have a frame.
        assert len(found) > 15
