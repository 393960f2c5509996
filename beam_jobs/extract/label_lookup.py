"""Which row of a labels.csv is about which video."""

import dataclasses
import os

from beam_jobs import storage
from beam_jobs.errors import UserError
from beam_jobs.extract.video_list import beside
from beam_jobs.labels import (
    LabelRow,
    Labels,
    Video,
    default_labels,
    label_warnings,
    read_label_rows,
    same_form,
    unused_rows_warning,
)


@dataclasses.dataclass(frozen=True)
class LabelLookup:
    """The rows of a labels.csv, by the path that the file's own folder and its `video` column make, and by `video_id`.

    Names are compared composed (NFC). A path with links is the same as the path that it leads to.
    """

    path: str | None
    rows: tuple[LabelRow, ...]
    _by_uri: dict[str, LabelRow]
    _by_id: dict[str, LabelRow]
    _by_real_path: dict[str, LabelRow]

    @staticmethod
    def read(path: str | None, keep_labels: bool = False) -> "LabelLookup":
        """Reads a labels.csv as `read_label_rows` does; no path, no labels."""
        rows = tuple(read_label_rows(path, keep_labels)) if path is not None else ()
        uris = {beside(path or "", row.video): row for row in rows}
        by_uri = {_absolute(uri): row for uri, row in uris.items()}
        by_real_path = {_real(uri): row for uri, row in uris.items() if not storage.is_remote(uri)}
        return LabelLookup(path, rows, by_uri, {row.video: row for row in rows}, by_real_path)

    def row(self, video: Video) -> LabelRow | None:
        """The row about a video; None where the file does not name it."""
        found = self._by_uri.get(_absolute(video.uri)) or self._by_id.get(same_form(video.video_id))
        if found is None and self.rows and not storage.is_remote(video.uri):
            found = self._by_real_path.get(_real(video.uri))
        return found

    def find(self, video: Video) -> Labels:
        """The labels of a video; default ones where the file does not name it."""
        row = self.row(video)
        return row.labels if row else default_labels(video.video_id)


def _absolute(uri: str) -> str:
    return same_form(uri if storage.is_remote(uri) else os.path.abspath(uri))


def _real(uri: str) -> str:
    return same_form(os.path.realpath(uri))


def check_labels(videos: list[Video], lookup: LabelLookup) -> list[str]:
    """Warnings about a labels.csv and the videos that it is for.

    Raises:
      UserError: if the file names none of the videos.
    """
    if lookup.path is None:
        return []
    rows = [lookup.row(video) for video in videos]
    unlabelled = [video.video_id for video, row in zip(videos, rows, strict=True) if row is None]
    used = {row.video for row in rows if row is not None}
    unused = unused_rows_warning(lookup.path, lookup.rows, used, unlabelled)
    if unlabelled and len(unlabelled) == len(videos):
        raise UserError(
            f"{lookup.path} names none of the {len(videos)} videos, for example '{unlabelled[0]}'; expected their "
            f"paths in its `video` column. {unused or ''}".strip()
        )
    warnings = label_warnings(lookup.path, lookup.rows)
    if unused:
        warnings.append(unused)
    if unlabelled:
        are = "video is" if len(unlabelled) == 1 else "videos are"
        warnings.append(f"{lookup.path}: {len(unlabelled)} {are} not in it, for example '{unlabelled[0]}'.")
    return warnings
