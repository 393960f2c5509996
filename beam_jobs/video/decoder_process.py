"""Decoder: reads videos in a process of its own, so that a crash or hang of native code costs one video, not a worker.

The process is started once and reads one video after the other; it imports OpenCV and NumPy alone (a third of a
second). Decoding also runs beside pose estimation that way: the next frame waits in the pipe.
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
from collections.abc import Iterator

import numpy as np

from beam_jobs import windows
from beam_jobs.video.reader import VideoError, VideoInfo, VideoReader


class DecodedVideo:
    """A video being read elsewhere: iterate over (frame_id, timestamp_ms, BGR image) of the frames on the grid.

    Attributes:
      info: size and the like; None until the first frame came.
      num_frames_decoded: all frames of the media so far, used or not.
      last_timestamp_ms: media time of the last decoded frame.
      decoding_ms: time spent on decoding so far.
    """

    def __init__(self, decoder: "Decoder", path: str, frame_rate_hz: float) -> None:
        self._decoder = decoder
        self._request = (path, frame_rate_hz)
        self.info: VideoInfo | None = None
        self.num_frames_decoded = 0
        self.last_timestamp_ms = 0.0
        self.decoding_ms = 0.0

    def __iter__(self) -> Iterator[tuple[int, int, np.ndarray]]:
        """Reads the video.

        Raises:
          VideoError: whatever VideoReader raises; reason "decoder_crashed" or "decoder_hung" if native code did.
        """
        finished = False
        try:
            connection = self._decoder.request(self._request)
            while True:
                kind, payload, state = connection.recv()
                self.info, self.num_frames_decoded, self.last_timestamp_ms, self.decoding_ms = state
                if kind == "frame":
                    frame_id, timestamp_ms, shape = payload
                    image = np.frombuffer(connection.recv_bytes(), np.uint8).reshape(shape)
                    yield frame_id, timestamp_ms, image
                    continue
                finished = True
                if kind == "error":
                    raise VideoError(*payload)
                return
        except BlockingIOError:
            raise VideoError(
                "decoder_hung",
                f"{self._request[0]}: the decoder yielded nothing for {self._decoder.timeout_s:g} s; expected a frame. "
                "Convert the video anew, or raise --decode_timeout_s.",
            ) from None
        except (EOFError, OSError):  # OSError: it died in the middle of a message
            raise VideoError(
                "decoder_crashed",
                f"{self._request[0]}: the decoder crashed; expected a video that OpenCV can read. Convert it anew.",
            ) from None
        finally:
            if not finished:  # a crash, a hang, or a caller that stopped early: the next video gets a fresh process
                self._decoder.close()


class Decoder:
    """The process that decodes; started on first use, and again after a crash."""

    def __init__(self, timeout_s: float = 60.0) -> None:
        self.timeout_s = timeout_s
        self._process: subprocess.Popen | None = None
        self._connection: multiprocessing.connection.Connection | None = None

    def read(self, path: str, frame_rate_hz: float) -> DecodedVideo:
        """A local video's frames on a sampling grid; read one at a time."""
        return DecodedVideo(self, path, frame_rate_hz)

    def request(self, request: tuple[str, float]) -> multiprocessing.connection.Connection:
        """Asks the process for a video."""
        if self._connection is None or self._process is None or self._process.poll() is not None:
            self.close()
            self._connection, theirs = multiprocessing.Pipe()
            limit_reading(self._connection, self.timeout_s)
            # Not multiprocessing.Process: its child would import the parent's __main__, here Beam's worker, first.
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stderr=subprocess.DEVNULL)
            theirs.close()
        self._connection.send(request)
        return self._connection

    def close(self) -> None:
        """Ends the process; may be called twice at once, by a reader that gives up and by a worker that ends."""
        process, self._process = self._process, None
        connection, self._connection = self._connection, None
        if process is not None:
            process.kill()
            process.wait()
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()


def limit_reading(connection: multiprocessing.connection.Connection, timeout_s: float) -> None:
    """Lets every read of a `multiprocessing.Pipe()` end with BlockingIOError after a time without a byte.

    `poll` cannot do that: it says that a message begins, and reading waits for its end, for ever if the writer is
    stopped in the middle of a frame.
    """
    with socket.socket(fileno=os.dup(connection.fileno())) as same:
        # Where socket.setdefaulttimeout() was called, as Beam does when it looks for Google's credentials, a new socket
        # object makes its pipe one that never waits.
        same.setblocking(True)
        seconds, share = divmod(timeout_s, 1)
        same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", int(seconds), int(share * 1e6)))


def serve(connection: multiprocessing.connection.Connection) -> None:
    """The process's loop: a request in; frames and one end message out."""
    while True:
        try:
            path, frame_rate_hz = connection.recv()
        except EOFError:
            return
        reader: VideoReader | None = None
        error: tuple[str, str] | None = None
        decoding_s = 0.0
        try:
            started = time.perf_counter()
            reader = VideoReader(path, windows.SamplingGrid(frame_rate_hz))
            for frame_id, timestamp_ms, image in reader:
                decoding_s += time.perf_counter() - started
                state = (reader.info, reader.num_frames_decoded, reader.last_timestamp_ms, 1000 * decoding_s)
                connection.send(("frame", (frame_id, timestamp_ms, image.shape), state))
                connection.send_bytes(np.ascontiguousarray(image).data.cast("B"))
                started = time.perf_counter()
            decoding_s += time.perf_counter() - started
        except VideoError as raised:
            error = (raised.reason, str(raised))
        except (BrokenPipeError, ConnectionResetError):
            return
        except Exception as raised:
            error = ("unreadable", f"{path}: OpenCV cannot read it ({raised}); expected a video. Convert it anew.")
        ended: tuple[VideoInfo | None, int, float, float] = (None, 0, 0.0, 0.0)
        if reader is not None:
            reader.close()
            ended = (reader.info, reader.num_frames_decoded, reader.last_timestamp_ms, 1000 * decoding_s)
        connection.send(("error", error, ended) if error else ("end", None, ended))


if __name__ == "__main__":
    serve(multiprocessing.connection.Connection(int(sys.argv[1])))
