"""ExtractVideo: one video -> its landmarks file, its quality row, its dead letter.

A video's landmarks are one Parquet file, which appears whole when the video is done and says in its metadata what it
was made of. That file is the unit of everything: workers share no state, memory does not grow with a video's length,
a job that was killed is started again and skips what is there.
"""

import contextlib
import dataclasses
import json
import os
from collections.abc import Generator, Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics import Metrics

from beam_jobs import local_copies, progress, storage, tables, windows
from beam_jobs.errors import NO_FAULT_OF_A_FILE, UserError
from beam_jobs.extract.compacted_videos import CompactedVideos
from beam_jobs.extract.label_lookup import LabelLookup
from beam_jobs.extract.object_version import check_version
from beam_jobs.extract.people_rows import people_batches
from beam_jobs.extract.rows import POSE_FAILED, dead_letter, landmark_batches, quality_row, relabel
from beam_jobs.labels import Labels, Video
from beam_jobs.landmark_table import FrameCounts, LongestGap
from beam_jobs.pose import estimator as pose_estimator
from beam_jobs.pose import model_file, people
from beam_jobs.video.completeness import StoredLength
from beam_jobs.video.decoder_process import DecodedVideo, Decoder
from beam_jobs.video.frames import VideoError
from beam_jobs.video.pieces import Piece

# Beam's counters of this job, in the namespace "extract".
COUNTERS = (
    "videos_done",
    "videos_skipped",
    "videos_failed",
    "frames_decoded",
    "frames_sampled",
    "frames_without_person",
    "decoding_ms",
    "estimating_ms",
)
# Not a fault of the video's content: such a video is tried again when the job is run again.
RETRYABLE_REASONS = ("decoder_crashed", "decoder_hung", POSE_FAILED)


@dataclasses.dataclass(frozen=True)
class ExtractSettings:
    """How videos become landmarks, and where these go.

    Attributes:
      output: a folder, local or gs://.
      labels_path: a labels.csv that workers can read; None for no labels.
      pose_model_path: the `.task`, a path that workers can read; None for the default model.
      frame_rate_hz: of the sampling grid.
      decode_timeout_s: how long a decoder may give no frame.
      max_failed_share: the job itself fails, after all is written, if a larger share of the videos failed; None: it
        does not ask.
      progress_address: where a local launcher listens.
      cut_above_s: a video that is longer is cut into pieces, see pieces.py; 0: none is.
      num_people: at most so many are followed in a video; above 1 no video is cut, since people are followed from
        frame to frame.
    """

    output: str
    labels_path: str | None = None
    pose_model_path: str | None = None
    frame_rate_hz: float = windows.DEFAULT_FRAME_RATE_HZ
    decode_timeout_s: float = 60.0
    max_failed_share: float | None = None
    progress_address: tuple[str, int] | None = None
    cut_above_s: float = 0.0
    num_people: int = 1
    keep_labels: bool = False

    def __post_init__(self) -> None:
        if self.num_people > 1 and self.cut_above_s:
            raise ValueError(f"cut_above_s is {self.cut_above_s:g}; expected 0 with num_people above 1.")


@dataclasses.dataclass(frozen=True)
class VideoPiece:
    """A piece of a long video.

    Attributes:
      video: the video.
      content_sha256: of the whole video.
      piece: which part of it.
      stored_length: what the whole video's file says about its length.
    """

    video: Video
    content_sha256: str
    piece: Piece
    stored_length: StoredLength


