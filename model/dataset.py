"""Feature tables to windows. Clips are split by group, in the table; windows are cut within a clip, by one rule."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_jobs import storage, tables, windows
from beam_jobs.errors import UsageError, UserError
from beam_jobs.windows import WindowRule

# In place of a row's number, where a window has no row.
MISSING = -1
_COLUMNS = ("video_id", "person_id", "frame_id", "timestamp_ms", *tables.FINAL_FEATURES.column_names)


@dataclasses.dataclass(frozen=True)
class Clip:
    """One person in one video.

    Attributes:
      video_id, person_id: the keys of its rows.
      label: the exercise; None where unknown.
      group: the same person or footage.
      split: train, validation or test; "" where the table has none.
      first_row: of the clip in `Windows.rows`.
      num_rows: sampled frames.
      num_detected: of them with a person.
    """

    video_id: str
    person_id: int
    label: str | None
    group: str
    split: str
    first_row: int
    num_rows: int
    num_detected: int

    @property
    def rows(self) -> slice:
        """Where the clip's rows are in `Windows.rows` and in what is read for them."""
        return slice(self.first_row, self.first_row + self.num_rows)

    @property
    def name(self) -> str:
        """The name in messages: the video, and which person where it is not the first."""
        return f"{self.video_id} (person {self.person_id})" if self.person_id else self.video_id


@dataclasses.dataclass(frozen=True)
class Windows:
    """Windows of many clips, kept as rows and row numbers: an hour of video takes 41 MB, its windows would take 460.

    Attributes:
      clips: also those that have no window.
      rows: features of every row of every clip, float32, shape (R, 189).
      frame_id, timestamp_ms: of each row, int64, shape (R,).
      positions: the rows of each window, int32, shape (N, 34); MISSING where it has none.
      clip: the index in `clips` of each window, int32, shape (N,).
    """

    clips: tuple[Clip, ...]
    rows: np.ndarray
    frame_id: np.ndarray
    timestamp_ms: np.ndarray
    positions: np.ndarray
    clip: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)

    def features(self, indices: np.ndarray | slice = slice(None)) -> np.ndarray:
        """The chosen windows, float32, shape (N, 34, 189). Each takes 25 KB: ask for some thousands at a time."""
        return gather(self.rows, self.positions[indices], 0)

    def labels(self, classes: Sequence[str]) -> np.ndarray:
        """The index in `classes` of each window's label, int32, shape (N,); -1 where unknown or none of them."""
        return clip_labels(self.clips, classes)[self.clip]

    def select(self, keep: np.ndarray) -> "Windows":
        """The same clips and rows with some of the windows, by a mask or indices."""
        return dataclasses.replace(self, positions=self.positions[keep], clip=self.clip[keep])

    def groups(self, indices: np.ndarray | slice = slice(None)) -> set[str]:
        """The groups that the windows are of."""
        return {self.clips[index].group for index in np.unique(self.clip[indices])}


def gather(rows: np.ndarray, positions: np.ndarray, missing: float) -> np.ndarray:
    """Rows at the positions of windows, and `missing` where these are MISSING.

    Args:
      rows: any values of each row, shape (R, ...).
      positions: int, of any shape (N, T), say.
      missing: a number.

    Returns:
      As `rows`, shape (N, T, ...).
    """
    taken = rows[positions]
    taken[positions == MISSING] = missing
    return taken


def joined(parts: Sequence[Windows]) -> Windows:
    """Several sets of clips as one, in their order."""
    clips: list[Clip] = []
    positions, clip_of = [], []
    offset = 0
    for part in parts:
        positions.append(np.where(part.positions == MISSING, MISSING, part.positions + offset))
        clip_of.append(part.clip + len(clips))
        clips += [dataclasses.replace(clip, first_row=clip.first_row + offset) for clip in part.clips]
        offset += len(part.rows)
    return Windows(
        tuple(clips),
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.frame_id for part in parts]),
        np.concatenate([part.timestamp_ms for part in parts]),
        np.concatenate(positions).astype(np.int32),
        np.concatenate(clip_of).astype(np.int32),
    )


