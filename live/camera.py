"""Where live's frames come from: a camera or stream, whose newest frame counts, or a recording, which is read whole."""

import os
import re
from collections.abc import Callable, Iterator

from beam_jobs import storage, windows
from beam_jobs.errors import UsageError, UserError
from beam_jobs.video.decoder_process import DecodedVideo, Decoder
from beam_jobs.video.frames import Frame, name_of
from live.live_source import TIMEOUT_S, LiveSource
from live.opencv_capture import check_pictures, open_capture, silence_decoder_logs

_PICTURE_SUFFIXES = (".bmp", ".heic", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
# Numbers that are tried where the system does not say which cameras there are.
_MAX_CAMERAS = 10
_RECORDED_SCHEMES = ("http://", "https://")
# Their frames carry the sender's times. Over HTTP they often do not (MJPEG, raw H.264), and FFmpeg makes times up.
_TIMED_SCHEMES = ("rtsp://", "rtsps://", "rtmp://", "srt://", "udp://")


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
    return LiveSource(
        capture,
        f"the stream {name}",
        grid,
        has_times=source.startswith(_TIMED_SCHEMES),
        reopen=lambda: open_capture(source, round(TIMEOUT_S * 1000)),
    )


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

    def opened():
        capture = (open_camera or cv2.VideoCapture)(index)
        if capture.isOpened():
            # Drivers queue frames, too; some accept another length of the queue.
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture

    capture = opened()
    if capture.isOpened():
        return LiveSource(capture, f"camera {index}", grid, reopen=opened)
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
