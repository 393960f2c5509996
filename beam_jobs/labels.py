"""labels.csv: which exercise a video shows, who is in it, and which split it belongs to."""

import collections
import csv
import dataclasses
import difflib
import hashlib
import io
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from beam_jobs import storage, tables, taxonomy
from beam_jobs.errors import UserError

# The label of people who do none of the exercises: they stand about, walk, rest.
NO_EXERCISE = "none"
# Shares of the groups, in hash order: train up to 80, validation up to 90, test up to 100.
_TRAIN_UP_TO, _VALIDATION_UP_TO = 80, 90
# How alike two class names must be (difflib's ratio) to be called a misspelling: squat and squats are, at 0.91.
_LIKE_MISSPELT = 0.88


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


@dataclasses.dataclass(frozen=True)
class LabelRow:
    """One row of a labels.csv.

    Attributes:
      line: the line that it ends in.
      video: what it names.
      labels: of that video.
      written_label: its label as it stands there, where `labels` has the usual name of that exercise; else None.
    """

    line: int
    video: str
    labels: Labels
    written_label: str | None = None


@dataclasses.dataclass(frozen=True)
class Video:
    """A video to read: its name in every table, and where it is.

    Attributes:
      generation: which version of an object in a store; None: the one that is there.
    """

    video_id: str
    uri: str
    generation: str | None = None


def same_form(name: str) -> str:
    """A name as it is compared with others: composed (NFC). A Mac writes é as e and an accent, others as one letter."""
    return unicodedata.normalize("NFC", name)


def split_of(group: str) -> str:
    """The split of a group, 80/10/10 by a hash of its name: the same on every machine and in every run."""
    position = int.from_bytes(hashlib.sha256(group.encode(errors="surrogateescape")).digest()[:8]) % 100
    if position < _TRAIN_UP_TO:
        return "train"
    return "validation" if position < _VALIDATION_UP_TO else "test"


def default_labels(video_id: str) -> Labels:
    """The labels of a video that no labels.csv names: no exercise, a group of its own."""
    group = same_form(video_id)
    return Labels(None, group, split_of(group))