def renamed(data: Windows, names: Mapping[str, str]) -> Windows:
    """The same with some labels renamed: tables of different sources use different names."""
    clips = tuple(dataclasses.replace(clip, label=names.get(clip.label or "", clip.label)) for clip in data.clips)
    return dataclasses.replace(data, clips=clips)


def clip_labels(clips: Sequence[Clip], classes: Sequence[str]) -> np.ndarray:
    """The index in `classes` of each clip's label, int32; -1 where unknown or none of them."""
    index = {label: position for position, label in enumerate(classes)}
    return np.array([index.get(clip.label, -1) if clip.label is not None else -1 for clip in clips], np.int32)


def check_folder(tables_path: str, flag: str = "--tables") -> None:
    """Checks that a folder of feature tables, which a flag names, is there.

    Raises:
      UsageError: saying what was expected.
    """
    if not storage.is_folder(tables_path):
        raise UsageError(
            f"{flag}: {tables_path} does not exist; expected the output of `python -m beam_jobs features`."
        )
    if not storage.table_files(tables_path, tables.FINAL_FEATURES):
        raise UsageError(
            f"{flag}: {tables_path} has no final_features/*.parquet; expected the output of "
            "`python -m beam_jobs features`."
        )


def fingerprint(tables_path: str) -> dict:
    """The extractor's fingerprint that the feature tables carry."""
    return storage.fingerprint(storage.table_files(tables_path, tables.FINAL_FEATURES)[0])


def contents(tables_path: str) -> dict:
    """What identifies feature tables, for JSON: the extractor's fingerprint, the files' names and sizes."""
    files = storage.table_files(tables_path, tables.FINAL_FEATURES)
    fs, _ = storage.filesystem(tables_path)
    return {
        "fingerprint": fingerprint(tables_path),
        "files": [[file.rsplit("/", 1)[-1], fs.size(storage.filesystem(file)[1])] for file in files],
    }


def load(tables_path: str, splits: Sequence[str] | None, rule: WindowRule) -> Windows:
    """Cuts the clips of some splits into windows.

    Args:
      tables_path: the output of `python -m beam_jobs features`, local or gs://.
      splits: which clips; None is all of them, those without a split too.
      rule: which rows make a window.

    Raises:
      UserError: if the table is missing, not ordered, holds infinite values, or has a group in two splits or a clip
        with two labels.
    """
    _check_groups(tables_path)
    wanted = None if splits is None else pc.field("split").isin(list(splits))
    table = storage.read_table(
        tables_path, tables.FINAL_FEATURES, [*_COLUMNS, "label", "group", "split"], filter=wanted
    ).combine_chunks()
    features = np.zeros((table.num_rows, tables.NUM_FEATURES), np.float32)
    for column, name in enumerate(tables.FEATURE_NAMES):
        features[:, column] = table[name].to_numpy()
    if not np.isfinite(features).all():
        raise UserError(
            f"{tables_path}: final_features holds values that are not finite; expected none. Make the tables again "
            "(python -m beam_jobs features)."
        )
    detected = table["detected"].to_numpy(zero_copy_only=False)
    clips = _clips(tables_path, table, detected)
    positions, clip_of = window_positions(clips, detected, rule)
    return Windows(
        clips=tuple(clips),
        rows=features,
        frame_id=table["frame_id"].to_numpy(),
        timestamp_ms=table["timestamp_ms"].to_numpy(),
        positions=positions,
        clip=clip_of,
    )


def window_positions(clips: Sequence[Clip], detected: np.ndarray, rule: WindowRule) -> tuple[np.ndarray, np.ndarray]:
    """Windows as row numbers: the one rule is run over the numbers in place of the features.

    Args:
      clips: whose rows, one clip after another.
      detected: whether each row has a person, bool, shape (R,).
      rule: which rows make a window.

    Returns:
      As `Windows.positions` and `Windows.clip`.
    """
    positions: list[np.ndarray] = []
    clip_of: list[int] = []
    for index, clip in enumerate(clips):
        # From 1: the rule fills a window up with zeros.
        # Windows are float32, which holds whole numbers exactly up to 2**24: eleven days of a clip at 15 Hz.
        numbers = np.arange(1, clip.num_rows + 1, dtype=np.float32)[:, None]
        seen = detected[clip.rows].tolist()
        for _, window in windows.windows(zip(numbers, seen, strict=True), rule):
            within = window[:, 0].astype(np.int32)
            positions.append(np.where(within > 0, within + (clip.first_row - 1), MISSING).astype(np.int32))
            clip_of.append(index)
    stacked = np.stack(positions) if positions else np.zeros((0, rule.length), np.int32)
    return stacked, np.array(clip_of, np.int32)


