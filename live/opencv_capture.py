"""Streams and cameras by OpenCV: opening them, and keeping its decoders from writing to the terminal."""

import os
import time

import numpy as np

from beam_jobs.errors import UserError

# As beam_jobs/video/media_file.py for large pictures; FFmpeg's own choice, one a core, keeps as many in memory.
_DECODER_THREADS = 2


def silence_decoder_logs() -> None:
    """Keeps FFmpeg and OpenCV from writing about every damaged packet to standard error.

    FFmpeg's part works before the first video is opened. The user's own OPENCV_FFMPEG_LOGLEVEL goes first.
    """
    import cv2

    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def open_capture(source: str, timeout_ms: int):
    """A cv2.VideoCapture of a URL by FFmpeg alone; ask it `isOpened`. Nothing in `timeout_ms` ends a read."""
    import cv2

    silence_decoder_logs()
    options = [cv2.CAP_PROP_N_THREADS, _DECODER_THREADS]
    options += [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms]
    return cv2.VideoCapture(source, cv2.CAP_FFMPEG, options)


def check_pictures(capture, name: str, timeout_s: float) -> None:
    """Waits until a stream gives two pictures that differ, as any camera's do.

    OpenCV (5.0) says that it has read an interlaced frame, and hands over memory that no picture was written to: the
    same in every frame, and perhaps a part of what was decoded before.

    Args:
      capture: an opened cv2.VideoCapture of a stream.
      name: what to call it in messages.
      timeout_s: how long to wait.

    Raises:
      UserError: if all pictures were the same, bit by bit. A stream that gives none is left to its reader.
    """
    begun_s = time.monotonic()
    first: np.ndarray | None = None
    while time.monotonic() - begun_s < timeout_s:
        ok, image = capture.read()
        if not ok or (first is not None and not np.array_equal(first, image)):
            return
        first = image if first is None else first
    raise UserError(
        f"{name} has given the same picture for {timeout_s:g} s; expected pictures that change. It may be interlaced, "
        "which cannot be read from a stream: set the camera to progressive, or pass a recorded file as --source."
    )