def read_csv(path: str, expected: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Reads a CSV file with a header line; column names are compared without case and surrounding blanks.

    Args:
      path: local or gs://; UTF-8.
      expected: the columns, for messages, such as "video,label".

    Yields:
      The columns first, as (1, {name: name}); then each row, as (its last line's number, {name: text}). Text is without
      surrounding blanks; a field that a short row lacks is "".

    Raises:
      UserError: if the file is separated by other signs than commas, or a row has more fields than the header.
    """
    reader = csv.reader(io.StringIO(storage.read_text(path)))
    header = [name.strip().lower() for name in next(reader, [])]
    for sign, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and sign in header[0]:
            raise UserError(
                f"{path} is separated by {name}; expected commas: a header line with {expected}. Save it as "
                "comma-separated CSV."
            )
    yield 1, {name: name for name in header}
    for row in reader:
        if not any(field.strip() for field in row):
            continue
        if any(field.strip() for field in row[len(header) :]):
            raise UserError(
                f"{path}, line {reader.line_num}: {len(row)} fields, the header has {len(header)}. Put a name with a "
                "comma in quotes."
            )
        fields = itertools.chain((field.strip() for field in row), itertools.repeat(""))
        yield reader.line_num, dict(zip(header, fields, strict=False))


def csv_columns(path: str) -> list[str]:
    """The names in a CSV's header line, in lower case; none where the file is empty."""
    return list(next(read_csv(path, "a header line"))[1])


def read_label_rows(path: str, keep_labels: bool = False) -> list[LabelRow]:
    """Reads a labels.csv: columns `video,label` (or `video_id,label`), optionally `group` and `split`.

    Args:
      path: the CSV file, local or gs://; UTF-8 with a header line; other columns are ignored.
      keep_labels: whether labels stay as they are written; by default other names of an exercise that is in the table
        of exercises become its name there (pullup becomes pull_up).

    Returns:
      The rows in the file's order, each video once. Names are composed (NFC).

    Raises:
      UserError: if a column is missing, a video stands there twice with different labels, a split is none of train,
        validation and test, or a group is in two splits.
    """
    lines = read_csv(path, "video,label")
    columns = list(next(lines)[1])
    key = next((name for name in ("video", "video_id") if name in columns), None)
    if key is None or "label" not in columns:
        raise UserError(
            f"{path} has the columns {', '.join(columns) or 'none'}; expected a header line with video,label."
        )
    rows: dict[str, LabelRow] = {}
    split_by_group: dict[str, str] = {}
    for line, fields in lines:
        video, label, group = (same_form(fields.get(name, "")) for name in (key, "label", "group"))
        if not video:
            raise UserError(f"{path}, line {line}: the {key} is empty; expected a path.")
        group = group or video
        split = fields.get("split", "").lower() or split_of(group)
        if split not in tables.SPLITS:
            raise UserError(f"{path}, line {line}: split is '{split}'; expected {', '.join(tables.SPLITS)}.")
        if split_by_group.setdefault(group, split) != split:
            raise UserError(
                f"{path}, line {line}: group '{group}' is in '{split_by_group[group]}' and in '{split}'; expected one "
                "split for a group, or the model would be tested on people that it was trained on."
            )
        name = label if keep_labels else taxonomy.standard_label(label)
        labels = Labels(name or None, group, split)
        row = LabelRow(line, video, labels, label if name != label else None)
        if rows.setdefault(video, row).labels != labels:
            raise UserError(f"{path}, line {line}: {key} '{video}' stands there twice with different labels.")
    return list(rows.values())


def read_labels(path: str) -> dict[str, Labels]:
    """The labels in a labels.csv by its video column, see `read_label_rows`."""
    return {row.video: row.labels for row in read_label_rows(path)}


def label_warnings(path: str, rows: Sequence[LabelRow]) -> list[str]:
    """What looks like a mistake in a labels.csv: rows without a label, and classes whose names are nearly the same.

    Also which labels were taken as another name of an exercise.
    """
    warnings = []
    renamed = collections.Counter((row.written_label, row.labels.label) for row in rows if row.written_label)
    if renamed:
        pairs = ", ".join(f"{written} ({num}) as {name}" for (written, name), num in sorted(renamed.items()))
        warnings.append(f"{path}: these labels are read by their usual names: {pairs}. --keep_labels leaves them.")
    unlabelled = [row for row in rows if row.labels.label is None]
    if unlabelled:
        lines = ", ".join(str(row.line) for row in unlabelled[:5]) + (", …" if unlabelled[5:] else "")
        warnings.append(
            f"{path}: {_number(unlabelled, 'row has', 'rows have')} no label (line {lines}), for example "
            f"'{unlabelled[0].video}'. Videos without a label are not used for training."
        )
    for names in similar_labels({row.labels.label for row in rows if row.labels.label is not None}):
        shown = ", ".join(f"'{name}'" for name in names)
        warnings.append(f"{path}: the labels {shown} are {len(names)} classes. If they are one exercise, use one name.")
    return warnings


def unused_rows_warning(path: str, rows: Sequence[LabelRow], used: set[str], names: Iterable[str]) -> str | None:
    """A warning about rows that name no video; None where there are none.

    Args:
      path: the labels.csv.
      rows: all its rows.
      used: the values of the video column that name a video.
      names: the videos that no row names; the one most like the first unused row is proposed.
    """
    unused = [row for row in rows if row.video not in used]
    if not unused:
        return None
    first = unused[0]
    close = difflib.get_close_matches(first.video, sorted(names), n=1, cutoff=0.7)
    meant = f"; did you mean '{close[0]}'?" if close else "."
    return (
        f"{path}: {_number(unused, 'row names', 'rows name')} no video that is read here, for example line "
        f"{first.line}, '{first.video}'{meant}"
    )


def similar_labels(names: Iterable[str]) -> list[list[str]]:
    """Groups of class names that differ in nothing but case, separators or a letter or two, such as a plural."""
    by_letters: dict[str, list[str]] = {}
    for name in sorted(names):
        by_letters.setdefault(re.sub(r"[\W_]+", "", name).casefold(), []).append(name)
    groups = list(by_letters)
    merged = {letters: letters for letters in groups}
    for first, second in itertools.combinations(groups, 2):
        # squat_1 and squat_2 are meant to differ.
        if re.sub(r"\d", "", first) == re.sub(r"\d", "", second):
            continue
        if difflib.SequenceMatcher(None, first, second).ratio() >= _LIKE_MISSPELT:
            kept, gone = merged[first], merged[second]
            merged = {letters: kept if root == gone else root for letters, root in merged.items()}
    found: dict[str, list[str]] = {}
    for letters in groups:
        found.setdefault(merged[letters], []).extend(by_letters[letters])
    return [sorted(group) for group in found.values() if len(group) > 1]


def _number(rows: Sequence, one: str, several: str) -> str:
    return f"{len(rows)} {one if len(rows) == 1 else several}"
