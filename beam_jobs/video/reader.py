"""Frames with media timestamps, from a file or a URL: decoded by OpenCV's FFmpeg, chosen by the sampling grid.

Measured with opencv-python 5.0.0: after `grab`, CAP_PROP_POS_MSEC is the frame's own presentation time less the
stream's start, also with B-frames and a variable rate (MP4, MOV, MKV, WebM, TS, MPG, FLV, GIF). AVI with B-frames has
no times for its last frames and raw H.264 none at all: there each frame follows the last by the nominal frame time.
"""

import dataclasses
import os
import re
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from beam_jobs import storage, windows
from beam_jobs.errors import UserError
from beam_jobs.video import containers

MAX_SIDE_PX = 16384
# 8K: a frame is 106 MB, and a worker holds three; a file of a few bytes may claim sixteen times as many.
MAX_PIXELS = 8192 * 4320
# An end is missing, or the middle is damaged, when more frames than these are lost.
MAX_LOST_SHARE, MAX_LOST_FRAMES = 0.05, 2
# Time that jumps back by more than this goes on from where it was (joined recordings); by less, the frame is late.
_RESTART_MS = 1000.0
# A packet that cannot be decoded ends one `grab`, as the file's end does: only asking again tells the two apart.
_MAX_FAILED_GRABS = 100
# … but not for longer than this, since asking a dead connection waits each time.
_MAX_FAILING_S = 1.0
# Enough to decode 4K faster than poses are estimated; FFmpeg's own choice, one a core, keeps as many frames in memory.
_DECODER_THREADS = 2
_URL_TIMEOUT_MS = 10_000

REASONS = ("not_found", "empty", "not_a_video", "no_frames", "bad_size", "truncated", "damaged")


class VideoError(UserError):
    """A video that cannot be read, or not to its end.

    Attributes:
      reason: one of REASONS; or decoder_crashed, decoder_hung, unreadable (decoder_process.py); or pose_failed
        (extract/rows.py).
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.exit_code = 2 if reason == "not_found" else 1


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What a container says about its video.

    Attributes:
      width_px, height_px: as shown, after rotation; every frame has this size.
      frame_rate_hz: nominal; 0 where unknown. The media's own timestamps count, not this.
      rotation_degrees: clockwise, as the display matrix asks and as frames were turned: 0, 90, 180 or 270.
      num_frames: how many the container promises, often an estimate; 0 where unknown.
    """

    width_px: int
    height_px: int
    frame_rate_hz: float
    rotation_degrees: int
    num_frames: int


class Frame(NamedTuple):
    """A frame that the sampling grid chose.

    Attributes:
      frame_id: its position on the grid (without a grid: its number among the decoded ones).
      timestamp_ms: media time since the first frame.
      image: BGR, upright, uint8, shape (height, width, 3).
    """

    frame_id: int
    timestamp_ms: int
    image: np.ndarray


def silence_decoder_logs() -> None:
    """Keeps FFmpeg and OpenCV from writing about every damaged packet to standard error.

    FFmpeg's part works before the first video is opened. The user's own OPENCV_FFMPEG_LOGLEVEL goes first.
    """
    import cv2

    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def name_of(source: str) -> str:
    """A source as messages name it: a URL without user name and password."""
    return re.sub(r"(?<=://)[^/@]*@", "", source)


def open_capture(source: str, timeout_ms: int = _URL_TIMEOUT_MS):
    """A cv2.VideoCapture of a file or URL by FFmpeg alone; ask it `isOpened`. Timeouts hold for URLs."""
    import cv2

    silence_decoder_logs()
    options = [cv2.CAP_PROP_N_THREADS, _DECODER_THREADS]
    options += [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms]
    return cv2.VideoCapture(source, cv2.CAP_FFMPEG, options)


