"""Videos -> landmarks files, long ones piece by piece, so that several workers share one of them.

A long video is cut at keyframes. Each piece becomes a hidden file, which appears whole when the piece is done; they are
joined to the one file of the video and removed. A video that cannot be read in pieces is read whole.
"""

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from beam_jobs import local_copies, storage, tables
from beam_jobs.errors import NO_FAULT_OF_A_FILE, UserError
from beam_jobs.extract.extract_video import (
    ExtractSettings,
    ExtractVideo,
    VideoPiece,
    VideoStep,
    count_frames,
    stage_of,
)
from beam_jobs.extract.rows import dead_letter, landmark_batches, quality_row, read_batches, with_labels
from beam_jobs.labels import Labels, Video
from beam_jobs.landmark_table import FrameCounts, LongestGap
from beam_jobs.pose import estimator as pose_estimator
from beam_jobs.pose import model_file
from beam_jobs.video.completeness import check_complete
from beam_jobs.video.frames import NOT_IN_PIECES, DecodingState, VideoError, VideoInfo, joined

# The video's may change before its pieces are joined.
_NO_LABELS = Labels(None, "", "")


def pieces_folder(output: str) -> str:
    """Where pieces wait until they are joined: hidden, and no part of any table."""
    return storage.join(output, ".pieces")


def remove_empty_folder(output: str) -> None:
    """Removes a local folder of pieces in which none is left."""
    with contextlib.suppress(OSError):
        os.rmdir(pieces_folder(output.removeprefix("file://")))


def _folder_of(output: str, video: Video) -> str:
    name = storage.landmarks_file("", video.video_id).rsplit("/", 1)[-1]
    return storage.join(pieces_folder(output), name.removesuffix(".parquet"))


def _file_of(output: str, part: VideoPiece) -> str:
    return storage.join(_folder_of(output, part.video), f"{part.piece.number:04d}.parquet")


@dataclasses.dataclass(frozen=True)
class PieceResult:
    """What a piece's file says beside its rows.

    Attributes:
      info: what the video's file says; None where the decoder did not come so far.
      state: of the piece's own frames.
      counts: likewise.
      letters: a dead_letters row, if the piece could not be read to its end.
    """

    info: VideoInfo | None
    state: DecodingState
    counts: FrameCounts
    letters: list[dict]

    def metadata(self) -> dict[str, str]:
        """As a file's metadata."""
        fields = dataclasses.asdict(self)
        return {"dead_letters": json.dumps(fields.pop("letters")), "result": json.dumps(fields)}

    @classmethod
    def of(cls, metadata: dict[str, str]) -> "PieceResult":
        """From a file's metadata."""
        fields = json.loads(metadata["result"])
        return cls(
            VideoInfo(**fields["info"]) if fields["info"] else None,
            DecodingState(**fields["state"]),
            FrameCounts(**fields["counts"]),
            json.loads(metadata["dead_letters"]),
        )


class ExtractPiece(VideoStep):
    """Writes the rows of one piece to a file of its own; yields (video_id, (the piece, whether its file is there))."""

    def setup(self) -> None:
        """Loads what every piece needs."""
        super().setup()
        self._copy, self._copied = contextlib.ExitStack(), ("", "", "")

    def process(self, part: VideoPiece) -> Iterator[tuple[str, tuple[VideoPiece, bool]]]:
        """Extracts a piece, or finds that it is done."""
        file = _file_of(self._settings.output, part)
        done = self._done(file, part.content_sha256)
        is_there = done is not None and done["piece"] == _as_text(part)
        if not is_there:
            is_there = self._extract(part, file)
        yield part.video.video_id, (part, is_there)

    def finish_bundle(self) -> None:
        """Removes the local copy of a store's video: it is kept from piece to piece, but not longer."""
        self._copy.close()
        self._copied = ("", "", "")

    def teardown(self) -> None:
        """Ends the decoder's process."""
        self._copy.close()
        super().teardown()

    def _local_copy(self, uri: str) -> tuple[str, str]:
        """A local file, and the sha256 of its content."""
        if self._copied[0] != uri:
            self.finish_bundle()
            path = self._copy.enter_context(local_copies.local_copy(uri))
            self._copied = (uri, path, model_file.sha256(path))
        return self._copied[1:]

    def _extract(self, part: VideoPiece, file: str) -> bool:
        """Whether the piece could be read as one; if not, JoinPieces reads the whole video, and says what is wrong."""
        try:
            path, content = self._local_copy(part.video.uri)
        except (OSError, VideoError) as error:
            if isinstance(error, OSError) and error.errno in NO_FAULT_OF_A_FILE:
                raise
            return False
        if content != part.content_sha256:
            return False
        try:
            self._estimate_piece(part, path, file)
        except VideoError:
            return False
        return True

    def _estimate_piece(self, part: VideoPiece, path: str, file: str) -> None:
        """Writes the piece's file.

        Raises:
          VideoError: NOT_IN_PIECES. Another error of the video is noted in the file.
        """
        counts, letters = FrameCounts(), []
        decoded = self.decoder.read(path, self._settings.frame_rate_hz, piece=part.piece)
        metadata = self._metadata(part.content_sha256) | {"piece": _as_text(part)}
        with (
            storage.table_writer(file, tables.LANDMARKS, metadata) as writer,
            pose_estimator.PoseEstimator(self._model) as estimator,
        ):
            try:
                for batch in landmark_batches(
                    decoded,
                    estimator,
                    part.video.video_id,
                    _NO_LABELS,
                    counts,
                    lambda num: self._sender.send(frames=num),
                    part.piece.first_frame_id,
                ):
                    writer.write_batch(batch)
            except VideoError as error:
                if error.reason == NOT_IN_PIECES:
                    raise
                letters = [dead_letter(part.video, stage_of(error), error, counts.frames_sampled, path)]
            count_frames(counts, decoded)
            result = PieceResult(decoded.info, decoded.state, counts, letters)
            writer.add_key_value_metadata(result.metadata())


