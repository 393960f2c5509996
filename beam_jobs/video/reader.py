"""VideoReader: a video's pictures with media timestamps, as a player shows them, chosen by the sampling grid.

Decoded by PyAV, FFmpeg in a wheel. Import it in a process of its own (see decoder_process.py): beside OpenCV's windows
FFmpeg's libraries would be loaded twice. Measured on 640 x 360, H.264: the pictures equal those of the ffmpeg command
and of OpenCV bit by bit.
"""

from collections.abc import Iterator

import av

from beam_jobs import windows
from beam_jobs.video.deinterlacer import Deinterlacer
from beam_jobs.video.frames import Frame, VideoError, VideoInfo
from beam_jobs.video.media_file import MediaFile, no_frames, truncated
from beam_jobs.video.pictures import PictureConverter, check_size, colour_transfer

# An end is missing, or the middle is damaged, when more frames than these are lost.
MAX_LOST_SHARE, MAX_LOST_FRAMES = 0.05, 2
# If time jumps back by more than this, it goes on from where it was (joined recordings); otherwise the frame is late.
_RESTART_MS = 1000.0


class MediaClock:
    """Media time since the first frame, from the frames' own presentation times.

    Attributes:
      last_ms: of the last frame that was not late.
    """

    def __init__(self, frame_rate_hz: float) -> None:
        """Begins.

        Args:
          frame_rate_hz: the nominal rate, for frames without a time.
        """
        usable = frame_rate_hz if 1 <= frame_rate_hz <= 1000 else windows.DEFAULT_FRAME_RATE_HZ
        self._frame_ms = 1000 / usable
        self._offset_ms: float | None = None
        self._last_raw_ms: float | None = None
        self.last_ms = 0.0

    def time_ms(self, raw_ms: float | None) -> float | None:
        """The next frame's time since the first frame; None where it is late: before or at its predecessor's.

        A frame without a time, or with its predecessor's, follows that one by the nominal frame time.

        Args:
          raw_ms: its presentation time; None where it has none.
        """
        last_raw_ms, self._last_raw_ms = self._last_raw_ms, raw_ms
        if self._offset_ms is None:
            self._offset_ms = -(raw_ms or 0.0)
            return 0.0
        time_ms = self.last_ms + self._frame_ms
        if raw_ms is not None and raw_ms != last_raw_ms:
            if raw_ms + self._offset_ms < self.last_ms - _RESTART_MS:
                self._offset_ms = time_ms - raw_ms
            time_ms = raw_ms + self._offset_ms
        if time_ms <= self.last_ms:
            return None
        self.last_ms = time_ms
        return time_ms


