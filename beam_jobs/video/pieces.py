"""A long video in pieces, which workers read side by side: where it is cut. Light: no decoder is imported here."""

import dataclasses
from collections.abc import Sequence

from beam_jobs import windows

# Tracking that begins anew differs from tracking that has gone on. Measured on nine real clips, at 15 rows a second:
# after 90 rows hardly more than tracking that began one row later, whose difference does not vanish either.
WARM_UP_S = 8.0


@dataclasses.dataclass(frozen=True)
class Keyframe:
    """A frame at which decoding can begin.

    Attributes:
      time_s: since the video's first frame.
      pts: when it is shown, on the stream's own clock.
      seek_to: where a file is searched for it: when it is shown or decoded, the earlier of both.
    """

    time_s: float
    pts: int
    seek_to: int


@dataclasses.dataclass(frozen=True)
class Piece:
    """A stretch of a video: rows from one `frame_id` up to another.

    Attributes:
      number: from 0, in the order of time.
      first_frame_id: of the sampling grid.
      end_frame_id: the next piece's first; None: up to the video's end.
      keyframe: where decoding begins, WARM_UP_S before; None: at the video's first frame.
    """

    number: int
    first_frame_id: int
    end_frame_id: int | None
    keyframe: Keyframe | None


def cut_at_keyframes(
    keyframes: Sequence[Keyframe], duration_s: float, cut_above_s: float, frame_rate_hz: float
) -> tuple[Piece, ...]:
    """The pieces of a video, each about half as long as `cut_above_s`, longer where keyframes are far between.

    Args:
      keyframes: of the video, in order.
      duration_s: the video's.
      cut_above_s: a video that is not longer stays whole.
      frame_rate_hz: of the sampling grid.

    Returns:
      Two pieces or more; none where the video is not to be cut or has no keyframe to cut at.
    """
    if duration_s <= cut_above_s:
        return ()
    # No shorter than what is estimated in vain before each.
    piece_s = duration_s / max(1, int(duration_s / max(cut_above_s / 2, WARM_UP_S)))
    grid = windows.SamplingGrid(frame_rate_hz)
    starts: list[tuple[int, Keyframe | None]] = [(0, None)]
    due_s = piece_s
    for keyframe in keyframes:
        start_s = keyframe.time_s + WARM_UP_S
        # No short rest is left at the end.
        if keyframe.time_s > 0 and start_s >= due_s and duration_s - start_s >= piece_s / 2:
            starts.append((grid.cell(1000 * start_s) + 1, keyframe))
            due_s = (start_s // piece_s + 1) * piece_s
    ends = [first for first, _ in starts[1:]] + [None]
    if len(starts) < 2:
        return ()
    return tuple(
        Piece(number, first, end, keyframe)
        for number, ((first, keyframe), end) in enumerate(zip(starts, ends, strict=True))
    )
