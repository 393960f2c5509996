"""The stream job: notifications of new videos -> landmarks -> features and predictions -> files of windows, messages.

The same chain does what is there already: only the source says whether it ever ends.
"""

import dataclasses
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindows, TimestampedValue

from beam_jobs import storage, tables
from beam_jobs.extract.extract_video import ExtractSettings, ExtractVideo
from beam_jobs.extract.rows import dead_letter
from beam_jobs.labels import Labels, Video
from beam_jobs.stream.deduplicate import LATE, KeepFirstInTime
from beam_jobs.stream.messages import Message
from beam_jobs.stream.notifications import NEW_OBJECT, NotificationError, WatchedFolder, decode
from beam_jobs.stream.publish import Publish
from beam_jobs.stream.window_tables import DeadLetter, VideoResult, WriteDeadLetters, WriteVideos
from beam_jobs.stream.windowed_files import WindowSettings, WriteWindows

# Beam's counters of this job, beside those of extract, in the namespace "stream".
COUNTERS = (
    "notifications",
    "notifications_of_other_events",
    "notifications_of_other_objects",
    "notifications_repeated",
    "notifications_damaged",
    "videos_too_late",
)
DEAD_LETTERS = "dead_letters"


@dataclasses.dataclass(frozen=True)
class StreamSettings:
    """What the chain needs.

    Attributes:
      extract: how videos become landmarks, and the output folder.
      fingerprint: of those landmarks.
      windows: when files are written.
      transform_fn: the SavedModel that makes features; None: no features.
      bundle: a bundle's folder that workers can read; None: no predictions.
      bundle_labels: the bundle's.
      bundle_sha256: of its end-to-end graph.
      remember_s: how long a notification is known, to drop it when it comes again.
      predictions_topic, dead_letters_topic: projects/PROJECT/topics/TOPIC; None: nothing is published.
    """

    extract: ExtractSettings
    fingerprint: dict
    windows: WindowSettings
    transform_fn: str | None = None
    bundle: str | None = None
    bundle_labels: tuple[str, ...] = ()
    bundle_sha256: str = ""
    remember_s: int = 7 * 86_400
    predictions_topic: str | None = None
    dead_letters_topic: str | None = None


class DecodeNotification(beam.DoFn):
    """Messages -> (a version of an object, its video), at the time of the event; dead letters of what is no such."""

    def __init__(self, folder: WatchedFolder) -> None:
        self._folder = folder

    def process(self, message: Message) -> Iterator[Any]:
        """Decodes a message."""
        _count("notifications")
        try:
            notification = decode(message)
        except NotificationError as error:
            _count("notifications_damaged")
            video = Video(message.message_id, "")
            yield beam.pvalue.TaggedOutput(DEAD_LETTERS, dead_letter(video, "notify", error, 0))
            return
        if notification.event != NEW_OBJECT:
            _count("notifications_of_other_events")
            return
        video_or_none = self._folder.video(notification)
        if video_or_none is None:
            _count("notifications_of_other_objects")
            return
        yield TimestampedValue((notification.key, video_or_none), notification.time_s)


def _pair(pair: tuple[str, Video]) -> tuple[str, Video]:
    return pair


class _TooLateError(Exception):
    reason = "too_late"


def _too_late(video: Video) -> dict:
    message = (
        f"{video.uri} was announced after its window had been closed. Write it by --source files, or give a longer "
        "--allowed_lateness_s."
    )
    return dead_letter(video, "notify", _TooLateError(message), 0)


@dataclasses.dataclass
class FindNewVideos(beam.PTransform):
    """Messages -> `main`: each new version of a video once, in time; `dead_letters`: several PCollections."""

    folder: WatchedFolder
    windows: WindowSettings
    remember_s: int

    def expand(self, messages: beam.PCollection) -> Any:  # noqa: D102
        decoded = messages | "Decode" >> beam.ParDo(DecodeNotification(self.folder)).with_outputs(
            DEAD_LETTERS, main="main"
        )
        keep = KeepFirstInTime(self.windows.window_s, self.windows.allowed_lateness_s, self.remember_s)
        new = (
            decoded.main
            | "ByVersion" >> beam.Map(_pair).with_output_types(tuple[str, Video])
            | "KeepFirstInTime" >> beam.ParDo(keep).with_outputs(LATE, main="main")
        )
        letters = new[LATE] | "TooLate" >> beam.Map(_too_late)
        return {
            "main": new.main,
            DEAD_LETTERS: (decoded[DEAD_LETTERS], letters),
        }


