"""Decoded frames as the pictures that a player shows: upright, with square pixels, BGR, all of one size."""

import dataclasses
import math
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorTrc, Interpolation, VideoReformatter

from beam_jobs.video import tone_mapping
from beam_jobs.video.frames import VideoError

MAX_SIDE_PX = 16384
# 8K: a picture is 106 MB, and a worker holds three; a file of a few bytes may claim sixteen times as many.
MAX_PIXELS = 8192 * 4320
_NEARLY_SQUARE = Fraction(1, 50)
# FFmpeg's AVCOL_SPC_UNSPECIFIED.
_UNSPECIFIED = 2


def check_size(source: str, width_px: int, height_px: int) -> None:
    """Refuses pictures that are too small or too large.

    Raises:
      VideoError: bad_size.
    """
    if min(width_px, height_px) < 1 or max(width_px, height_px) > MAX_SIDE_PX or width_px * height_px > MAX_PIXELS:
        raise VideoError(
            "bad_size",
            f"{source} has frames of {width_px} x {height_px} pixels; expected 1 to {MAX_SIDE_PX} a side and at most "
            f"{MAX_PIXELS:,} in all. Convert it to a usual size.",
        )


@dataclasses.dataclass(frozen=True)
class Orientation:
    """How a stored picture has to be laid out to be upright; the transposition comes first.

    Attributes:
      is_transposed: rows become columns.
      is_mirrored: left and right change sides.
      is_upside_down: top and bottom change sides.
    """

    is_transposed: bool = False
    is_mirrored: bool = False
    is_upside_down: bool = False

    def apply(self, image: np.ndarray) -> np.ndarray:
        """The picture upright."""
        if self == Orientation():
            return image
        import cv2

        if self.is_transposed:
            image = cv2.transpose(image)
        if self.is_mirrored or self.is_upside_down:
            image = cv2.flip(image, -1 if self.is_mirrored and self.is_upside_down else int(self.is_mirrored))
        return image


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """What a frame's display matrix asks for; angles between the quarter turns are rounded.

    Source: libavutil/display.h; (x, y) is shown at (a x + c y, b x + d y).
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Orientation()
    a, b, _, c, d = (int(value) for value in np.frombuffer(matrix, np.int32)[:5])  # type: ignore[call-overload]
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)


def colour_transfer(frame: av.VideoFrame) -> str | None:
    """FFmpeg's name of a frame's transfer characteristic; None where the video does not say."""
    try:
        transfer = ColorTrc(frame.color_trc)
    except ValueError:
        return None
    return None if transfer is ColorTrc.UNSPECIFIED else transfer.name.lower()


def square_pixels(width_px: int, height_px: int, pixel_aspect: Fraction) -> tuple[int, int]:
    """The size at which pixels are square; the side that is too short grows, so that nothing is lost.

    Pixels that are nearly square stay as they are: an encoder makes them so when it rounds the size of a picture.
    """
    if abs(pixel_aspect - 1) < _NEARLY_SQUARE:
        return width_px, height_px
    if pixel_aspect > 1:
        return round(width_px * pixel_aspect), height_px
    return width_px, round(height_px / pixel_aspect)


class PictureConverter:
    """Makes pictures of a video's decoded frames; the first frame decides on size and orientation.

    A later frame of another shape is fitted into the first one's size, with black beside it where it must be.

    Attributes:
      width_px, height_px: of every picture.
    """

    def __init__(self, source: str, first: av.VideoFrame, pixel_aspect: Fraction) -> None:
        """Looks at the first frame.

        Args:
          source: what to call the video in messages.
          first: its first decoded frame.
          pixel_aspect: a stored pixel's width divided by its height.

        Raises:
          VideoError: bad_size.
        """
        self._source = source
        self._reformatter = VideoReformatter()
        self._orientation = orientation_of(first)
        self._width_px, self._height_px = square_pixels(first.width, first.height, pixel_aspect)
        check_size(source, self._width_px, self._height_px)
        self.width_px, self.height_px = self._width_px, self._height_px
        if self._orientation.is_transposed:
            self.width_px, self.height_px = self._height_px, self._width_px

    def convert(self, frame: av.VideoFrame, pixel_aspect: Fraction) -> np.ndarray:
        """A frame's picture: BGR, uint8, shape (height, width, 3), C-contiguous.

        Raises:
          VideoError: not_converted.
        """
        width_px, height_px = square_pixels(frame.width, frame.height, pixel_aspect)
        if (width_px, height_px) == (self._width_px, self._height_px):
            return np.ascontiguousarray(self._orientation.apply(self._to_bgr(frame, width_px, height_px)))
        share = min(self._width_px / width_px, self._height_px / height_px)
        width_px, height_px = max(1, math.floor(width_px * share)), max(1, math.floor(height_px * share))
        x, y = (self._width_px - width_px) // 2, (self._height_px - height_px) // 2
        picture = np.zeros((self._height_px, self._width_px, 3), np.uint8)
        picture[y : y + height_px, x : x + width_px] = self._to_bgr(frame, width_px, height_px)
        return np.ascontiguousarray(self._orientation.apply(picture))

    def _to_bgr(self, frame: av.VideoFrame, width_px: int, height_px: int) -> np.ndarray:
        transfer = colour_transfer(frame)
        if transfer in tone_mapping.HDR_TRANSFERS:
            signal = self._reformat(frame, width_px, height_px, "bgr48le")
            has_bt2020 = frame.color_primaries in (ColorPrimaries.BT2020, ColorPrimaries.UNSPECIFIED)
            return tone_mapping.tone_map(signal, transfer, has_bt2020)
        if any(component.is_alpha for component in frame.format.components):
            return _on_black(self._reformat(frame, width_px, height_px, "bgra"))
        return self._reformat(frame, width_px, height_px, "bgr24")

    def _reformat(self, frame: av.VideoFrame, width_px: int, height_px: int, pixel_format: str) -> np.ndarray:
        try:
            try:
                return self._scale(frame, width_px, height_px, pixel_format)
            except av.FFmpegError:
                # libswscale does not know this colour matrix: use its default. The colours are then slightly different.
                frame.colorspace = _UNSPECIFIED
                return self._scale(frame, width_px, height_px, pixel_format)
        except av.FFmpegError as error:
            raise VideoError(
                "not_converted",
                f"{self._source}: a frame of pixel format {frame.format.name} cannot be converted ({error.strerror}); "
                "expected a usual one. Convert the video (for instance to H.264 in .mp4).",
            ) from None

    def _scale(self, frame: av.VideoFrame, width_px: int, height_px: int, pixel_format: str) -> np.ndarray:
        # Measured: with one thread libswscale takes 0.12 ms for 640 x 360, with its own choice of threads 0.17 ms.
        return self._reformatter.reformat(
            frame, width_px, height_px, pixel_format, interpolation=Interpolation.BICUBIC, threads=1
        ).to_ndarray()


def _on_black(image: np.ndarray) -> np.ndarray:
    """A BGRA picture, shape (height, width, 4), on a black background."""
    alpha = image[..., 3:]
    if alpha.min() == 255:
        return image[..., :3]
    return ((image[..., :3].astype(np.uint16) * alpha + 127) // 255).astype(np.uint8)
