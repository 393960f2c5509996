"""Decoder: reads videos in a process of its own, so that a crash or hang of native code costs one video, not a worker.

The process is started once and reads one video after the other; it imports only PyAV and NumPy (a fifth of a second).
So decoding also runs beside pose estimation: the next frames wait in shared memory (frame_ring.py), messages about
them in a pipe. And the FFmpeg libraries of PyAV and those of OpenCV are never in one process.
"""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import socket
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from beam_jobs import windows
from beam_jobs.video.completeness import StoredLength
from beam_jobs.video.frame_ring import FrameReader, FrameWriter
from beam_jobs.video.frames import DecodingState, Frame, VideoError, VideoInfo, mean_brightness
from beam_jobs.video.pieces import Piece

if TYPE_CHECKING:
    from beam_jobs.video.reader import VideoReader


class Request(NamedTuple):
    """What the decoder's process is asked for.

    Attributes:
      source: a local video, or one behind an http address.
      frame_rate_hz: of the sampling grid.
      cut_above_s: a local video that is longer is not read; its pieces are named. 0: it is read in any case.
      piece: read only this one.
    """

    source: str
    frame_rate_hz: float
    cut_above_s: float = 0.0
    piece: Piece | None = None


class DecodedVideo:
    """A video that the decoder's process reads: iterate over it, once, for the frames on the grid.

    Attributes:
      info: size and the like; None until it is open.
      state: how far it has been read.
      pieces: of a long video, which is then not read; none until it is open.
      stored_length: what the file of such a video says about its length; else None.
    """

    def __init__(self, decoder: "Decoder", request: Request) -> None:
        self._decoder = decoder
        self._request = request
        self.pieces: tuple[Piece, ...] = ()
        self.stored_length: StoredLength | None = None
        self._connection: multiprocessing.connection.Connection | None = None
        self._ring: FrameReader | None = None
        self.info: VideoInfo | None = None
        self.state = DecodingState()

    @property
    def mean_brightness(self) -> float:
        """Mean luma of the frames on the grid so far, 0 (black) to 255 (white); NaN before the first one."""
        return self.state.mean_brightness

    def begin(self) -> None:
        """Has the process open the video; nobody waits for it yet."""
        with self._closing_after_failure():
            self._connection, self._ring = self._decoder.request(self._request)

    def open(self) -> VideoInfo:
        """Opens the video, or waits until it is open.

        Raises:
          VideoError: whatever VideoReader raises; reason "decoder_crashed" or "decoder_hung" if native code did.
          RuntimeError: if the reader has a fault of its own; with its traceback.
        """
        if self._connection is None:
            self.begin()
        with self._closing_after_failure():
            self.info, self.pieces, self.stored_length = self._receive("opened") or (None, (), None)
        assert self.info is not None
        return self.info

    def __iter__(self) -> Iterator[Frame]:
        """Reads the video, and opens it where that was not done.

        Raises:
          VideoError: whatever VideoReader raises; reason "decoder_crashed" or "decoder_hung" if native code did.
          RuntimeError: if the reader has a fault of its own; with its traceback.
        """
        if self.info is None:
            self.open()
        with self._closing_after_failure():
            while True:
                header = self._receive("frame", "end")
                if header is None:
                    return
                frame_id, timestamp_ms, offset, shape = header
                assert self._ring is not None
                yield Frame(frame_id, timestamp_ms, self._ring.take(offset, shape))

    def _receive(self, *kinds: str) -> tuple | None:
        """The payload of the next message, which is of one of these kinds, or an error that is raised."""
        assert self._connection is not None
        kind = "busy"
        while kind == "busy":  # it looks through a long video, and does not hang
            kind, payload, state = self._connection.recv()
        self.state = DecodingState(*state)
        if kind == "error":
            raise VideoError(*payload)
        if kind == "fault":
            raise RuntimeError(f"the decoder failed on {self._request[0]}; this is a fault of the program:\n{payload}")
        assert kind in kinds, kind
        return payload

    @contextlib.contextmanager
    def _closing_after_failure(self) -> Iterator[None]:
        """Gives the next video a fresh process after a crash, a hang, or a caller that stopped early."""
        try:
            yield
        except VideoError:
            raise
        except BlockingIOError:
            self._decoder.close()
            raise VideoError(
                "decoder_hung",
                f"{self._request[0]}: the decoder yielded nothing for {self._decoder.timeout_s:g} s; expected a frame. "
                "Convert the video anew, or raise --decode_timeout_s.",
            ) from None
        except (EOFError, OSError):  # OSError: it died in the middle of a message
            self._decoder.close()
            raise VideoError(
                "decoder_crashed",
                f"{self._request[0]}: the decoder crashed; expected a video that FFmpeg can read. Convert it anew.",
            ) from None
        except BaseException:
            self._decoder.close()
            raise