class PredictVideo(beam.DoFn):
    """Quality rows -> VideoResults; tagged "answers" what is said of each whole video."""

    def __init__(self, settings: StreamSettings) -> None:
        self._output, self._bundle = settings.extract.output, settings.bundle
        self._predictor: Any = None

    def setup(self) -> None:
        """Loads the bundle."""
        if self._bundle is not None:
            from beam_jobs.predictions import Predictor

            self._predictor = Predictor(self._bundle)

    def process(self, quality: dict) -> Iterator[Any]:
        """Predicts what a video shows."""
        if self._predictor is None:
            yield VideoResult(quality)
            return
        labels = Labels(**{column.name: quality[column.name] for column in tables.LABEL_COLUMNS})
        file = storage.join(self._output, tables.LANDMARKS.name, quality["landmarks_file"])
        predictions = self._predictor.predict(file, labels)
        known = {name: quality[name] for name in ("video_id", "uri", "content_sha256", "duration_s")}
        yield beam.pvalue.TaggedOutput("answers", known | self._predictor.answer(predictions))
        yield VideoResult(quality, predictions)


@dataclasses.dataclass
class RecogniseVideos(beam.PTransform):
    """Timestamped videos -> `files`: written paths; `answers`: one for each video; `dead_letters`: several.

    Bounded or unbounded: a bounded input's windows are written at its end.
    """

    settings: StreamSettings

    def expand(self, videos: beam.PCollection) -> Any:  # noqa: D102
        settings = self.settings
        extracted = (
            videos
            | "Spread" >> beam.Reshuffle()
            | "EstimatePoses" >> beam.ParDo(ExtractVideo(settings.extract)).with_outputs(DEAD_LETTERS, main="quality")
        )
        predicted = extracted.quality | "Predict" >> beam.ParDo(PredictVideo(settings)).with_outputs(
            "answers", main="results"
        )
        metadata = {"labels": json.dumps(settings.bundle_labels)}
        write = WriteVideos(settings.extract.output, settings.transform_fn, settings.fingerprint, metadata)
        written = predicted.results | "WriteVideos" >> WriteWindows(write, settings.windows, DEAD_LETTERS)
        return {
            "files": written.main,
            "answers": predicted.answers,
            DEAD_LETTERS: (
                extracted[DEAD_LETTERS],
                written[DEAD_LETTERS] | "OutOfWindow" >> beam.WindowInto(GlobalWindows()),
            ),
        }


def _at_present(letter: dict) -> TimestampedValue:
    # By the time of the failure: at the time of the event, the letter of what came too late would be too late itself.
    return TimestampedValue(DeadLetter(letter), time.time())


@dataclasses.dataclass
class KeepDeadLetters(beam.PTransform):
    """Dead letters -> a table, and a topic where one is named."""

    settings: StreamSettings

    def expand(self, letters: beam.PCollection) -> beam.PCollection:  # noqa: D102
        if self.settings.dead_letters_topic:
            publish = Publish(self.settings.dead_letters_topic, ["video_id", "stage", "reason"])
            _ = letters | "Publish" >> beam.ParDo(publish)
        return (
            letters
            | "AtPresent" >> beam.Map(_at_present)
            | "WriteDeadLetters" >> WriteWindows(WriteDeadLetters(self.settings.extract.output), self.settings.windows)
        )


def build(
    videos: beam.PCollection, settings: StreamSettings, dead_letters: Sequence[beam.PCollection] = ()
) -> dict[str, Any]:
    """Adds the chain behind a source of videos.

    Args:
      videos: timestamped.
      settings: of the chain.
      dead_letters: of the source, to be kept with the chain's own.

    Returns:
      As `RecogniseVideos`.
    """
    recognised = videos | "RecogniseVideos" >> RecogniseVideos(settings)
    keep_dead_letters((*dead_letters, *recognised[DEAD_LETTERS]), settings)
    if settings.predictions_topic:
        publish = Publish(settings.predictions_topic, ["video_id", "content_sha256", "bundle_sha256", "exercise"])
        _ = recognised["answers"] | "PublishAnswers" >> beam.ParDo(publish)
    return recognised


def keep_dead_letters(letters: Sequence[beam.PCollection], settings: StreamSettings) -> None:
    """Adds the end of several PCollections of dead letters."""
    _ = letters | "AllDeadLetters" >> beam.Flatten() | "KeepDeadLetters" >> KeepDeadLetters(settings)


def _count(name: str) -> None:
    Metrics.counter("stream", name).inc()