class VideoStep(beam.DoFn):
    """What the steps share that make landmarks files of videos.

    Attributes:
      decoder: this worker's.
    """

    def __init__(self, settings: ExtractSettings) -> None:
        self._settings = settings

    def setup(self) -> None:
        """Loads what every video of this worker needs."""
        self._lookup = LabelLookup.read(self._settings.labels_path, self._settings.keep_labels)
        self._model = model_file.locate(self._settings.pose_model_path)
        self._fingerprint = json.dumps(
            pose_estimator.fingerprint(self._model, self._settings.frame_rate_hz, self._settings.num_people),
            sort_keys=True,
        )
        self._compacted: CompactedVideos | None = None
        self.decoder = Decoder(self._settings.decode_timeout_s)
        self._sender = progress.ProgressSender(self._settings.progress_address)

    def teardown(self) -> None:
        """Ends the decoder's process."""
        self.decoder.close()
        if self._compacted is not None:
            self._compacted.close()
        self._sender.close()

    def _metadata(self, content: str) -> dict[str, str]:
        """What a file of landmarks says about its origin, of a video with that sha256."""
        return {tables.FINGERPRINT_KEY: self._fingerprint, "content_sha256": content}

    def _done(self, file: str, content: str) -> dict[str, str] | None:
        """The metadata of a file of landmarks, if it was made of the same content by the same extractor."""
        if not storage.exists(file):
            return None
        try:
            metadata = storage.read_metadata(file)
        except UserError:  # of another schema version: to be made again
            return None
        same = self._metadata(content).items() <= metadata.items()
        if not same or any(letter["reason"] in RETRYABLE_REASONS for letter in json.loads(metadata["dead_letters"])):
            return None
        return metadata

    def extract(self, video: Video) -> Iterator[Any]:
        """Extracts a video, or finds that it is done; yields what ExtractVideo yields.

        Only what cannot be read becomes a dead letter. What cannot be written is no fault of the video, nor is a full
        disk or memory: it fails the job.
        """
        is_cut = False
        with contextlib.ExitStack() as stack:
            try:
                video.uri.encode()  # a local name that is no UTF-8 cannot stand in a table
                path = stack.enter_context(local_copies.local_copy(video.uri))
                check_version(video)
                content = model_file.sha256(path)
            except (OSError, UnicodeEncodeError, VideoError) as error:
                if isinstance(error, OSError) and error.errno in NO_FAULT_OF_A_FILE:
                    raise
                yield from self._failed(dead_letter(video, "read", _why(video.uri, error), 0))
            else:
                done = self._done(self._file(video), content) or self._compacted_before(video, content)
                if done is not None:
                    yield from self._done_before(video, done)
                else:
                    decoded = self.decoder.read(path, self._settings.frame_rate_hz, self._settings.cut_above_s)
                    yield from self._estimate(video, path, content, decoded)
                    is_cut = bool(decoded.pieces)
        if not is_cut:
            self._sender.send(videos=1)

    def _file(self, video: Video) -> str:
        return storage.landmarks_file(self._settings.output, video.video_id)

    def _done_before(self, video: Video, done: dict[str, str]) -> Iterator[Any]:
        """The outputs of a video whose file is there with this metadata; its labels may have changed."""
        labels = self._lookup.find(video)
        quality = json.loads(done["quality"]) | dataclasses.asdict(labels) | {"uri": video.uri}
        # In a file of many videos the labels stay as they are: those of the quality table count.
        is_own = quality["landmarks_file"] == os.path.basename(self._file(video))
        if is_own and quality != json.loads(done["quality"]):
            relabel(self._file(video), labels, done | {"quality": json.dumps(quality)})
        letters = json.loads(done["dead_letters"])
        count("videos_failed" if letters else "videos_skipped")
        yield quality | {"fingerprint": self._fingerprint}
        yield from (beam.pvalue.TaggedOutput("dead_letters", letter) for letter in letters)

    def _compacted_before(self, video: Video, content: str) -> dict[str, str] | None:
        """The same as `_done` of a video whose rows are in a file of many, and which has no file of its own."""
        if storage.exists(self._file(video)):
            return None
        if self._compacted is None:  # not in setup(): steps of pieces need none
            self._compacted = CompactedVideos(self._settings.output)
        metadata = self._compacted.find(video.video_id, content, self._fingerprint)
        if metadata is None or any(one["reason"] in RETRYABLE_REASONS for one in json.loads(metadata["dead_letters"])):
            return None
        return metadata

    def _estimate(self, video: Video, path: str, content: str, decoded: DecodedVideo) -> Iterator[Any]:
        labels, file = self._lookup.find(video), self._file(video)
        counts, gaps = FrameCounts(), LongestGap()
        letters: list[dict] = []
        try:
            info = decoded.open()
            if decoded.pieces:
                assert decoded.stored_length is not None
                for piece in decoded.pieces:
                    yield beam.pvalue.TaggedOutput("pieces", VideoPiece(video, content, piece, decoded.stored_length))
                return
            with (
                storage.table_writer(file, tables.LANDMARKS, self._metadata(content)) as writer,
                contextlib.closing(self._batches(video.video_id, labels, decoded, counts, gaps)) as batches,
            ):
                try:
                    for batch in batches:
                        writer.write_batch(batch)
                except VideoError as error:
                    if not counts.frames_sampled:
                        raise  # nothing to keep: no file
                    letters = [dead_letter(video, stage_of(error), error, counts.frames_sampled, path)]
                finally:
                    count_frames(counts, decoded)
                quality = quality_row(video, content, labels, info, decoded.state, counts, gaps)
                writer.add_key_value_metadata({"quality": json.dumps(quality), "dead_letters": json.dumps(letters)})
        except VideoError as error:
            storage.remove(file)  # a former version of the video may have left one
            yield from self._failed(dead_letter(video, stage_of(error), error, 0, path))
            return
        yield from self._finished(quality, letters)

    def _batches(
        self, video_id: str, labels: Labels, decoded: DecodedVideo, counts: FrameCounts, gaps: LongestGap
    ) -> Generator[pa.RecordBatch]:
        """The rows of a whole video; counts and gaps are told of them."""

        def on_rows(num: int) -> None:
            self._sender.send(frames=num)

        if self._settings.num_people > 1:
            with people.PeopleEstimator(self._model, self._settings.num_people) as several:
                yield from people_batches(decoded, several, video_id, labels, counts, gaps, on_rows)
            return
        with pose_estimator.PoseEstimator(self._model) as estimator:
            for batch in landmark_batches(decoded, estimator, video_id, labels, counts, on_rows):
                gaps.add(batch)
                yield batch

    def _failed(self, letter: dict) -> Iterator[Any]:
        count("videos_failed")
        yield beam.pvalue.TaggedOutput("dead_letters", letter)

    def _finished(self, quality: dict, letters: list[dict]) -> Iterator[Any]:
        count("videos_failed" if letters else "videos_done")
        yield quality | {"fingerprint": self._fingerprint}
        yield from (beam.pvalue.TaggedOutput("dead_letters", letter) for letter in letters)