class VideoReader:
    """Decodes one video once, in order; iterate over it for the frames that the grid chooses.

    Every frame is decoded, but only chosen ones become pictures. Turned videos come out upright. Where the picture's
    size changes on the way, OpenCV scales later frames to the first one's size. A frame whose time lies before its
    predecessor's is left out and counted.

    Use as a context manager, or call `close`.

    Attributes:
      info: what the container says.
      num_frames_decoded: so far, those that the grid passed over included.
      num_frames_out_of_order: left out, since their time went backwards.
      num_frames_lost: packets that could not be decoded.
      last_timestamp_ms: of the last decoded frame, since the first.
    """

    def __init__(self, source: str, grid: windows.SamplingGrid | None = None) -> None:
        """Opens a video.

        Args:
          source: a local file, or a URL that FFmpeg reads (http, https, rtsp). Not gs://: see storage.local_copy.
          grid: chooses frames; every frame by default.

        Raises:
          VideoError: not_found, empty, not_a_video, no_frames, bad_size, truncated (its index is missing).
        """
        self._source, self._grid = name_of(source), grid
        self._is_url = storage.is_remote(source)
        # Of what is behind a URL only the number of frames is known.
        self._promise = containers.ContainerInfo(None, 0, counts_frames=True) if self._is_url else _checked_file(source)
        # An absolute path keeps FFmpeg from reading a protocol out of a file's name.
        self._capture = open_capture(source if self._is_url else os.path.abspath(source))
        if not self._capture.isOpened():
            self._capture.release()
            raise self._not_opened()
        self.info = self._read_info()
        self.num_frames_decoded = self.num_frames_out_of_order = self.num_frames_lost = 0
        self.last_timestamp_ms = 0.0
        self._last_raw_ms = self._offset_ms = 0.0

    @property
    def mean_frame_rate_hz(self) -> float:
        """Frames a second by the timestamps of what was decoded so far; the nominal rate before the second frame."""
        if self.num_frames_decoded < 2 or not self.last_timestamp_ms:
            return self.info.frame_rate_hz
        return (self.num_frames_decoded - 1) * 1000 / self.last_timestamp_ms

    @property
    def duration_s(self) -> float:
        """From the first frame to the end of the last one decoded so far."""
        rate = self.mean_frame_rate_hz
        return self.last_timestamp_ms / 1000 + (1 / rate if rate else 0)

    def __iter__(self) -> Iterator[Frame]:
        """Yields the chosen frames.

        Raises:
          VideoError: after everything that could be decoded was yielded: truncated (the end is missing), damaged
            (more than 5 % of the frames, and more than two, could not be decoded); no_frames, or not_a_video (a
            single picture), when there was nothing to yield.
        """
        held: Frame | None = None
        while self._grab():
            if held:
                yield held
                held = None
            timestamp_ms = self._timestamp_ms()
            self.num_frames_decoded += 1
            if timestamp_ms is None:
                self.num_frames_out_of_order += 1
                continue
            self.last_timestamp_ms = timestamp_ms
            frame_id = self._grid.frame_id(timestamp_ms) if self._grid else self.num_frames_decoded - 1
            if frame_id is None:
                continue
            ok, image = self._capture.retrieve()
            if not ok:
                self.num_frames_lost += 1
                continue
            frame = Frame(frame_id, round(timestamp_ms), image)
            if self.num_frames_decoded == 1:
                # Held back until there is a second one: a single picture is not a video.
                held = frame
            else:
                yield frame
        self._check_end()

    def close(self) -> None:
        """Closes the file."""
        self._capture.release()

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _grab(self) -> bool:
        begun_s = time.monotonic()
        for failed in range(_MAX_FAILED_GRABS):
            if self._capture.grab():
                # Failures before the first frame are a recording that begins between two key frames.
                self.num_frames_lost += failed if self.num_frames_decoded else 0
                return True
            if time.monotonic() - begun_s > _MAX_FAILING_S:
                break
        return False

    def _timestamp_ms(self) -> float | None:
        """Media time of the grabbed frame since the first; None where it goes backwards."""
        import cv2

        raw_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        last_raw_ms, self._last_raw_ms = self._last_raw_ms, raw_ms
        if not self.num_frames_decoded:
            self._offset_ms = -raw_ms
            return 0.0
        rate = self.info.frame_rate_hz
        next_ms = self.last_timestamp_ms + 1000 / (rate if 1 <= rate <= 1000 else windows.DEFAULT_FRAME_RATE_HZ)
        if raw_ms in (0, last_raw_ms):
            return next_ms
        timestamp_ms = raw_ms + self._offset_ms
        if timestamp_ms < self.last_timestamp_ms - _RESTART_MS:
            self._offset_ms = next_ms - raw_ms
            return next_ms
        return timestamp_ms if timestamp_ms > self.last_timestamp_ms else None

    def _read_info(self) -> VideoInfo:
        import cv2

        get = self._capture.get
        rate, num_frames = get(cv2.CAP_PROP_FPS), get(cv2.CAP_PROP_FRAME_COUNT)
        info = VideoInfo(
            width_px=int(get(cv2.CAP_PROP_FRAME_WIDTH)),
            height_px=int(get(cv2.CAP_PROP_FRAME_HEIGHT)),
            frame_rate_hz=rate if rate > 0 else 0.0,
            rotation_degrees=int(get(cv2.CAP_PROP_ORIENTATION_META)) % 360,
            num_frames=max(0, int(num_frames)),
        )
        sides = (info.width_px, info.height_px)
        if min(sides) < 1 or max(sides) > MAX_SIDE_PX or info.width_px * info.height_px > MAX_PIXELS:
            self._capture.release()
            raise VideoError(
                "bad_size",
                f"{self._source} has frames of {info.width_px} x {info.height_px} pixels; expected 1 to {MAX_SIDE_PX} "
                f"a side and at most {MAX_PIXELS:,} in all. Convert it to a usual size.",
            )
        return info

    def _not_opened(self) -> VideoError:
        if self._promise.is_truncated:
            return _truncated(self._source, "nothing in it can be decoded")
        if not self._promise.has_tracks:
            return _no_frames(self._source)
        if self._is_url:
            what = "cannot be opened: nothing answers there within the time limit, or what comes is not a video"
            return VideoError("not_found", f"{self._source} {what}. Check the address and that the stream is running.")
        return VideoError(
            "not_a_video",
            f"{self._source} is not a video that FFmpeg can decode; expected a file with a video stream. Check that it "
            "plays, and convert it (for instance to H.264 in .mp4).",
        )

    def _check_end(self) -> None:
        if not self.num_frames_decoded:
            if self._promise.is_truncated:
                raise _truncated(self._source, "nothing in it can be decoded")
            raise _no_frames(self._source)
        if self.num_frames_decoded == 1 and not self._is_url:
            raise VideoError("not_a_video", f"{self._source} holds a single picture; expected a video. Leave it out.")
        kept = f"{self.num_frames_decoded} frames ({self.duration_s:.1f} s) could be decoded and are kept"
        if self._promise.is_truncated:
            raise _truncated(self._source, kept)
        expected = self.num_frames_decoded + self.num_frames_lost
        # The container's count is believed where it is stored and the time that the frames cover bears it out.
        rate = self.info.frame_rate_hz
        if self._promise.counts_frames and rate:
            promised_s = self.info.num_frames / rate
            promised_s = min(promised_s, self._promise.duration_s or promised_s)
            if self.duration_s < (1 - MAX_LOST_SHARE) * promised_s:
                expected = max(expected, int(promised_s * rate))
        lost = expected - self.num_frames_decoded
        if lost > max(MAX_LOST_FRAMES, MAX_LOST_SHARE * expected):
            if self._is_url:
                raise _truncated(self._source, kept)
            raise VideoError(
                "damaged",
                f"{self._source} is damaged: {lost} of {expected} frames cannot be decoded; {kept}. Copy it again.",
            )


