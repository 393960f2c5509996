"""Which videos a job reads, and what is known of them: folders, globs, manifests and labels."""

import csv
import dataclasses
import io
import os
import re

from beam_jobs import storage
from beam_jobs.errors import UserError
from beam_jobs.labels import Labels, default_labels, read_labels

# A folder's files that are nobody's video; whatever else lies there is tried.
_COMPANIONS = frozenset(
    (".csv", ".json", ".jsonl", ".txt", ".md", ".html", ".xml", ".yaml", ".yml", ".srt", ".vtt", ".log", ".zip")
    + (".jpg", ".jpeg", ".png", ".webp", ".parquet")
)


@dataclasses.dataclass(frozen=True)
class Video:
    """A video to read: its name in every table, and where it is."""

    video_id: str
    uri: str


@dataclasses.dataclass(frozen=True)
class VideoSource:
    """What --videos names: patterns to match, the part of a path that is not in the `video_id`, or a list.

    Attributes:
      pattern: a file pattern of Beam's; None where the videos are listed.
      base: the prefix that `video_id` leaves out, with its last "/".
      listed: the videos of a CSV manifest.
      recursive: the pattern is a whole folder, where companions of videos are passed over.
    """

    pattern: str | None
    base: str = ""
    listed: tuple[Video, ...] = ()
    recursive: bool = False

    def video(self, path: str) -> Video | None:
        """The video at a matched path; None where the path is a companion or hidden."""
        name = path[len(self.base) :]
        if any(part.startswith(".") for part in name.split("/")):
            return None
        if self.recursive and os.path.splitext(name)[1].lower() in _COMPANIONS:
            return None
        return Video(name, path)


def video_source(videos: str) -> VideoSource:
    """Says what --videos names: a folder, a glob, one video, or a CSV with a `video` column.

    Raises:
      UserError: if a CSV has no `video` column, or names a video twice.
    """
    if any(sign in videos for sign in "*?["):
        fixed = re.split(r"[*?\[]", videos)[0]
        return VideoSource(videos, fixed[: fixed.rfind("/") + 1])
    if storage.is_folder(videos):
        folder = videos.rstrip("/") + "/"
        return VideoSource(folder + "**", folder, recursive=True)
    if not videos.lower().endswith(".csv"):
        return VideoSource(None, listed=(Video(os.path.basename(videos), videos),))
    reader = csv.DictReader(io.StringIO(storage.read_text(videos)))
    if "video" not in (reader.fieldnames or []):
        raise UserError(f"--videos {videos} has no column `video`; expected a CSV with a header line.")
    names = [row["video"].strip() for row in reader]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"--videos {videos} names '{twice}' twice; expected each video once.")
    return VideoSource(None, listed=tuple(Video(name, _beside(videos, name)) for name in names))


def _beside(csv_file: str, name: str) -> str:
    if os.path.isabs(name) or storage.is_remote(name):
        return name
    folder = csv_file[: csv_file.rfind("/") + 1]
    return folder + name


@dataclasses.dataclass(frozen=True)
class LabelLookup:
    """Labels by `video_id`, else by the path that a labels.csv's own folder and its `video` column make."""

    by_id: dict[str, Labels]
    by_uri: dict[str, Labels]

    @staticmethod
    def read(path: str | None) -> "LabelLookup":
        """Reads a labels.csv; no path, no labels."""
        if path is None:
            return LabelLookup({}, {})
        by_id = read_labels(path)
        return LabelLookup(by_id, {_beside(path, name): labels for name, labels in by_id.items()})

    def find(self, video: Video) -> Labels:
        """The labels of a video; default ones where the file does not name it."""
        return self.by_id.get(video.video_id) or self.by_uri.get(video.uri) or default_labels(video.video_id)

    def names(self, video: Video) -> bool:
        """Whether the file names the video."""
        return video.video_id in self.by_id or video.uri in self.by_uri


def csv_columns(path: str) -> list[str]:
    """The column names in a CSV's header line; none where the file is empty."""
    return next(csv.reader(io.StringIO(storage.read_text(path))), [])