def _clips(tables_path: str, table: pa.Table, detected: np.ndarray) -> list[Clip]:
    """The clips of a table in the order of its keys."""
    columns = {
        name: table[name].combine_chunks().dictionary_encode() for name in ("video_id", "label", "group", "split")
    }
    codes = {name: column.indices.fill_null(-1).to_numpy() for name, column in columns.items()}
    person, frame = table["person_id"].to_numpy(), table["frame_id"].to_numpy()
    if table.num_rows == 0:
        return []
    new = np.flatnonzero((np.diff(codes["video_id"]) != 0) | (np.diff(person) != 0)) + 1
    starts = np.concatenate([[0], new])
    ends = np.concatenate([new, [table.num_rows]])
    clips: list[Clip] = []
    seen: set[tuple[str, int]] = set()

    def value(name: str, row: int) -> str | None:
        code = codes[name][row]
        return None if code < 0 else columns[name].dictionary[int(code)].as_py()

    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        video_id, person_id = value("video_id", start) or "", int(person[start])
        if (video_id, person_id) in seen or (np.diff(frame[start:end]) <= 0).any():
            raise UserError(
                f"{tables_path}: the rows of '{video_id}' in final_features do not follow one another in "
                "time; expected the order video_id, person_id, frame_id. Make the tables again."
            )
        seen.add((video_id, person_id))
        for name in ("label", "group", "split"):
            if (codes[name][start:end] != codes[name][start]).any():
                raise UserError(f"{tables_path}: '{video_id}' has more than one {name}; expected one for a whole clip.")
        clips.append(
            Clip(
                video_id,
                person_id,
                value("label", start),
                value("group", start) or video_id,
                value("split", start) or "",
                start,
                end - start,
                int(detected[start:end].sum()),
            )
        )
    return clips


def _check_groups(tables_path: str) -> None:
    """Checks that no group is in two splits.

    Raises:
      UserError: naming some of those that are.
    """
    splits_of: dict[str, set[str]] = {}
    for video_id, group, split in _videos(tables_path):
        splits_of.setdefault(group or video_id, set()).add(split or "none")
    crossing = sorted(group for group, splits in splits_of.items() if len(splits) > 1)
    if crossing:
        named = "; ".join(f"'{group}' in {' and '.join(sorted(splits_of[group]))}" for group in crossing[:3])
        raise UserError(
            f"{tables_path}: {len(crossing)} group(s) are in more than one split ({named}); the same person would be "
            "trained and tested on. Mend the split column of labels.csv and make the tables again."
        )


def video_ids(tables_path: str) -> set[str]:
    """The videos that tables are of."""
    return {video_id for video_id, _, _ in _videos(tables_path)}


def without_split(tables_path: str) -> list[str]:
    """The videos that are in none of the splits: neither trained nor tested on."""
    return sorted({video_id for video_id, _, split in _videos(tables_path) if split not in tables.SPLITS})


def _videos(tables_path: str) -> list[tuple[str, str | None, str | None]]:
    """Every (video_id, group, split) of a table, once."""
    names = ["video_id", "group", "split"]
    rows = storage.read_table(tables_path, tables.FINAL_FEATURES, names).group_by(names).aggregate([]).to_pylist()
    return [(row["video_id"], row["group"], row["split"]) for row in rows]


def without_window(data: Windows) -> list[Clip]:
    """The clips that have no window: fewer rows with a person than the rule asks for."""
    answered = np.bincount(data.clip, minlength=len(data.clips)) > 0
    return [clip for clip, any_window in zip(data.clips, answered, strict=True) if not any_window]
