"""Which videos a job reads: of a folder, a file pattern, a CSV or a single file."""

import collections
import dataclasses
import os
import re

from beam_jobs import storage
from beam_jobs.errors import UsageError, UserError
from beam_jobs.extract import not_videos
from beam_jobs.labels import Video, read_csv, same_form

_PATTERN_SIGNS = "*?["


@dataclasses.dataclass(frozen=True)
class VideoSource:
    """What --videos names: videos, or where workers find them.

    Attributes:
      listed: the videos on a local disk.
      passed_over: names of files there that are known to be no videos.
      listed_again: what --videos names, where it is a local folder or pattern: `video_source` of it lists them again.
      pattern: a file pattern of Beam's, in a store; None elsewhere.
      base: the prefix of the pattern's paths that a `video_id` leaves out, with its last "/".
      any_file: the pattern takes files whatever their ending, so that files known to be no videos are passed over.
      manifest: a CSV that lists the videos.
    """

    listed: tuple[Video, ...] = ()
    passed_over: tuple[str, ...] = ()
    listed_again: str | None = None
    pattern: str | None = None
    base: str = ""
    any_file: bool = False
    manifest: str | None = None

    def video(self, path: str) -> Video | None:
        """The video at a path that the pattern matches; None where there is no video by its name."""
        name = path[len(self.base) :]
        if any(map(not_videos.is_hidden, name.split("/"))) or (self.any_file and not_videos.is_other_file(name)):
            return None
        return Video(name, path)


def video_source(videos: str) -> VideoSource:
    """Says what --videos names: a folder, a file pattern, one video, or a CSV with a `video` column.

    In a pattern, `*` stands for letters other than "/", `**` for any letters, `?` for one, `[ab]` for one of those. A
    part of the path that is there by that very name stands for itself.
    """
    videos = videos.removeprefix("file://")
    if storage.is_folder(videos):
        return _below(videos, videos.rstrip("/") + "/", "**")
    if storage.exists(videos):
        if videos.lower().endswith(".csv"):
            return VideoSource(manifest=videos)
        return VideoSource((Video(os.path.basename(videos), videos),))
    return _below(videos, *_split_pattern(videos))


def _split_pattern(pattern: str) -> tuple[str, str]:
    """The folder before a pattern's first sign, with its last "/", and the rest."""
    parts = pattern.split("/")
    for index, part in enumerate(parts):
        before, up_to = "/".join(parts[:index]), "/".join(parts[: index + 1])
        if any(sign in part for sign in _PATTERN_SIGNS) and not (parts[index + 1 :] and storage.is_folder(up_to)):
            return before + "/" if index else "", "/".join(parts[index:])
    return "", pattern


def _below(videos: str, base: str, pattern: str) -> VideoSource:
    any_file = pattern.endswith("*")
    if storage.is_remote(base):
        # Beam has no other way to say that a sign stands for itself.
        literal = re.sub(r"([*?\[])", r"[\1]", base)
        return VideoSource(pattern=literal + pattern, base=base, any_file=any_file)
    # Here and not above: --help and mistakes need no Beam.
    from apache_beam.io.filesystem import FileSystem

    # On a local disk a backslash is a letter like others.
    wanted = re.compile(FileSystem.translate_pattern(pattern).replace(r"[^/\\]*", "[^/]*"))
    depth = None if "**" in pattern else pattern.count("/") + 1
    names = [name for name in local_files(base or ".", depth) if wanted.match(name)]
    passed_over = [name for name in names if any_file and not_videos.is_other_file(name)]
    others = set(passed_over)
    return VideoSource(
        tuple(Video(name, base + name) for name in names if name not in others), tuple(passed_over), videos, base=base
    )


def local_files(folder: str, depth: int | None = None) -> list[str]:
    """The files below a local folder, by their sorted names from there; no hidden ones.

    Folders behind links are looked through like others, each real folder once, so that links in a circle come to an
    end. A link to nothing and a folder that may not be read are in the list, too: reading them says why.

    Args:
      folder: local.
      depth: how many names deep; 1: the folder's own files.

    Raises:
      UsageError: if the folder itself may not be read.
    """
    found: list[str] = []
    seen: set[tuple[int, int]] = set()
    # Real folders first, so that a file that is there by a path without links has that path's name.
    links = collections.deque([""])
    while links:
        folders = [links.popleft()]
        while folders:
            name = folders.pop()
            try:
                status = os.stat(os.path.join(folder, name))
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                entries = list(os.scandir(os.path.join(folder, name)))
            except OSError as error:
                if not name:
                    raise UsageError(f"--videos {folder} cannot be read ({error.strerror}).") from None
                found.append(name)
                continue
            for entry in entries:
                path = f"{name}/{entry.name}" if name else entry.name
                if not_videos.is_hidden(entry.name):
                    continue
                if os.path.isdir(entry.path):
                    if depth is None or path.count("/") + 1 < depth:
                        (links if entry.is_symlink() else folders).append(path)
                elif os.path.isfile(entry.path) or not os.path.exists(entry.path):
                    found.append(path)
    return sorted(found)


def manifest_videos(path: str) -> list[Video]:
    """The videos that a CSV lists in its `video` column, relative to its own folder.

    Raises:
      UserError: if there is no such column, or a video is empty or stands there twice.
    """
    lines = read_csv(path, "video")
    if "video" not in next(lines)[1]:
        raise UserError(f"--videos {path} has no column `video`; expected a CSV with a header line.")
    names: dict[str, str] = {}
    for line, fields in lines:
        name = fields["video"]
        if not name or same_form(name) in names:
            what = f"'{name}' stands there twice" if name else "the video is empty"
            raise UserError(f"--videos {path}, line {line}: {what}; expected each video once.")
        names[same_form(name)] = name
    return [Video(name, as_on_disk(beside(path, name))) for name in names.values()]


def beside(csv_file: str, name: str) -> str:
    """The path of a name in a CSV file, which is relative to the file's own folder."""
    if os.path.isabs(name) or storage.is_remote(name):
        return name
    return csv_file[: csv_file.rfind("/") + 1] + name


def as_on_disk(path: str) -> str:
    """A local path with the letters composed or decomposed as in the names on the disk; itself if nothing is there."""
    if storage.is_remote(path) or os.path.lexists(path):
        return path
    folder, name = os.path.split(path)
    if not name or folder == path:
        return path
    folder = as_on_disk(folder) if folder else folder
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return path
    return os.path.join(folder, next((found for found in names if same_form(found) == same_form(name)), name))
