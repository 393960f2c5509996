"""Deinterlacer: interlaced frames, two fields taken one after the other, as whole pictures of one moment."""

from fractions import Fraction

import av
from av.filter import Graph

from beam_jobs.video.frames import VideoError


class Deinterlacer:
    """Passes progressive frames through; from the first interlaced one on, every frame goes through FFmpeg's bwdif.

    bwdif looks at the frame before and the frame behind, so frames come out one later; a frame that is progressive
    itself comes out as it went in.

    Attributes:
      is_interlaced: an interlaced frame was seen.
    """

    def __init__(self, source: str) -> None:
        """Begins.

        Args:
          source: what to call the video in messages.
        """
        self._source = source
        self._graph: Graph | None = None
        self._shape: tuple[int, int, str] | None = None
        self.is_interlaced = False

    def push(self, frame: av.VideoFrame) -> list[av.VideoFrame]:
        """Takes the next frame; returns those that are ready, in order.

        Raises:
          VideoError: not_converted.
        """
        self.is_interlaced |= frame.interlaced_frame
        if not self.is_interlaced:
            return [frame]
        shape = (frame.width, frame.height, frame.format.name)
        try:
            ready = self.flush() if self._shape not in (None, shape) else []
            if self._graph is None:
                self._graph, self._shape = _bwdif(frame), shape
            self._graph.vpush(frame)
            return ready + _pull_all(self._graph)
        except av.FFmpegError as error:
            raise VideoError(
                "not_converted",
                f"{self._source} is interlaced and cannot be deinterlaced ({error.strerror}); expected whole pictures. "
                "Deinterlace it (for instance with ffmpeg -vf bwdif).",
            ) from None

    def flush(self) -> list[av.VideoFrame]:
        """The frames that are still to come, at the end or before frames of another size."""
        graph, self._graph = self._graph, None
        if graph is None:
            return []
        graph.vpush(None)
        return _pull_all(graph)


def _bwdif(frame: av.VideoFrame) -> Graph:
    graph = Graph()
    graph.threads = 1
    time_base = frame.time_base or Fraction(1, 1000)
    buffer = graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base={time_base.numerator}/"
        f"{time_base.denominator}:pixel_aspect=1/1:colorspace={frame.colorspace}:range={frame.color_range}",
    )
    bwdif = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
    graph.link_nodes(buffer, bwdif, graph.add("buffersink"))
    graph.configure()
    return graph


def _pull_all(graph: Graph) -> list[av.VideoFrame]:
    frames = []
    while True:
        try:
            frames.append(graph.vpull())
        except (BlockingIOError, EOFError):
            return frames
