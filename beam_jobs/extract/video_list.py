"""Which videos a job reads, and what is known of them: folders, globs, manifests and labels."""

import csv
import dataclasses
import io
import os
import re

from beam_jobs import storage
from beam_jobs.errors import UserError
from beam_jobs.labels import Labels, Video, default_labels, read_labels

# A folder's files that are nobody's video; whatever else lies there is tried.
_NON_VIDEO_SUFFIXES = frozenset(
    (".csv", ".json", ".jsonl", ".txt", ".md", ".html", ".xml", ".yaml", ".yml", ".srt", ".vtt", ".log", ".zip")
    + (".jpg", ".jpeg", ".png", ".webp", ".parquet")
)


@dataclasses.dataclass(frozen=True)
class VideoSource:
    """What --videos names: patterns to match, the part of a path that is not in the `video_id`, or a list.

    Attributes:
      pattern: a file pattern of Beam's; None where there is one video or a manifest.
      base: the prefix that `video_id` leaves out, with its last "/".
      recursive: the pattern is a whole folder, where companions of videos are passed over.
      listed: the one video.
      manifest: a CSV that lists the videos.
    """

    pattern: str | None
    base: str = ""
    recursive: bool = False
    listed: tuple[Video, ...] = ()
    manifest: str | None = None

    def video(self, path: str) -> Video | None:
        """The video at a matched path; None where the path is a companion or hidden."""
        name = path[len(self.base) :]
        if any(part.startswith(".") for part in name.split("/")):
            return None
        if self.recursive and os.path.splitext(name)[1].lower() in _NON_VIDEO_SUFFIXES:
            return None
        return Video(name, path)


def video_source(videos: str) -> VideoSource:
    """Says what --videos names: a folder, a glob, one video, or a CSV with a `video` column."""
    if storage.is_folder(videos):
        folder = videos.rstrip("/") + "/"
        # What is a sign of a pattern elsewhere is a letter in the name of a folder that is there.
        return VideoSource(re.sub(r"([*?\[])", r"[\1]", folder) + "**", folder, recursive=True)
    if storage.exists(videos):
        if videos.lower().endswith(".csv"):
            return VideoSource(None, manifest=videos)
        return VideoSource(None, listed=(Video(os.path.basename(videos), videos),))
    fixed = re.split(r"[*?\[]", videos)[0]
    return VideoSource(videos, fixed[: fixed.rfind("/") + 1])


def manifest_videos(path: str) -> list[Video]:
    """The videos that a CSV lists in its `video` column, relative to its own folder.

    Raises:
      UserError: if there is no such column, or a video is empty or stands there twice.
    """
    reader = csv.DictReader(io.StringIO(storage.read_text(path)))
    if "video" not in (reader.fieldnames or []):
        raise UserError(f"--videos {path} has no column `video`; expected a CSV with a header line.")
    names: dict[str, None] = {}
    for row in reader:
        name = (row["video"] or "").strip()
        if not name or name in names:
            what = f"'{name}' stands there twice" if name else "the video is empty"
            raise UserError(f"--videos {path}, line {reader.line_num}: {what}; expected each video once.")
        names[name] = None
    return [Video(name, _beside(path, name)) for name in names]


def _beside(csv_file: str, name: str) -> str:
    if os.path.isabs(name) or storage.is_remote(name):
        return name
    folder = csv_file[: csv_file.rfind("/") + 1]
    return folder + name


def _normal(uri: str) -> str:
    return uri if storage.is_remote(uri) else os.path.abspath(uri)


@dataclasses.dataclass(frozen=True)
class LabelLookup:
    """Labels by the path that a labels.csv's own folder and its `video` column make, else by `video_id`."""

    by_id: dict[str, Labels]
    by_uri: dict[str, Labels]

    @staticmethod
    def read(path: str | None) -> "LabelLookup":
        """Reads a labels.csv; no path, no labels."""
        if path is None:
            return LabelLookup({}, {})
        by_id = read_labels(path)
        return LabelLookup(by_id, {_normal(_beside(path, name)): labels for name, labels in by_id.items()})

    def find(self, video: Video) -> Labels:
        """The labels of a video; default ones where the file does not name it."""
        found = self.by_uri.get(_normal(video.uri)) or self.by_id.get(video.video_id)
        return found or default_labels(video.video_id)

    def names(self, video: Video) -> bool:
        """Whether the file names the video."""
        return _normal(video.uri) in self.by_uri or video.video_id in self.by_id


def csv_columns(path: str) -> list[str]:
    """The column names in a CSV's header line; none where the file is empty."""
    return next(csv.reader(io.StringIO(storage.read_text(path))), [])
