"""Small odd videos for tests, whose frames carry their own number as black and white blocks."""

import pathlib
import subprocess
from collections.abc import Iterable, Iterator, Sequence

import imageio_ffmpeg
import numpy as np

from beam_jobs import windows
from beam_jobs.video.frames import Frame
from beam_jobs.video.reader import VideoReader

NUM_BITS = 10
# As tall as needed to survive compression; both sides of the picture must be at least this long.
_BLOCK_PX = 12
MIN_SIDE_PX = NUM_BITS // 2 * _BLOCK_PX


def frame(number: int, width_px: int = 160, height_px: int = 120) -> np.ndarray:
    """A grey BGR picture with `number` in binary in its top left corner, five blocks a row, lowest bit first."""
    picture = np.full((height_px, width_px, 3), 110, np.uint8)
    for bit in range(NUM_BITS):
        row, column = divmod(bit, NUM_BITS // 2)
        y, x = row * _BLOCK_PX, column * _BLOCK_PX
        picture[y : y + _BLOCK_PX, x : x + _BLOCK_PX] = 235 if number >> bit & 1 else 20
    return picture


def number(picture: np.ndarray) -> int:
    """The number that `frame` drew; wrong where the picture is turned or mirrored."""
    total = 0
    for bit in range(NUM_BITS):
        row, column = divmod(bit, NUM_BITS // 2)
        y, x = row * _BLOCK_PX + _BLOCK_PX // 2, column * _BLOCK_PX + _BLOCK_PX // 2
        total |= int(picture[y - 2 : y + 2, x - 2 : x + 2].mean() > 127) << bit
    return total


def read_frames(source: str, grid: windows.SamplingGrid | None = None) -> Iterator[Frame]:
    """Yields a video's chosen frames."""
    with VideoReader(source, grid) as reader:
        yield from reader


def ffmpeg(*args: str, data: bytes | None = None) -> None:
    """Runs ffmpeg, which imageio-ffmpeg carries, quietly."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *args]
    subprocess.run(command if data is None else [c for c in command if c != "-nostdin"], input=data, check=True)


def write(
    path: pathlib.Path | str,
    frames: int | Iterable[np.ndarray] = 30,
    frame_rate_hz: float | str = 30,
    size_px: tuple[int, int] = (160, 120),
    timestamps_ms: Sequence[float] | None = None,
    options: Sequence[str] = ("-c:v", "libx264", "-preset", "ultrafast"),
) -> str:
    """Writes a video; its kind follows from the name's ending.

    Args:
      path: where to.
      frames: pictures, or how many numbered ones.
      frame_rate_hz: the rate where `timestamps_ms` is not given; a text such as "30000/1001" too.
      size_px: width and height of the numbered pictures.
      timestamps_ms: when each frame is shown, for a variable rate.
      options: ffmpeg's output options.

    Returns:
      The path as text.
    """
    pictures = [frame(i, *size_px) for i in range(frames)] if isinstance(frames, int) else list(frames)
    height_px, width_px, _ = pictures[0].shape
    timing: list[str] = []
    if timestamps_ms is not None:
        times = _by_number([round(ms * 90) for ms in timestamps_ms])
        timing = ["-vf", f"settb=1/90000,setpts={times}", "-fps_mode", "passthrough", "-enc_time_base", "1:90000"]
    even = width_px % 2 == 0 and height_px % 2 == 0
    ffmpeg(
        *("-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{width_px}x{height_px}", "-r", str(frame_rate_hz), "-i", "-"),
        *timing,
        *("-pix_fmt", "yuv420p" if even else "yuv444p"),
        *options,
        str(path),
        data=b"".join(picture.tobytes() for picture in pictures),
    )
    return str(path)


def _by_number(values: Sequence[int], first: int = 0) -> str:
    """ffmpeg's expression for the N-th value: halved again and again, for it bears no deep nesting."""
    if len(values) == 1:
        return str(values[0])
    half = len(values) // 2
    left, right = _by_number(values[:half], first), _by_number(values[half:], first + half)
    return f"if(lt(N\\,{first + half})\\,{left}\\,{right})"


def rotate(source: str, path: pathlib.Path | str, degrees: int) -> str:
    """Copies a video with a display matrix that tells players to turn it by `degrees` counter-clockwise."""
    ffmpeg("-display_rotation", str(degrees), "-i", source, "-c", "copy", str(path))
    return str(path)
