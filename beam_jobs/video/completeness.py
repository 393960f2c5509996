"""Whether all of a video was decoded: what came out, against what its file says. Light: no decoder is imported here."""

import dataclasses

from beam_jobs.video.frames import DecodingState, VideoError

# An end is missing, or the middle is damaged, when more frames than these are lost.
MAX_LOST_SHARE, MAX_LOST_FRAMES = 0.05, 2


@dataclasses.dataclass(frozen=True)
class StoredLength:
    """What a video's file says about its own length.

    Attributes:
      num_frames: how many frames it stores; 0 where it does not say.
      frame_rate_hz: the nominal rate; 0 where unknown.
      duration_s: how long the pictures are shown, after cuts by an edit list; None where it does not say.
      is_truncated: the file should be longer.
      is_url: it is no file.
    """

    num_frames: int
    frame_rate_hz: float
    duration_s: float | None
    is_truncated: bool
    is_url: bool


def truncated(name: str, kept: str) -> VideoError:
    """The error of a video whose end is missing; `kept` says what could be decoded."""
    return VideoError(
        "truncated",
        f"{name} ends early: its end is missing; {kept}. Copy or download the file again, or repair it.",
    )


def check_complete(name: str, stored: StoredLength, state: DecodingState) -> None:
    """Refuses a video of which too little was decoded.

    Args:
      name: what to call it in messages.
      stored: what its file says.
      state: after its last frame.

    Raises:
      VideoError: truncated (the end is missing), damaged (more than 5 % of the frames, and more than two, could not be
        decoded whole); not_a_video (a single picture).
    """
    if state.num_frames_decoded == 1 and not stored.is_url:
        raise VideoError("not_a_video", f"{name} holds a single picture; expected a video. Leave it out.")
    duration_s = state.duration_s(stored.frame_rate_hz)
    kept = f"{state.num_frames_decoded} frames ({duration_s:.1f} s) could be decoded and are kept"
    if stored.is_truncated:
        raise truncated(name, kept)
    expected = state.num_frames_decoded + state.num_frames_lost
    # The container's count is used where it agrees with the time that the frames cover.
    rate = stored.frame_rate_hz
    if stored.num_frames and rate:
        said_s = stored.num_frames / rate
        said_s = min(said_s, stored.duration_s or said_s)
        if duration_s < (1 - MAX_LOST_SHARE) * said_s:
            expected = max(expected, int(said_s * rate))
    lost = expected - state.num_frames_decoded + state.num_frames_concealed
    if lost > max(MAX_LOST_FRAMES, MAX_LOST_SHARE * expected):
        if stored.is_url:
            raise truncated(name, kept)
        raise VideoError(
            "damaged",
            f"{name} is damaged: {lost} of {expected} frames cannot be decoded whole; {kept}. Copy it again.",
        )
