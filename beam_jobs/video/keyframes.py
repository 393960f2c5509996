"""Looks through a long video's packets, without decoding them: where its keyframes are, and whether it may be cut."""

import array
from collections.abc import Callable

import numpy as np

from beam_jobs.video.frames import RESTART_MS
from beam_jobs.video.media_file import MediaFile, presentation_ms
from beam_jobs.video.pieces import Keyframe, Piece, cut_at_keyframes

_PACKETS_PER_NOTICE = 1000


def find_pieces(
    source: str,
    first_ms: float,
    cut_above_s: float,
    frame_rate_hz: float,
    on_packets: Callable[[], None] = lambda: None,
) -> tuple[Piece, ...]:
    """The pieces in which a video can be read as if it were read whole; none where it is short or cannot be cut.

    It can be cut where every packet says when it is shown, no two at the same time, and time never begins anew: then a
    frame's time since the first frame, and with it its row, is known without reading what lies before.

    Args:
      source: a local file.
      first_ms: when its first frame is shown, on the media's own clock.
      cut_above_s: a video that is not longer stays whole.
      frame_rate_hz: of the sampling grid.
      on_packets: called now and then.

    Raises:
      VideoError: as MediaFile.
    """
    all_pts, keyframes = array.array("q"), []
    last_dts, last_pts = None, None
    with MediaFile(source) as media:
        for number, packet in enumerate(media.packets()):
            if packet is None or not packet.size:
                continue
            if number % _PACKETS_PER_NOTICE == 0:
                on_packets()
            pts, dts = packet.pts, packet.dts
            time_ms = presentation_ms(pts, media.time_base)
            if pts is None or time_ms is None:
                return ()
            if dts is not None:
                if last_dts is not None and dts <= last_dts:
                    return ()
                last_dts = dts
            if last_pts is not None and time_ms < (presentation_ms(last_pts, media.time_base) or 0.0) - RESTART_MS:
                return ()
            last_pts = pts if last_pts is None else max(pts, last_pts)
            if packet.is_discard:  # an edit list has cut it away
                continue
            all_pts.append(pts)
            if packet.is_keyframe:
                keyframes.append(Keyframe((time_ms - first_ms) / 1000, pts, pts if dts is None else min(pts, dts)))
        last_ms = presentation_ms(last_pts, media.time_base)
    if last_ms is None or len(np.unique(np.frombuffer(all_pts, np.int64))) < len(all_pts):
        return ()
    return cut_at_keyframes(keyframes, (last_ms - first_ms) / 1000, cut_above_s, frame_rate_hz)
