"""VideoReader: a video's pictures with media timestamps, as a player shows them, chosen by the sampling grid.

Decoded by PyAV, FFmpeg in a wheel. Import it in a process of its own (see decoder_process.py): beside OpenCV's windows
FFmpeg's libraries would be loaded twice. Measured on 640 x 360, H.264: the pictures equal those of the ffmpeg command
and of OpenCV bit by bit.
"""

from collections.abc import Iterator

import av

from beam_jobs import windows
from beam_jobs.video.completeness import StoredLength, check_complete, truncated
from beam_jobs.video.deinterlacer import Deinterlacer
from beam_jobs.video.frames import RESTART_MS, DecodingState, Frame, VideoInfo
from beam_jobs.video.media_file import MediaFile, no_frames, presentation_ms
from beam_jobs.video.pictures import PictureConverter, check_size, colour_transfer


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
            if raw_ms + self._offset_ms < self.last_ms - RESTART_MS:
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
    def first_ms(self) -> float | None:
        """When the first frame is shown, on the media's own clock; None where it does not say."""
        return presentation_ms(self._first.pts, self._first.time_base)

    @property
    def longest_s(self) -> float:
        """How long the video is at most, as its container says it anywhere; infinite where it does not."""
        return self._media.longest_s

    @property
    def num_frames_concealed(self) -> int:
        """Of how many frames FFmpeg guessed a part."""
        return self._media.num_frames_concealed

    @property
    def mean_frame_rate_hz(self) -> float:
        """Frames a second by the timestamps of what was decoded so far; the nominal rate before the second frame."""
        return self._state().mean_frame_rate_hz(self.info.frame_rate_hz)

    @property
    def duration_s(self) -> float:
        """From the first frame to the end of the last one decoded so far."""
        return self._state().duration_s(self.info.frame_rate_hz)

    @property
    def stored_length(self) -> StoredLength:
        """What the file says about its own length."""
        return self._media.stored_length

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
            timestamp_ms = self._clock.time_ms(presentation_ms(frame.pts, frame.time_base))
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
        check_complete(self._media.name, self.stored_length, self._state())

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

    def _state(self) -> DecodingState:
        return DecodingState(
            self.num_frames_decoded,
            self.last_timestamp_ms,
            num_frames_lost=self.num_frames_lost,
            num_frames_concealed=self.num_frames_concealed,
        )