class VideoReader:
    """Decodes one video once, in order; iterate over it for the frames that the grid chooses.

    Every frame is decoded, but only chosen ones become pictures: turned and mirrored as the display matrix says, with
    square pixels, deinterlaced, HDR tone-mapped, transparent parts on black. Where the size changes on the way, later
    frames are fitted into the first one's. A frame whose time lies before its predecessor's is left out and counted.

    Use as a context manager, or call `close`.

    Attributes:
      info: what the file and its first frame say.
      num_frames_decoded: so far, those that the grid passed over included.
      num_frames_out_of_order: left out, since their time went backwards.
      last_timestamp_ms: of the last decoded frame, since the first.
    """

    def __init__(self, source: str, grid: windows.SamplingGrid | None = None) -> None:
        """Opens a video and decodes its first frame.

        Args:
          source: a local file, or an address that FFmpeg reads (http, https). Not gs://: see storage.local_copy.
          grid: chooses frames; every frame by default.

        Raises:
          VideoError: not_found, empty, not_a_video, no_decoder, no_frames, bad_size, not_converted, unreadable,
            truncated (its index is missing).
        """
        self._grid = grid
        self._media = MediaFile(source)
        self._deinterlacer = Deinterlacer(self._media.name)
        self._frames = self._whole_frames()
        self.num_frames_decoded = self.num_frames_out_of_order = 0
        self.last_timestamp_ms = 0.0
        try:
            self._first, self._converter, self.info = self._begin()
        except BaseException:
            self._media.close()
            raise
        self._clock = MediaClock(self.info.frame_rate_hz)

    @property
    def is_interlaced(self) -> bool:
        """Whether an interlaced frame was decoded so far."""
        return self._deinterlacer.is_interlaced

    @property
    def num_frames_lost(self) -> int:
        """How many packets could not be decoded."""
        return self._media.num_packets_lost

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
        """Yields the chosen frames; may be called once.

        Raises:
          VideoError: after everything that could be decoded was yielded: truncated (the end is missing), damaged
            (more than 5 % of the frames, and more than two, could not be decoded whole); not_a_video (a single
            picture), when there was nothing to yield. At once: not_converted, unreadable.
        """
        held: Frame | None = None
        frame: av.VideoFrame | None = self._first
        while frame is not None:
            if held:
                yield held
                held = None
            timestamp_ms = self._clock.time_ms(_presentation_ms(frame))
            self.num_frames_decoded += 1
            self.last_timestamp_ms = self._clock.last_ms
            frame_id = None
            if timestamp_ms is None:
                self.num_frames_out_of_order += 1
            else:
                frame_id = self._grid.frame_id(timestamp_ms) if self._grid else self.num_frames_decoded - 1
            if timestamp_ms is not None and frame_id is not None:
                image = self._converter.convert(frame, self._media.pixel_aspect)
                chosen = Frame(frame_id, round(timestamp_ms), image)
                if self.num_frames_decoded == 1:
                    # Held back until there is a second one: a single picture is not a video.
                    held = chosen
                else:
                    yield chosen
            frame = next(self._frames, None)
        self._check_end()

    def close(self) -> None:
        """Closes the file."""
        self._media.close()

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _whole_frames(self) -> Iterator[av.VideoFrame]:
        for frame in self._media:
            yield from self._deinterlacer.push(frame)
        yield from self._deinterlacer.flush()

    def _begin(self) -> tuple[av.VideoFrame, PictureConverter, VideoInfo]:
        width_px, height_px = self._media.stored_size_px
        if width_px and height_px:
            check_size(self._media.name, width_px, height_px)
        first = next(self._frames, None)
        if first is None:
            if self._media.container_info.is_truncated:
                raise truncated(self._media.name, "nothing in it can be decoded")
            raise no_frames(self._media.name)
        converter = PictureConverter(self._media.name, first, self._media.pixel_aspect)
        info = VideoInfo(
            width_px=converter.width_px,
            height_px=converter.height_px,
            frame_rate_hz=self._media.frame_rate_hz,
            num_frames=self._media.num_frames,
            codec=self._media.codec,
            pixel_format=first.format.name,
            colour_transfer=colour_transfer(first),
        )
        return first, converter, info

    def _check_end(self) -> None:
        if self.num_frames_decoded == 1 and not self._media.is_url:
            raise VideoError(
                "not_a_video", f"{self._media.name} holds a single picture; expected a video. Leave it out."
            )
        kept = f"{self.num_frames_decoded} frames ({self.duration_s:.1f} s) could be decoded and are kept"
        if self._media.container_info.is_truncated:
            raise truncated(self._media.name, kept)
        expected = self.num_frames_decoded + self.num_frames_lost
        # The container's count is used where it agrees with the time that the frames cover.
        rate = self.info.frame_rate_hz
        if self.info.num_frames and rate:
            said_s = self.info.num_frames / rate
            said_s = min(said_s, self._media.duration_s or said_s)
            if self.duration_s < (1 - MAX_LOST_SHARE) * said_s:
                expected = max(expected, int(said_s * rate))
        lost = expected - self.num_frames_decoded + self._media.num_frames_concealed
        if lost > max(MAX_LOST_FRAMES, MAX_LOST_SHARE * expected):
            if self._media.is_url:
                raise truncated(self._media.name, kept)
            raise VideoError(
                "damaged",
                f"{self._media.name} is damaged: {lost} of {expected} frames cannot be decoded whole; {kept}. Copy it "
                "again.",
            )


def _presentation_ms(frame: av.VideoFrame) -> float | None:
    # Not exact on purpose: it rounds to the same milliseconds as OpenCV did, with which older tables were made.
    return None if frame.pts is None else 1000 * (frame.pts * float(frame.time_base or 0))