class ExtractVideo(VideoStep):
    """Writes one video's landmarks; yields its quality row and, tagged "dead_letters", what could not be processed.

    A video that is longer than `settings.cut_above_s` is not read: its VideoPieces are yielded, tagged "pieces".
    """

    def process(self, video: Video) -> Iterator[Any]:
        """See `extract`."""
        yield from self.extract(video)


def _why(uri: str, error: Exception) -> Exception:
    """The error of a file that cannot be read, in words where the system's do not say what to do."""
    if storage.is_remote(uri):
        return error
    if os.path.islink(uri) and not os.path.exists(uri):
        return FileNotFoundError(
            f"{uri} is a link to {os.readlink(uri)}, which cannot be found. Repair or remove the link."
        )
    if os.path.isdir(uri):
        return PermissionError(f"{uri} is a folder that may not be read. Change its permissions, or move it away.")
    return error


def stage_of(error: VideoError) -> str:
    """Where an extraction failed."""
    return "estimate" if error.reason == POSE_FAILED else "decode"


def count(name: str, num: int = 1) -> None:
    """Counts up one of COUNTERS."""
    Metrics.counter("extract", name).inc(num)


def count_frames(counts: FrameCounts, decoded: DecodedVideo) -> None:
    """Adds what the decoder knows to the counts of a video or piece, and those to COUNTERS."""
    counts.frames_decoded = decoded.state.num_frames_decoded
    counts.decoding_ms = round(decoded.state.decoding_ms)
    for name, num in dataclasses.asdict(counts).items():
        count(name, num)
