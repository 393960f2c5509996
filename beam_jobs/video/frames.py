"""What reading a video gives: frames, what its file says of it, errors. Light: no decoder is imported here."""

import dataclasses
import math
import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from beam_jobs.errors import UserError

# Every so many pixels are enough for a mean.
_BRIGHTNESS_STEP_PX = 16
# Below this `mean_brightness` a pose is often not found, or wrong by a tenth of the torso and more. Measured on nine
# real clips, made darker in steps; the darkest of 292 clips as they are has 22.
TOO_DARK_BRIGHTNESS = 16.0
# The weights of ITU-R BT.601 for blue, green, red.
_LUMA_WEIGHTS = np.array([0.114, 0.587, 0.299])


# The reason of a video that has to be read whole.
NOT_IN_PIECES = "not_in_pieces"
# If time jumps back by more than this, it goes on from where it was (joined recordings); otherwise a frame is late.
RESTART_MS = 1000.0


class VideoError(UserError):
    """A video that cannot be read, or not to its end.

    Attributes:
      reason: a short fixed word. VideoReader: not_found, empty, not_a_video, no_decoder, no_frames, bad_size,
        not_converted, unreadable, truncated, damaged. PieceReader: not_in_pieces. The decoder's process:
        decoder_crashed, decoder_hung. The extract job: pose_failed.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.exit_code = 2 if reason == "not_found" else 1


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What a file and its first frame say about the video.

    Attributes:
      width_px, height_px: as a player shows it, after rotation and with square pixels; every frame has this size.
      frame_rate_hz: nominal; 0 where unknown. The media's own timestamps count, not this.
      num_frames: how many the container says it stores; 0 where it does not say.
      codec: FFmpeg's name of the codec, for instance h264.
      pixel_format: FFmpeg's name of the decoded format, for instance yuv420p.
      colour_transfer: the transfer characteristic by FFmpeg's name, for instance bt709, smpte2084 (HDR, PQ) or
        arib_std_b67 (HDR, HLG); None where the video does not say.
    """

    width_px: int
    height_px: int
    frame_rate_hz: float
    num_frames: int
    codec: str
    pixel_format: str
    colour_transfer: str | None


@dataclasses.dataclass(frozen=True)
class DecodingState:
    """How far a video has been read.

    Attributes:
      num_frames_decoded: all frames of the media so far, used or not.
      last_timestamp_ms: media time of the last decoded frame.
      decoding_ms: time spent on decoding.
      is_interlaced: interlaced frames were among them.
      num_frames_chosen: frames on the grid.
      total_brightness: the sum of their `mean_brightness`.
      num_frames_lost: packets that could not be decoded.
      num_frames_concealed: frames of which FFmpeg guessed a part.
    """

    num_frames_decoded: int = 0
    last_timestamp_ms: float = 0.0
    decoding_ms: float = 0.0
    is_interlaced: bool = False
    num_frames_chosen: int = 0
    total_brightness: float = 0.0
    num_frames_lost: int = 0
    num_frames_concealed: int = 0

    @property
    def mean_brightness(self) -> float:
        """Mean luma of the frames on the grid so far, 0 (black) to 255 (white); NaN before the first one."""
        return self.total_brightness / self.num_frames_chosen if self.num_frames_chosen else math.nan

    def mean_frame_rate_hz(self, nominal_hz: float) -> float:
        """Frames a second by the timestamps of what was decoded; the nominal rate before the second frame."""
        if self.num_frames_decoded < 2 or not self.last_timestamp_ms:
            return nominal_hz
        return (self.num_frames_decoded - 1) * 1000 / self.last_timestamp_ms

    def duration_s(self, nominal_hz: float) -> float:
        """From the first frame to the end of the last one decoded; `nominal_hz` is the rate where there is but one."""
        rate = self.mean_frame_rate_hz(nominal_hz)
        return self.last_timestamp_ms / 1000 + (1 / rate if rate else 0)


def joined(states: Iterable[DecodingState]) -> DecodingState:
    """The state of a video whose pieces have these."""
    whole = DecodingState()
    for state in states:
        whole = DecodingState(
            num_frames_decoded=whole.num_frames_decoded + state.num_frames_decoded,
            last_timestamp_ms=max(whole.last_timestamp_ms, state.last_timestamp_ms),
            decoding_ms=whole.decoding_ms + state.decoding_ms,
            is_interlaced=whole.is_interlaced or state.is_interlaced,
            num_frames_chosen=whole.num_frames_chosen + state.num_frames_chosen,
            total_brightness=whole.total_brightness + state.total_brightness,
            num_frames_lost=whole.num_frames_lost + state.num_frames_lost,
            num_frames_concealed=whole.num_frames_concealed + state.num_frames_concealed,
        )
    return whole


class Frame(NamedTuple):
    """A frame that the sampling grid chose.

    Attributes:
      frame_id: its position on the grid (without a grid: its number among the decoded ones).
      timestamp_ms: media time since the first frame.
      image: BGR, upright, uint8, shape (height, width, 3), C-contiguous.
    """

    frame_id: int
    timestamp_ms: int
    image: np.ndarray


def name_of(source: str) -> str:
    """A source as messages name it: a URL without user name and password."""
    return re.sub(r"(?<=://)[^/@]*@", "", source)


def mean_brightness(image: np.ndarray) -> float:
    """How bright a picture is: the mean of its luma, 0 (black) to 255 (white).

    Args:
      image: BGR, uint8, shape (height, width, 3). A sixteenth of its rows and columns is looked at.
    """
    pixels = image[::_BRIGHTNESS_STEP_PX, ::_BRIGHTNESS_STEP_PX].reshape(-1, 3)
    return float(pixels.mean(axis=0) @ _LUMA_WEIGHTS)