class Decoder:
    """The process that decodes; started on first use, and again after a crash."""

    def __init__(self, timeout_s: float = 60.0) -> None:
        self.timeout_s = timeout_s
        self._process: subprocess.Popen | None = None
        self._connection: multiprocessing.connection.Connection | None = None
        self._ring: FrameReader | None = None

    @property
    def process_id(self) -> int | None:
        """The child process that decodes, once there is one."""
        return self._process.pid if self._process is not None else None

    def read(
        self, source: str, frame_rate_hz: float, cut_above_s: float = 0.0, piece: Piece | None = None
    ) -> DecodedVideo:
        """The frames of a video, or of one piece of it, on a sampling grid; read one at a time. See `Request`."""
        return DecodedVideo(self, Request(source, frame_rate_hz, cut_above_s, piece))

    def request(self, request: Request) -> tuple[multiprocessing.connection.Connection, FrameReader]:
        """Asks the process for a video; messages come by the connection, frames by the ring."""
        if self._connection is None or self._ring is None or self._process is None or self._process.poll() is not None:
            self.close()
            self._connection, theirs = multiprocessing.Pipe()
            self._ring = FrameReader()
            limit_reading(self._connection, self.timeout_s)
            # Not multiprocessing.Process: its child would import the parent's __main__, here Beam's worker, first.
            inherited = (theirs.fileno(), *self._ring.inherited)
            command = [sys.executable, "-m", __name__, *map(str, inherited)]
            self._process = subprocess.Popen(command, pass_fds=inherited, stderr=subprocess.DEVNULL)
            theirs.close()
            self._ring.started()
        self._connection.send(tuple(request))  # the process knows this module by another name
        return self._connection, self._ring

    def close(self) -> None:
        """Ends the process; may be called twice at once, by a reader that gives up and by a worker that ends."""
        process, self._process = self._process, None
        connection, self._connection = self._connection, None
        ring, self._ring = self._ring, None
        if process is not None:
            process.kill()
            process.wait()
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()
        if ring is not None:
            ring.close()


def limit_reading(connection: multiprocessing.connection.Connection, timeout_s: float) -> None:
    """Lets every read of a `multiprocessing.Pipe()` end with BlockingIOError after a time without a byte.

    `poll` cannot do that: it says that a message begins, and reading waits for its end, for ever if the writer is
    stopped in the middle of it.
    """
    with socket.socket(fileno=os.dup(connection.fileno())) as same:
        # Where socket.setdefaulttimeout() was called, as Beam does when it looks for Google's credentials, a new socket
        # object makes its pipe one that never waits.
        same.setblocking(True)
        seconds, share = divmod(timeout_s, 1)
        same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", int(seconds), int(share * 1e6)))


def serve(connection: multiprocessing.connection.Connection, ring: FrameWriter) -> None:
    """The process's loop: a request in; "opened", frames, and "end" out; or "error" (of the video), "fault" (ours)."""
    while True:
        try:
            request = Request(*connection.recv())
        except EOFError:
            return
        reading = _Reading(connection, ring)
        try:
            reading.read(request)
        except VideoError as raised:
            reading.send("error", (raised.reason, str(raised)))
        except (BrokenPipeError, ConnectionResetError, EOFError):
            return
        except Exception:
            reading.send("fault", traceback.format_exc())
        finally:
            reading.close()


class _Reading:
    """One video's reading, in the decoder's process."""

    def __init__(self, connection: multiprocessing.connection.Connection, ring: FrameWriter) -> None:
        self._connection, self._ring = connection, ring
        self._reader: VideoReader | None = None
        self._decoding_s = self._total_brightness = 0.0
        self._num_frames_chosen = 0

    def read(self, request: Request) -> None:
        started = time.perf_counter()
        reader = self._reader = _open(request)
        pieces = self._pieces(request) if request.cut_above_s else ()
        self._decoding_s += time.perf_counter() - started
        self.send("opened", (reader.info, pieces, reader.stored_length))
        if pieces:
            return
        self._ring.wait_until_empty()
        first_frame_id = request.piece.first_frame_id if request.piece else 0
        frames = iter(reader)
        while True:
            started = time.perf_counter()
            try:
                frame = next(frames, None)
            finally:
                self._decoding_s += time.perf_counter() - started
            if frame is None:
                self.send("end", None)
                return
            if frame.frame_id >= first_frame_id:
                self._num_frames_chosen += 1
                self._total_brightness += mean_brightness(frame.image)
            offset = self._ring.put(frame.image)
            self.send("frame", (frame.frame_id, frame.timestamp_ms, offset, frame.image.shape))

    def _pieces(self, request: Request) -> tuple[Piece, ...]:
        from beam_jobs.video.keyframes import find_pieces

        reader = self._reader
        # Where a file does not say how long it is, it is looked through: that takes a thousandth of what reading takes.
        if (
            reader is None
            or reader.stored_length.is_url
            or reader.first_ms is None
            or reader.longest_s <= request.cut_above_s
        ):
            return ()
        source, rate, cut_above_s, _ = request
        try:
            return find_pieces(source, reader.first_ms, cut_above_s, rate, lambda: self.send("busy", None))
        except VideoError:
            return ()  # read as a whole, all before the damage is kept

    def send(self, kind: str, payload: tuple | str | None) -> None:
        """Sends a message with what is known so far."""
        state: tuple = ()
        if self._reader is not None:
            state = (  # DecodingState's fields; a tuple takes less time to send
                self._reader.num_frames_decoded,
                self._reader.last_timestamp_ms,
                1000 * self._decoding_s,
                self._reader.is_interlaced,
                self._num_frames_chosen,
                self._total_brightness,
                self._reader.num_frames_lost,
                self._reader.num_frames_concealed,
            )
        self._connection.send((kind, payload, state))

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()


def _open(request: Request) -> "VideoReader":
    # Here and not above: a process that uses Decoder does not import PyAV.
    from beam_jobs.video.piece_reader import PieceReader
    from beam_jobs.video.reader import VideoReader

    if request.piece is not None:
        return PieceReader(request.source, request.frame_rate_hz, request.piece)
    return VideoReader(request.source, windows.SamplingGrid(request.frame_rate_hz))


if __name__ == "__main__":
    serve(multiprocessing.connection.Connection(int(sys.argv[1])), FrameWriter(*map(int, sys.argv[2:])))