def _as_text(part: VideoPiece) -> str:
    return json.dumps(dataclasses.asdict(part.piece))


class JoinPieces(VideoStep):
    """Joins the pieces of one video to its landmarks file; yields what ExtractVideo yields of a whole one.

    The video itself is yielded, too, tagged "joined": then its pieces may be removed.
    """

    def process(self, parts_of_video: tuple[str, Iterable[tuple[VideoPiece, bool]]]) -> Iterator[Any]:
        """Joins them, or reads the whole video where a piece is not there."""
        pairs = sorted(parts_of_video[1], key=lambda pair: pair[0].piece.number)
        parts = [part for part, _ in pairs]
        video = parts[0].video
        results = self._results(parts) if all(is_there for _, is_there in pairs) else None
        if results is None:
            yield from self.extract(video)
        else:
            yield from self._join(parts, results)
            self._sender.send(videos=1)
        yield beam.pvalue.TaggedOutput("joined", video)

    def _results(self, parts: list[VideoPiece]) -> list[PieceResult] | None:
        try:
            return [PieceResult.of(storage.read_metadata(_file_of(self._settings.output, part))) for part in parts]
        except UserError:  # a file is gone
            return None

    def _join(self, parts: list[VideoPiece], results: list[PieceResult]) -> Iterator[Any]:
        video, content = parts[0].video, parts[0].content_sha256
        labels, file = self._lookup.find(video), self._file(video)
        state, counts, gaps = joined(result.state for result in results), _total(results), LongestGap()
        letters = self._letters(parts[0], results, state, counts.frames_sampled)
        info = next((result.info for result in results if result.info is not None), None)
        if not counts.frames_sampled or info is None:
            storage.remove(file)  # a former version of the video may have left one
            yield from self._failed(letters[0])  # of the first piece, which has the first frame or a letter
            return
        with storage.table_writer(file, tables.LANDMARKS, self._metadata(content)) as writer:
            for part in parts:
                for batch in read_batches(_file_of(self._settings.output, part)):
                    gaps.add(batch)
                    writer.write_batch(with_labels(batch, labels))
            quality = quality_row(video, content, labels, info, state, counts, gaps)
            writer.add_key_value_metadata({"quality": json.dumps(quality), "dead_letters": json.dumps(letters)})
        yield from self._finished(quality, letters)

    def _letters(self, part: VideoPiece, results: list[PieceResult], state: DecodingState, num_kept: int) -> list[dict]:
        """One letter of the video, as the whole one would have, or none."""
        for result in results:
            if result.letters:
                return [result.letters[0] | {"num_frames_kept": num_kept}]
        try:
            check_complete(part.video.uri, part.stored_length, state)
        except VideoError as error:
            return [dead_letter(part.video, stage_of(error), error, num_kept)]
        return []


def _total(results: list[PieceResult]) -> FrameCounts:
    return FrameCounts(*map(sum, zip(*(dataclasses.astuple(result.counts) for result in results), strict=True)))


def _remove_pieces(video: Video, output: str) -> None:
    storage.remove(_folder_of(output, video))


def extract_videos(videos: beam.PCollection[Video], settings: ExtractSettings) -> tuple[beam.PCollection, ...]:
    """Videos -> (quality rows, dead letters); their landmarks files are written under `settings.output`."""
    extracted = (
        videos
        | "Spread" >> beam.Reshuffle()
        | "EstimatePoses" >> beam.ParDo(ExtractVideo(settings)).with_outputs("dead_letters", "pieces", main="quality")
    )
    whole = dataclasses.replace(settings, cut_above_s=0.0)
    of_pieces = (
        extracted.pieces
        | "SpreadPieces" >> beam.Reshuffle()
        | "EstimatePosesInPieces" >> beam.ParDo(ExtractPiece(whole)).with_output_types(tuple[str, Any])
        | "ByVideo" >> beam.GroupByKey()
        | "JoinPieces" >> beam.ParDo(JoinPieces(whole)).with_outputs("dead_letters", "joined", main="quality")
    )
    # A runner may repeat a step until it has recorded it: the pieces must exist until then.
    noted = of_pieces.joined | "NoteJoined" >> beam.Reshuffle()
    _ = noted | "RemovePieces" >> beam.Map(_remove_pieces, settings.output)
    return (
        (extracted.quality, of_pieces.quality) | "AllQuality" >> beam.Flatten(),
        (extracted.dead_letters, of_pieces.dead_letters) | "AllDeadLetters" >> beam.Flatten(),
    )
