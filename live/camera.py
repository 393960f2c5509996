"""Where live's frames come from: a camera or stream, whose newest frame counts, or a recording, which is read whole."""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np

from beam_jobs import storage, windows
from beam_jobs.errors import UsageError, UserError
from beam_jobs.video.decoder_process import DecodedVideo, Decoder
from beam_jobs.video.frames import Frame, name_of
from live.opencv_capture import check_pictures, open_capture, silence_decoder_logs

# A stream that has not answered, or a source that has given no frame, for so long is reported as gone.
TIMEOUT_S = 10.0
# One damaged packet makes one read fail, as a stream's end does: only going on tells the two apart.
_MAX_FAILING_S = 1.0
_PICTURE_SUFFIXES = (".bmp", ".heic", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
# Numbers that are tried where the system does not say which cameras there are.
_MAX_CAMERAS = 10
_RECORDED_SCHEMES = ("http://", "https://")
# Their frames carry the sender's times. Over HTTP they often do not (MJPEG, raw H.264), and FFmpeg makes times up.
_TIMED_SCHEMES = ("rtsp://", "rtsps://", "rtmp://", "srt://", "udp://")
# A sender's clock that is further than this from the frames' arrival was set anew, or frames were lost.
_MAX_APART_S = 1.0
# A used frame is at least so many cells of the sampling grid after the one before: frames may arrive in bursts, and
# two of them a millisecond apart, on both sides of a cell's border, would make any movement a leap.
_MIN_STEP_CELLS = 0.5


class RecordedSource:
    """A file, or a video of known length behind an HTTP address: every frame on the grid, none dropped.

    Attributes:
      is_live: False: it ends by itself.
    """

    is_live = False

    def __init__(self, source: str, grid: windows.SamplingGrid, in_own_process: bool = os.name == "posix") -> None:
        """Opens it.

        Args:
          source: a file, or an http address.
          grid: chooses frames.
          in_own_process: decode in a process of its own, which other systems cannot start.

        Raises:
          VideoError: where it cannot be read, and it is not decoded in a process of its own.
        """
        self._decoded: DecodedVideo | None = None
        if not in_own_process:
            # Here and not above: FFmpeg's libraries stay out of a process that opens OpenCV's windows.
            from beam_jobs.video.reader import VideoReader

            reader = VideoReader(source, grid)
            self._frames, self._close = iter(reader), reader.close
            return
        decoder = Decoder()
        self._close = decoder.close
        try:
            self._decoded = decoder.read(source, grid.frame_rate_hz)
            self._decoded.begin()
        except BaseException:
            decoder.close()
            raise
        self._frames = iter(self._decoded)

    def wait_until_open(self) -> None:
        """Waits for the decoder, which begins with the constructor: MediaPipe can be imported meanwhile.

        Raises:
          VideoError: where the recording cannot be read.
        """
        if self._decoded is not None:
            self._decoded.open()

    def __iter__(self) -> Iterator[Frame]:
        """Yields the chosen frames; raises VideoError at the end where the recording is damaged or ends early."""
        return self._frames

    def close(self) -> None:
        """Closes the file."""
        self._close()


class LiveSource:
    """A camera or stream read by a thread of its own, which keeps its newest frame alone.

    So that nothing queues up: however long the caller works on a frame, the next one is the newest then. Time is when
    a frame arrived, on a monotonic clock, or what its sender says; since the first frame that was taken. A frame less
    than half a cell of the grid after the last used one is passed over.

    Attributes:
      is_live: True: it goes on until somebody stops it.
    """

    is_live = True

    def __init__(
        self, capture, name: str, grid: windows.SamplingGrid, timeout_s: float = TIMEOUT_S, has_times: bool = False
    ) -> None:
        """Begins to read.

        Args:
          capture: an opened cv2.VideoCapture; closed by `close`.
          name: what to call it in messages.
          grid: chooses frames.
          timeout_s: a source that gives no frame for so long is gone.
          has_times: frames carry their sender's times, which count where they keep in step with the arrival.
        """
        self._capture, self._name, self._grid, self._timeout_s = capture, name, grid, timeout_s
        self._clock = _SendersClock(capture) if has_times else None
        self._changed = threading.Condition()
        self._newest: tuple[float, np.ndarray] | None = None
        self._ended = self._stopping = False
        self._num_read = 0
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()

    def wait_until_open(self) -> None:
        """Returns at once: it is open."""

    def _read(self) -> None:
        failing_s: float | None = None
        try:
            while not self._stopping:
                ok, image = self._capture.read()
                if not ok:
                    if failing_s is None:
                        failing_s = time.monotonic()
                    elif time.monotonic() - failing_s > _MAX_FAILING_S:
                        break
                    time.sleep(0.01)
                    continue
                failing_s = None
                with self._changed:
                    self._newest = self._now_s(), image
                    self._num_read += 1
                    self._changed.notify()
        finally:
            # Here and not in `close`: a capture must not be released while it reads.
            self._capture.release()
            with self._changed:
                self._ended = True
                self._changed.notify()

    def _now_s(self) -> float:
        arrived_s = time.monotonic()
        return self._clock.time_s(arrived_s) if self._clock else arrived_s

    def _take(self) -> tuple[float, np.ndarray]:
        with self._changed:
            came = self._changed.wait_for(lambda: self._newest or self._ended, self._timeout_s)
            newest, self._newest = self._newest, None
            if newest:
                return newest
            if came and self._num_read:
                raise UserError(
                    f"{self._name} went away after {self._num_read} frames; expected it to go on. Check that it is "
                    "plugged in or still sending, and start again."
                )
            if came:
                raise UserError(
                    f"{self._name} opens but gives no picture; expected frames. Another program may be using it: close "
                    "that one, or try another --source."
                )
            raise UserError(
                f"{self._name} has given no frame for {self._timeout_s:g} s; expected one at least that often. Check "
                "that it is plugged in or still sending, and start again."
            )

    def __iter__(self) -> Iterator[Frame]:
        """Yields the newest frames that the grid chooses, beginning with the first one from now on.

        Raises:
          UserError: when the camera gives no picture, or goes away.
        """
        with self._changed:
            # What arrived while models were loaded is old.
            self._newest = None
        min_step_ms = _MIN_STEP_CELLS * 1000 / self._grid.frame_rate_hz
        first_s, last_ms = None, -min_step_ms
        while True:
            time_s, image = self._take()
            first_s = time_s if first_s is None else first_s
            timestamp_ms = (time_s - first_s) * 1000
            if timestamp_ms - last_ms < min_step_ms:
                continue
            frame_id = self._grid.frame_id(timestamp_ms)
            if frame_id is not None:
                last_ms = timestamp_ms
                yield Frame(frame_id, round(timestamp_ms), image)

    def close(self) -> None:
        """Stops reading; waits for the frame that is being read, but not for long."""
        self._stopping = True
        self._thread.join(timeout=2)


class _SendersClock:
    """The times that a stream's sender gave its frames, on this machine's clock."""

    def __init__(self, capture) -> None:
        self._capture = capture
        self._offset_s: float | None = None
        self._last_s: float | None = None

    def time_s(self, arrived_s: float) -> float:
        """When the frame that was just read was taken; when it arrived, where its sender's time does not move on."""
        import cv2

        sent_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        last_s, self._last_s = self._last_s, sent_s
        if sent_s == last_s:
            return arrived_s
        if self._offset_s is None or abs(sent_s + self._offset_s - arrived_s) > _MAX_APART_S:
            self._offset_s = arrived_s - sent_s
        return sent_s + self._offset_s


def open_source(
    source: str, grid: windows.SamplingGrid, open_camera: Callable | None = None
) -> RecordedSource | LiveSource:
    """Opens what `--source` names.

    Args:
      source: a camera's number, a file, or a URL. An HTTP address of a video of known length is a recording; any other
        URL is a stream.
      grid: chooses frames.
      open_camera: opens a camera by its number, in place of cv2.VideoCapture.

    Raises:
      UsageError: if the file does not exist or is in a store.
      UserError: if the camera or stream cannot be opened, or the file is not a video.
    """
    index = camera_index(source)
    if index is not None:
        return _open_camera(index, grid, open_camera)
    if not storage.is_remote(source):
        path = source.removeprefix("file://")
        if not os.path.exists(path):
            raise UsageError(f"--source {source} does not exist; expected a camera's number, a file, a URL.")
        if path.lower().endswith(_PICTURE_SUFFIXES):
            raise UsageError(
                f"--source {source} is a picture; expected a video, a camera's number, a URL. An exercise is "
                "recognised by its movement: record a few seconds of it."
            )
        return RecordedSource(path, grid)
    if source.startswith("gs://"):
        raise UsageError(f"--source {source} is in a store; expected a camera, file or stream. Copy it here.")
    name = name_of(source)
    capture = open_capture(source, round(TIMEOUT_S * 1000))
    if not capture.isOpened():
        raise UserError(
            f"--source {name} cannot be opened; expected a video stream there to answer within {TIMEOUT_S:g} s. "
            "Check the address, the user name and password in it, and that the stream is running."
        )
    if source.startswith(_RECORDED_SCHEMES) and _num_frames(capture) > 0:
        capture.release()
        return RecordedSource(source, grid)
    check_pictures(capture, f"the stream {name}", TIMEOUT_S)
    return LiveSource(capture, f"the stream {name}", grid, has_times=source.startswith(_TIMED_SCHEMES))


def list_cameras(open_camera: Callable | None = None) -> list[tuple[int, int, int, float]]:
    """The cameras that can be opened here.

    Args:
      open_camera: opens a camera by its number, in place of cv2.VideoCapture.

    Returns:
      For each: its number for `--source`, width and height in pixels, frames a second (0 where unknown).
    """
    import cv2

    silence_decoder_logs()
    known = _numbered_devices() if os.path.isdir("/dev") and not open_camera else None
    cameras = []
    for index in range(_MAX_CAMERAS) if known is None else known:
        capture = (open_camera or cv2.VideoCapture)(index)
        if capture.isOpened():
            width_px, height_px = (
                int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
                int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            )
            cameras.append((index, width_px, height_px, max(0.0, capture.get(cv2.CAP_PROP_FPS))))
        capture.release()
    return cameras


def _numbered_devices() -> list[int] | None:
    """The numbers of /dev/video*; None on systems that have no such files."""
    if os.uname().sysname != "Linux":
        return None
    return sorted(int(name[5:]) for name in os.listdir("/dev") if re.fullmatch(r"video\d+", name))


def camera_index(source: str) -> int | None:
    """The number of the camera that a number or a device's path, or a link to one, names; None for all else."""
    match = re.fullmatch(r"(?:/dev/video)?(\d+)", source)
    if match is None and not storage.is_remote(source):
        match = re.fullmatch(r"/dev/video(\d+)", os.path.realpath(source))
    return int(match[1]) if match else None


def _num_frames(capture) -> float:
    import cv2

    return capture.get(cv2.CAP_PROP_FRAME_COUNT)


def _open_camera(index: int, grid: windows.SamplingGrid, open_camera: Callable | None) -> LiveSource:
    import cv2

    silence_decoder_logs()
    capture = (open_camera or cv2.VideoCapture)(index)
    if capture.isOpened():
        # Drivers queue frames, too; some accept another length of the queue.
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return LiveSource(capture, f"camera {index}", grid)
    capture.release()
    raise UserError(f"camera {index} cannot be opened: {_why_not(index)}")


def _why_not(index: int) -> str:
    device = f"/dev/video{index}"
    if os.path.isdir("/dev") and os.name == "posix" and os.uname().sysname == "Linux":
        if not os.path.exists(device):
            there = _numbered_devices()
            known = f"cameras here: {', '.join(map(str, there))}" if there else "this machine has none"
            return f"there is no {device} ({known}). Plug one in, or pass a file or a URL as --source."
        if not os.access(device, os.R_OK | os.W_OK):
            return f"{device} may not be read by this user. Join the group that owns it (usually 'video')."
        return f"{device} does not answer. Close other programs that use it, or plug it in anew."
    return (
        "expected a camera with that number that no other program uses. Plug it in, close other programs that use it, "
        "allow the terminal to use the camera, or pass a file or a URL as --source."
    )