def read_frames(source: str, grid: windows.SamplingGrid | None = None) -> Iterator[Frame]:
    """Yields a video's chosen frames: `VideoReader` for those who need nothing else of it."""
    with VideoReader(source, grid) as reader:
        yield from reader


def _no_frames(source: str) -> VideoError:
    return VideoError("no_frames", f"{source} has no frame that can be decoded; expected some. Check that it plays.")


def _truncated(source: str, kept: str) -> VideoError:
    return VideoError(
        "truncated",
        f"{source} ends early: its end is missing; {kept}. Copy or download the file again, or repair it.",
    )


def _checked_file(path: str) -> containers.ContainerInfo:
    if not os.path.exists(path):
        raise VideoError("not_found", f"{path} does not exist; expected a video file there. Check the path.")
    if os.path.isdir(path):
        raise VideoError("not_a_video", f"{path} is a folder; expected a video file. Name one of the files in it.")
    if not os.path.isfile(path):
        raise VideoError("not_a_video", f"{path} is a device or a pipe; expected a video file. Record to a file first.")
    if not os.path.getsize(path):
        raise VideoError("empty", f"{path} is empty; expected a video. Copy or download the file again.")
    # FFmpeg would draw a text as if on a terminal, and follow a playlist's entries to other files.
    if containers.is_text(path):
        raise VideoError("not_a_video", f"{path} is a text; expected a video. Leave it out.")
    return containers.read_container_info(path)
