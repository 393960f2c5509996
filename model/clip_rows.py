"""What the other tables say of the rows of windows: landmarks, and features in their own units."""

import sys

import numpy as np
import pyarrow.compute as pc

from beam_jobs import landmarks, storage, tables
from beam_jobs.errors import UserError
from model import dataset

_KEYS = ("video_id", "person_id", "frame_id")


def load_landmarks(tables_path: str, data: dataset.Windows, coordinates: str = "") -> np.ndarray:
    """The landmarks from which the features of `data` were made, as its rows.

    Where the landmarks table is not beside the feature tables, it is the normalised ones: the same body, centred and
    scaled already.

    Args:
      tables_path: where `data` is from.
      data: windows of some clips.
      coordinates: "world" or "image"; by default those from which the features were made.

    Returns:
      float32, shape (R, 33, 3); NaN where no person is.

    Raises:
      UserError: if neither table is there, or a row of `data` is not in it.
    """
    table, columns = (
        tables.LANDMARKS,
        tables.landmark_columns(coordinates or dataset.fingerprint(tables_path)["coordinates"]),
    )
    if not storage.table_files(tables_path, table):
        print(
            f"warning: {tables_path} has no landmarks; training augments the normalised ones, whose scale may change "
            "from row to row. Better: let extract and features write to one folder.",
            file=sys.stderr,
        )
        table, columns = tables.NORMALIZED, tables.NORMALIZED.column_names
    wanted = pc.field("video_id").isin(sorted({clip.video_id for clip in data.clips}))
    read = storage.read_table(tables_path, table, [*_KEYS, *columns], filter=wanted).combine_chunks()
    keys = zip(*(read[name].to_pylist() for name in _KEYS), strict=True)
    number_of = {key: number for number, key in enumerate(keys)}
    order = np.zeros(len(data.rows), np.int64)
    for clip in data.clips:
        wanted_keys = [(clip.video_id, clip.person_id, int(frame)) for frame in data.frame_id[clip.rows]]
        missing = [key for key in wanted_keys if key not in number_of]
        if missing:
            raise UserError(
                f"{tables_path}: frame {missing[0][2]} of '{clip.name}' is in final_features and not in {table.name}; "
                "expected both to be of the same videos. Run `python -m beam_jobs features` again."
            )
        order[clip.rows] = [number_of[key] for key in wanted_keys]
    landmarks_of_rows = np.empty((len(data.rows), landmarks.NUM_LANDMARKS, 3), np.float32)
    for index, name in enumerate(columns):
        landmarks_of_rows[:, index // 3, index % 3] = read[name].to_numpy()[order]
    return landmarks_of_rows


def load_unscaled(tables_path: str, data: dataset.Windows) -> np.ndarray:
    """The features of `data` in their own units, before they were standardised: float32, (R, 189), NaN included.

    Raises:
      UserError: if a table is missing, or its rows are not those of `data`.
    """
    unscaled = np.empty(data.rows.shape, np.float32)
    wanted = pc.field("video_id").isin(sorted({clip.video_id for clip in data.clips}))
    column = 0
    for table in tables.UNSCALED_TABLES:
        read = storage.read_table(tables_path, table, ["frame_id", *table.column_names], filter=wanted)
        if not np.array_equal(read["frame_id"].to_numpy(), data.frame_id):
            raise UserError(
                f"{tables_path}: the rows of {table.name} are not those of final_features; expected tables of one run. "
                "Run `python -m beam_jobs features` again."
            )
        for name in table.column_names:
            unscaled[:, column] = read[name].to_numpy()
            column += 1
    return unscaled
