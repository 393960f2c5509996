"""labels.csv: which exercise a video shows, who is in it, and which split it belongs to."""

import csv
import dataclasses
import hashlib
import io

from beam_jobs import storage, tables
from beam_jobs.errors import UserError

# The label of people who do none of the exercises: who stand about, walk, rest.
NO_EXERCISE = "none"
# Shares of the groups, in hash order: train up to 80, validation up to 90, test up to 100.
_TRAIN_UP_TO, _VALIDATION_UP_TO = 80, 90


@dataclasses.dataclass(frozen=True)
class Labels:
    """What is known of one video beside its pictures.

    Attributes:
      label: the exercise; None where unknown.
      group: the same person or footage; a group is never split.
      split: "train", "validation" or "test".
    """

    label: str | None
    group: str
    split: str


def split_of(group: str) -> str:
    """The split of a group, 80/10/10 by a hash of its name: the same on every machine and in every run."""
    position = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8]) % 100
    if position < _TRAIN_UP_TO:
        return "train"
    return "validation" if position < _VALIDATION_UP_TO else "test"


def default_labels(video_id: str) -> Labels:
    """The labels of a video that no labels.csv names: no exercise, a group of its own."""
    return Labels(None, video_id, split_of(video_id))


def read_labels(path: str) -> dict[str, Labels]:
    """Reads a labels.csv: columns `video,label` (or `video_id,label`), optionally `group` and `split`.

    Args:
      path: the CSV file, local or gs://; UTF-8 with a header line; other columns are ignored.

    Returns:
      Labels by the value of the video column, in the file's order.

    Raises:
      UserError: if a column is missing, a video stands there twice with different labels, a split is none of train,
        validation and test, or a group is in two splits.
    """
    reader = csv.DictReader(io.StringIO(storage.read_text(path)))
    columns = reader.fieldnames or []
    key = next((name for name in ("video", "video_id") if name in columns), None)
    if key is None or "label" not in columns:
        raise UserError(
            f"{path} has the columns {', '.join(columns) or 'none'}; expected a header line with video,label."
        )
    found: dict[str, Labels] = {}
    split_by_group: dict[str, str] = {}
    for row in reader:
        video = (row[key] or "").strip()
        if not video:
            raise UserError(f"{path}, line {reader.line_num}: the {key} is empty; expected a path.")
        group = (row.get("group") or "").strip() or video
        split = (row.get("split") or "").strip() or split_of(group)
        if split not in tables.SPLITS:
            raise UserError(f"{path}, line {reader.line_num}: split is '{split}'; expected {', '.join(tables.SPLITS)}.")
        if split_by_group.setdefault(group, split) != split:
            raise UserError(
                f"{path}, line {reader.line_num}: group '{group}' is in '{split_by_group[group]}' and in '{split}'; "
                "expected one split a group, or the same person would be trained and tested on."
            )
        labels = Labels((row["label"] or "").strip() or None, group, split)
        if found.setdefault(video, labels) != labels:
            raise UserError(
                f"{path}, line {reader.line_num}: {key} '{video}' stands there twice with different labels."
            )
    return found


@dataclasses.dataclass(frozen=True)
class Video:
    """A video to read: its name in every table, and where it is."""

    video_id: str
    uri: str
