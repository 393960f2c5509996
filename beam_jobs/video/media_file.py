"""Opening a video by FFmpeg, choosing its stream as players do, and decoding it: PyAV's errors become VideoError."""

import contextlib
import math
import os
import time
from collections.abc import Iterator
from fractions import Fraction

import av
from av.codec.context import ThreadType
from av.container.core import Flags
from av.stream import Disposition

from beam_jobs import storage
from beam_jobs.video import containers
from beam_jobs.video.completeness import StoredLength, truncated
from beam_jobs.video.frames import NOT_IN_PIECES, VideoError, name_of

# One packet that cannot be read is skipped. So many in a row are the end; on a dead connection, on which each read
# waits, so many seconds are.
_MAX_FAILED_READS = 100
_MAX_FAILING_S = 1.0
_URL_TIMEOUT_S = 10.0
# The protocols that a playlist behind a URL may use; a playlist in a file may use none.
_URL_PROTOCOLS = "http,https,tcp,tls,crypto,httpproxy"
_NO_PROTOCOL = "none"
# One thread takes least processor time, and there is one worker for each core. With larger pictures the worker would
# have to wait.
_PIXELS_OF_ONE_THREAD = 1920 * 1088
_THREADS_OF_LARGE_PICTURES = 2
# FFmpeg's own decoders of these leave out what is transparent.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# Streams that a player does not show as video: a song's cover, thumbnails, one view of several.
_NOT_SHOWN = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.dependent


