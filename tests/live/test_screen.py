"""The window: files at their own pace, cameras at once; keys and its close button end it; no display is said."""

import cv2
import numpy as np
import pytest

from beam_jobs.errors import UserError
from live import screen


@pytest.mark.skipif("sys.platform != 'linux'", reason="displays are named by DISPLAY on Linux alone")
@pytest.mark.parametrize("display", [None, ":47"])
def test_no_display_is_reported_and_not_a_crash(monkeypatch, display):
    """Neither without a display nor with one that nobody serves: there the window library ends the process."""
    monkeypatch.delenv("DISPLAY", raising=False)
    if display:
        monkeypatch.setenv("DISPLAY", display)
    with pytest.raises(UserError, match="--no_window"):
        screen.Window(paced=False)


class FakeScreen:
    """cv2's window functions, with a clock of their own."""

    def __init__(self, monkeypatch, keys=(), visible=1.0):
        self.now_s, self.keys, self.visible, self.shown = 100.0, list(keys), visible, []
        monkeypatch.setattr(screen, "check_display", lambda: None)
        monkeypatch.setattr(screen.time, "monotonic", lambda: self.now_s)
        for name in ("namedWindow", "resizeWindow", "destroyAllWindows"):
            monkeypatch.setattr(cv2, name, lambda *_: None)
        monkeypatch.setattr(cv2, "imshow", lambda *_: self.shown.append(self.now_s))
        monkeypatch.setattr(cv2, "waitKey", self.wait)
        monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: self.visible)

    def wait(self, ms):
        self.now_s += ms / 1000
        return self.keys.pop(0) if self.keys else -1


class TestWindow:
    picture = np.zeros((60, 80, 3), np.uint8)

    def test_a_file_is_shown_at_its_own_pace(self, monkeypatch):
        fake = FakeScreen(monkeypatch)
        with screen.Window(paced=True) as window:
            assert all(window.show(self.picture, ms) for ms in (0, 67, 133, 1000))
        assert fake.now_s == pytest.approx(101.0, abs=0.01)

    def test_a_file_whose_times_jump_goes_on_after_two_seconds_at_its_own_pace(self, monkeypatch):
        fake = FakeScreen(monkeypatch)
        with screen.Window(paced=True) as window:
            assert all(window.show(self.picture, ms) for ms in (0, 1000, 3_601_000, 3_602_000))
        assert fake.now_s == pytest.approx(104.0, abs=0.01)

    def test_a_camera_does_not_wait(self, monkeypatch):
        fake = FakeScreen(monkeypatch)
        with screen.Window(paced=False) as window:
            assert all(window.show(self.picture, ms) for ms in (0, 1000, 2000))
        assert fake.now_s < 100.1

    @pytest.mark.parametrize("key", [ord("q"), 27])
    def test_q_and_escape_end(self, monkeypatch, key):
        FakeScreen(monkeypatch, keys=[-1, ord("x"), key])
        with screen.Window(paced=False) as window:
            assert [window.show(self.picture, 0) for _ in range(3)] == [True, True, False]

    def test_closing_the_window_ends(self, monkeypatch):
        FakeScreen(monkeypatch, visible=0.0)
        with screen.Window(paced=False) as window:
            assert not window.show(self.picture, 0)

    def test_q_ends_while_no_picture_comes(self, monkeypatch):
        """A camera may be away for a minute."""
        FakeScreen(monkeypatch, keys=[-1, ord("x"), ord("q")])
        with screen.Window(paced=False) as window:
            assert [window.asks_to_end() for _ in range(3)] == [False, False, True]

    def test_a_window_that_has_shown_nothing_yet_is_not_closed(self, monkeypatch):
        FakeScreen(monkeypatch, visible=0.0)
        with screen.Window(paced=False) as window:
            assert not window.asks_to_end()
