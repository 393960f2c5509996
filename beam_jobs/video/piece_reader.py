"""PieceReader: a piece of a long video, with the same rows as in the whole one."""

from collections.abc import Iterator

from beam_jobs import windows
from beam_jobs.video.deinterlacer import Deinterlacer
from beam_jobs.video.frames import Frame
from beam_jobs.video.media_file import not_in_pieces, presentation_ms
from beam_jobs.video.pieces import Piece
from beam_jobs.video.reader import VideoReader


class PieceReader(VideoReader):
    """Decodes one piece: yields the frames that VideoReader chooses there, and before them those that warm up tracking.

    It begins with the video's first frame, which says when time begins and how large the pictures are, and goes on at
    the piece's keyframe. What it counts are the piece's own frames.
    """

    def __init__(self, source: str, frame_rate_hz: float, piece: Piece) -> None:
        """Opens the video and decodes its first frame.

        Args:
          source: a local file.
          frame_rate_hz: of the sampling grid.
          piece: of this file, by `find_pieces`.

        Raises:
          VideoError: as VideoReader.
        """
        self._sampling = windows.SamplingGrid(frame_rate_hz)
        super().__init__(source, self._sampling)
        self._piece = piece
        self._lost_before, self._concealed_before = 0, 0

    @property
    def num_frames_lost(self) -> int:
        """How many packets could not be decoded."""
        return self._media.num_packets_lost - self._lost_before

    @property
    def num_frames_concealed(self) -> int:
        """Of how many frames FFmpeg guessed a part."""
        return self._media.num_frames_concealed - self._concealed_before

    def __iter__(self) -> Iterator[Frame]:
        """Yields the chosen frames up to the piece's end; those before its first `frame_id` are of no row.

        Whether the video is whole is not checked: see completeness.check_complete, with all its pieces.

        Raises:
          VideoError: not_in_pieces (the keyframe is not found again, or time is not what it was), not_converted,
            unreadable.
        """
        piece = self._piece
        frame = self._first if piece.keyframe is None else self._go_to_keyframe()
        has_warmed_up = piece.keyframe is None
        while frame is not None:
            timestamp_ms = self._clock.time_ms(presentation_ms(frame.pts, frame.time_base))
            if timestamp_ms is None:
                raise not_in_pieces(self._media.name, "its frames do not come in the order of showing")
            cell = self._sampling.cell(timestamp_ms)
            if piece.end_frame_id is not None and cell >= piece.end_frame_id:
                return
            if cell >= piece.first_frame_id:
                if not has_warmed_up:
                    raise not_in_pieces(self._media.name, "decoding cannot begin at a keyframe")
                self.num_frames_decoded += 1
                self.last_timestamp_ms = timestamp_ms
            else:
                has_warmed_up = True
                self._lost_before = self._media.num_packets_lost
                self._concealed_before = self._media.num_frames_concealed
            frame_id = self._sampling.frame_id(timestamp_ms)
            if frame_id is not None:
                yield Frame(frame_id, round(timestamp_ms), self._converter.convert(frame, self._media.pixel_aspect))
            frame = next(self._frames, None)

    def _go_to_keyframe(self):
        """The first frame from the piece's keyframe on."""
        keyframe = self._piece.keyframe
        assert keyframe is not None
        self._clock.time_ms(presentation_ms(self._first.pts, self._first.time_base))  # time begins there
        self._media.go_to_keyframe(keyframe.pts, keyframe.seek_to)
        self._lost_before = self._media.num_packets_lost
        self._deinterlacer = Deinterlacer(self._media.name)
        self._frames = self._whole_frames()
        begins_ms = presentation_ms(keyframe.pts, self._media.time_base) or 0.0
        # What is shown before a keyframe and stored behind it may refer to what was not decoded.
        for frame in self._frames:
            time_ms = presentation_ms(frame.pts, frame.time_base)
            if time_ms is None or time_ms >= begins_ms:
                return frame
        return None