class MediaFile:
    """One video stream of a file or URL: iterate over it for its decoded frames, in the order of showing.

    Use as a context manager, or call `close`.

    Attributes:
      name: what to call it in messages.
      is_url: it is no file.
      container_info: what the file's own structure says; of a URL nothing is known.
      num_packets_lost: those that could not be read or decoded, after the first frame.
      num_frames_concealed: those of which a part could not be decoded, after the first whole frame; FFmpeg fills such
        parts with what it guesses.
    """

    def __init__(self, source: str) -> None:
        """Opens it.

        Args:
          source: a local file, or an address that FFmpeg reads (http, https). Not gs://: see storage.local_copy.

        Raises:
          VideoError: not_found, empty, not_a_video, no_decoder, no_frames, unreadable, truncated.
        """
        self.name, self.is_url = name_of(source), storage.is_remote(source)
        self.container_info = containers.ContainerInfo(None, 0) if self.is_url else _checked_file(source)
        self.num_packets_lost = self.num_frames_concealed = 0
        self._num_frames, self._has_pts, self._has_whole_frame = 0, True, False
        self._begin_at: int | None = None
        self._exit = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            self._container = stack.enter_context(self._open(source, stack))
            self._stream = self._choose_stream()
            self._exit = stack.pop_all()
        # FFmpeg would make up times for frames that have none, and not in the right order.
        self._container.flags &= ~Flags.gen_pts.value  # type: ignore[operator]
        self._decoder = _decoder(self._stream)

    @property
    def stored_size_px(self) -> tuple[int, int]:
        """Width and height of the stored pictures as the container says; 0 where unknown."""
        return self._stream.codec_context.width, self._stream.codec_context.height

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec."""
        return self._stream.codec_context.codec.canonical_name

    @property
    def frame_rate_hz(self) -> float:
        """The nominal rate; 0 where unknown."""
        return float(self._stream.guessed_rate or 0)

    @property
    def num_frames(self) -> int:
        """How many frames the container says it stores; 0 where it does not say."""
        return self._stream.frames

    @property
    def duration_s(self) -> float | None:
        """How long the pictures are shown, after cuts by an edit list; None where the container does not say."""
        if self._stream.duration is None or self._stream.time_base is None:
            return None
        return float(self._stream.duration * self._stream.time_base)

    @property
    def longest_s(self) -> float:
        """How long the video is at most, as the container says it anywhere; infinite where it does not."""
        return self.duration_s or (self._container.duration or math.inf) / av.time_base

    @property
    def time_base(self) -> Fraction | None:
        """The unit of packets' and frames' times, in seconds."""
        return self._stream.time_base

    @property
    def stored_length(self) -> StoredLength:
        """What the file says about its own length."""
        return StoredLength(
            self.num_frames, self.frame_rate_hz, self.duration_s, self.container_info.is_truncated, self.is_url
        )

    @property
    def pixel_aspect(self) -> Fraction:
        """A stored pixel's width divided by its height, of the frame that was decoded last."""
        for aspect in (self._stream.sample_aspect_ratio, self._stream.codec_context.sample_aspect_ratio):
            if aspect is not None and aspect > 0:
                return aspect
        return Fraction(1)

    def __iter__(self) -> Iterator[av.VideoFrame]:
        """Yields the frames that can be decoded; ends where nothing more can be read.

        Raises:
          VideoError: unreadable, if the file itself cannot be read on.
        """
        for packet in self.packets():
            yield from self._decode(packet)

    def packets(self) -> Iterator[av.Packet | None]:
        """Yields the packets that can be read, not decoded, in the order of decoding; the last one is empty.

        Raises:
          VideoError: unreadable, if the file itself cannot be read on; not_in_pieces, see `go_to_keyframe`.
        """
        begun_failing_s, num_failed = 0.0, 0
        while True:
            try:
                for packet in self._container.demux(self._stream):
                    num_failed = 0
                    if self._is_where_to_begin(packet):
                        yield packet
                self._check_begun()
                return
            except av.FFmpegError:
                self.num_packets_lost += 1 if self._num_frames else 0
                begun_failing_s = begun_failing_s if num_failed else time.monotonic()
                num_failed += 1
                if num_failed == _MAX_FAILED_READS or time.monotonic() - begun_failing_s > _MAX_FAILING_S:
                    break
            except OSError as error:
                raise _unreadable(self.name, error) from None
        self._check_begun()
        yield None

    def _check_begun(self) -> None:
        """Refuses a file that has ended before the keyframe was met: its rows would be missing, and nobody told."""
        if self._begin_at is not None:
            raise not_in_pieces(self.name, "a keyframe is not found again")

    def go_to_keyframe(self, pts: int, seek_to: int) -> None:
        """Lets frames and packets begin at a keyframe; iterate anew.

        Args:
          pts: the keyframe's time of showing, in the stream's time base.
          seek_to: where to look for it: not behind its times of showing and decoding.

        Raises:
          VideoError: not_in_pieces, now or from the iterator, if it is not found.
        """
        try:
            self._container.seek(seek_to, stream=self._stream)
        except av.FFmpegError:
            raise not_in_pieces(self.name, "it cannot be read from its middle") from None
        self._decoder.flush_buffers()
        self._begin_at, self._has_whole_frame = pts, False

    def _is_where_to_begin(self, packet: av.Packet) -> bool:
        if self._begin_at is None:
            return True
        if not packet.is_keyframe or packet.pts is None or packet.pts < self._begin_at:
            return False
        if packet.pts != self._begin_at:
            raise not_in_pieces(self.name, "a keyframe is not found again")
        self._begin_at = None
        return True

    def _decode(self, packet: av.Packet | None) -> list[av.VideoFrame]:
        try:
            frames = self._decoder.decode(packet)
        except av.FFmpegError:
            # Failures before the first frame mean that a recording begins between two key frames.
            self.num_packets_lost += 1 if self._num_frames else 0
            return []
        for frame in frames:
            # What a video begins with may refer to frames that a cut has removed.
            if not frame.is_corrupt:
                self._has_whole_frame = True
            elif self._has_whole_frame:
                self.num_frames_concealed += 1
            if not self._num_frames:
                self._has_pts = frame.pts is not None
            self._num_frames += 1
            if not self._has_pts:
                # AVI stores no times of showing; FFmpeg gives frames in the order of showing all the same.
                frame.pts = frame.dts
        return frames

    def close(self) -> None:
        """Closes the file."""
        self._exit.close()

    def __enter__(self) -> "MediaFile":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _open(self, source: str, stack: contextlib.ExitStack) -> av.container.InputContainer:
        try:
            if self.is_url:
                timeouts = (_URL_TIMEOUT_S, _URL_TIMEOUT_S)
                options = {"protocol_whitelist": _URL_PROTOCOLS}
                return av.open(source, "r", options=options, timeout=timeouts, metadata_errors="replace")
            # Opened by Python: FFmpeg may take a name for a protocol, and would open the files that this one refers to.
            file = stack.enter_context(open(source, "rb"))  # noqa: SIM115
            return av.open(file, "r", options={"protocol_whitelist": _NO_PROTOCOL}, metadata_errors="replace")
        except av.FFmpegError:
            raise self._not_opened() from None
        except OSError as error:
            raise _unreadable(self.name, error) from None

    def _choose_stream(self) -> av.VideoStream:
        """The default stream; of several, the largest of them, as ffmpeg does."""
        streams = [stream for stream in self._container.streams.video if not stream.disposition & _NOT_SHOWN]
        if not streams:
            if self.container_info.is_truncated:
                raise truncated(self.name, "nothing in it can be decoded")
            if not self._container.streams:
                raise no_frames(self.name)
            raise self._not_opened()
        decodable = [stream for stream in streams if stream.codec_context is not None]
        if not decodable:
            raise VideoError(
                "no_decoder",
                f"{self.name}: FFmpeg here has no decoder for its codec; expected a usual one. Convert it (for "
                "instance to H.264 in .mp4).",
            )
        return max(
            decodable,
            key=lambda stream: (
                bool(stream.disposition & Disposition.default),
                stream.codec_context.width * stream.codec_context.height,
                -stream.index,
            ),
        )

    def _not_opened(self) -> VideoError:
        if self.container_info.is_truncated:
            return truncated(self.name, "nothing in it can be decoded")
        if self.is_url:
            what = "cannot be opened: nothing answers there within the time limit, or what comes is not a video"
            return VideoError("not_found", f"{self.name} {what}. Check the address and that the stream is running.")
        return VideoError(
            "not_a_video",
            f"{self.name} is not a video that FFmpeg can decode; expected a file with a video stream. Check that it "
            "plays, and convert it (for instance to H.264 in .mp4).",
        )


def _decoder(stream: av.VideoStream) -> av.VideoCodecContext:
    decoder = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and decoder.name in _ALPHA_DECODERS:
        decoder = av.CodecContext.create(_ALPHA_DECODERS[decoder.name], "r")  # type: ignore[assignment]
    is_large = stream.codec_context.width * stream.codec_context.height > _PIXELS_OF_ONE_THREAD
    decoder.thread_count = _THREADS_OF_LARGE_PICTURES if is_large else 1
    decoder.thread_type = ThreadType.AUTO if is_large else ThreadType.NONE
    return decoder


def not_in_pieces(name: str, why: str) -> VideoError:
    """The error of a video that was to be read in pieces and cannot be."""
    return VideoError(NOT_IN_PIECES, f"{name} cannot be read in pieces: {why}. Read it whole.")


def no_frames(name: str) -> VideoError:
    """The error of a video without a frame."""
    return VideoError("no_frames", f"{name} has no frame that can be decoded; expected some. Check that it plays.")


def presentation_ms(pts: int | None, time_base: Fraction | None) -> float | None:
    """When a frame or packet is shown, on the media's own clock; None where it does not say."""
    # Not exact on purpose: it rounds to the same milliseconds as OpenCV did, with which older tables were made.
    return None if pts is None else 1000 * (pts * float(time_base or 0))


def _unreadable(name: str, error: OSError) -> VideoError:
    return VideoError("unreadable", f"{name} cannot be read ({error}); expected a readable file. Check its rights.")


def _checked_file(path: str) -> containers.ContainerInfo:
    if not os.path.exists(path):
        raise VideoError("not_found", f"{path} does not exist; expected a video file there. Check the path.")
    if os.path.isdir(path):
        raise VideoError("not_a_video", f"{path} is a folder; expected a video file. Name one of the files in it.")
    if not os.path.isfile(path):
        raise VideoError("not_a_video", f"{path} is a device or a pipe; expected a video file. Record to a file first.")
    if not os.path.getsize(path):
        raise VideoError("empty", f"{path} is empty; expected a video. Copy or download the file again.")
    # FFmpeg would draw a text as a terminal does, and open the other files that a playlist names.
    if containers.is_text(path):
        raise VideoError("not_a_video", f"{path} is a text; expected a video. Leave it out.")
    if containers.is_animated_webp(path):
        raise VideoError(
            "no_decoder",
            f"{path} is an animated WebP, which FFmpeg cannot decode; expected a video. Convert it to .mp4.",
        )
    return containers.read_container_info(path)
