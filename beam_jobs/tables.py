"""Every table: its columns, their types and units; and the order of the 189 features.

This is the one list of names; readers, writers, the transform graph's outputs and the README derive from it.
A table is a folder of Parquet files (zstd). Every row starts with the key columns and ends with the label columns.
"""

import dataclasses

import pyarrow as pa

from beam_jobs import landmarks

# Raised when a table's columns or their meaning change; readers refuse other versions.
SCHEMA_VERSION = 1

# Keys of the Parquet file metadata (and of bundle.json).
SCHEMA_VERSION_KEY = "schema_version"
FINGERPRINT_KEY = "fingerprint"
# What a fingerprint says, but what may be another for a model than for the landmarks that it is used on.
NOT_COMPARED = ("num_people",)

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Column:
    """A column: its name, Arrow type, unit ('' where it has none) and what it says."""

    name: str
    type: pa.DataType
    unit: str = ""
    description: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """A table: the folder's name and its columns between the key columns and the label columns.

    Attributes:
      name: the folder under the output folder.
      columns: what the table is for.
      per_frame: one row a sampled frame (with key and label columns); else the columns are all there is.
    """

    name: str
    columns: tuple[Column, ...]
    per_frame: bool = True

    @property
    def column_names(self) -> list[str]:
        """Names of the table's own columns, in order, without key and label columns."""
        return [column.name for column in self.columns]

    @property
    def repeated_columns(self) -> list[str]:
        """Those that Parquet is to write by a dictionary of their values; measured numbers hardly repeat.

        Measured: with dictionaries of all columns, pyarrow's default, writing took 3 to 5 times as much processor time,
        reading twice as much, and files were a fifth to a half larger.
        """
        return [field.name for field in self.schema() if not pa.types.is_floating(field.type)]

    def schema(self, metadata: dict[str, str] | None = None) -> pa.Schema:
        """The whole Arrow schema, with file metadata."""
        columns = (*KEY_COLUMNS, *self.columns, *LABEL_COLUMNS) if self.per_frame else self.columns
        fields = [
            pa.field(c.name, c.type, metadata={"unit": c.unit, "description": c.description} if c.unit else None)
            for c in columns
        ]
        return pa.schema(fields, metadata={SCHEMA_VERSION_KEY: str(SCHEMA_VERSION), **(metadata or {})})


KEY_COLUMNS = (
    Column("video_id", pa.string(), description="the video's path below the folder that was read"),
    Column(
        "person_id",
        pa.int32(),
        description="0-based, by first appearance; always 0 unless several people were followed",
    ),
    Column("frame_id", pa.int64(), description="0-based position on the sampling grid; a slow source leaves gaps"),
    Column("timestamp_ms", pa.int64(), "ms", "media time since the first frame"),
)
LABEL_COLUMNS = (
    Column("label", pa.string(), description="the exercise; null where unknown"),
    Column("group", pa.string(), description="the same person or footage; never split"),
    Column("split", pa.string(), description="train, validation or test"),
)


def _per_landmark(suffixes: tuple[str, ...], unit: str) -> tuple[Column, ...]:
    return tuple(
        Column(f"{name}_{suffix}", pa.float32(), unit) for name in landmarks.LANDMARK_NAMES for suffix in suffixes
    )


_TORSO = "torso lengths"
_ANGLE_NAMES = tuple(f"{name}_angle_degrees" for name, *_ in landmarks.JOINTS)

LANDMARKS = Table(
    "landmarks",
    (
        *_per_landmark(("world_x_m", "world_y_m", "world_z_m"), "m"),
        *_per_landmark(("image_x", "image_y", "image_z"), "share of the image's width, height, width"),
        *_per_landmark(("visibility", "presence"), "probability"),
        Column("detected", pa.bool_(), description="somebody is in view; where false every landmark is NaN"),
    ),
)


def landmark_columns(coordinates: str) -> list[str]:
    """Names of the 99 coordinates of the landmarks table, x, y, z by landmark: "world" or "image" ones."""
    return [name for name in LANDMARKS.column_names if f"_{coordinates}_" in name]


NORMALIZED = Table("normalized", _per_landmark(("x", "y", "z"), _TORSO))
JOINT_ANGLES = Table("joint_angles", tuple(Column(name, pa.float32(), "degrees") for name in _ANGLE_NAMES))
SYMMETRY = Table(
    "symmetry",
    (
        *(
            Column(f"{name}_angle_difference_degrees", pa.float32(), "degrees", "left minus right")
            for name in ("elbow", "shoulder", "hip", "knee")
        ),
        *(
            Column(
                f"{name}_mirror_distance", pa.float32(), _TORSO, "left one, mirrored in the sagittal plane, to right"
            )
            for name in ("wrist", "elbow", "knee", "ankle")
        ),
    ),
)
DISTANCES = Table(
    "distances",
    tuple(
        Column(name, pa.float32(), _TORSO)
        for name in (
            "shoulder_width",
            "hip_width",
            "wrist_to_wrist",
            "ankle_to_ankle",
            "left_wrist_to_hip",
            "right_wrist_to_hip",
            "left_hip_to_ankle",
            "right_hip_to_ankle",
        )
    ),
)
VELOCITY = Table("velocity", _per_landmark(("speed",), f"{_TORSO} a second"))
ACCELERATION = Table("acceleration", _per_landmark(("acceleration",), f"{_TORSO} a second squared"))

# The physical tables whose columns, put one after the other, are the 189 features.
UNSCALED_TABLES = (NORMALIZED, JOINT_ANGLES, SYMMETRY, DISTANCES, VELOCITY, ACCELERATION)
FEATURE_NAMES: tuple[str, ...] = tuple(name for table in UNSCALED_TABLES for name in table.column_names)
NUM_FEATURES = len(FEATURE_NAMES)

# A column whose standard deviation is below this, or below this share of its mean, is rounding noise round a constant:
# its unit is a torso's length or a degree (a second, a second squared).
_CONSTANT_BELOW = 1e-5


def varies(mean, deviation):
    """Which columns vary enough to be standardised: the one rule, for NumPy arrays and TensorFlow's tensors alike.

    Args:
      mean: of each column, in its own unit.
      deviation: its standard deviation.

    Returns:
      bool, of the same shape; false where a figure is NaN.
    """
    return (deviation > _CONSTANT_BELOW) & (deviation > _CONSTANT_BELOW * abs(mean))


FINAL_FEATURES = Table(
    "final_features",
    (
        *(Column(c.name, pa.float32(), "standard deviations") for table in UNSCALED_TABLES for c in table.columns),
        Column("detected", pa.bool_(), description="somebody is in view; where false every feature is 0, its mean"),
    ),
)

QUALITY = Table(
    "quality",
    (
        Column("video_id", pa.string()),
        Column("uri", pa.string(), description="where the video was read from"),
        Column("content_sha256", pa.string()),
        Column("width_px", pa.int32(), "px", "as shown: after rotation, with square pixels"),
        Column("height_px", pa.int32(), "px", "as shown: after rotation, with square pixels"),
        Column("frame_rate_hz", pa.float64(), "Hz", "mean over the media's own timestamps"),
        Column("duration_s", pa.float64(), "s"),
        Column("num_frames_decoded", pa.int64()),
        Column("num_frames_sampled", pa.int64()),
        Column("num_frames_detected", pa.int64()),
        Column("detected_share", pa.float64(), "ratio", "of the sampled frames"),
        Column("longest_gap_s", pa.float64(), "s", "longest stretch without a person"),
        Column("codec", pa.string(), description="FFmpeg's name, for instance h264"),
        Column("pixel_format", pa.string(), description="FFmpeg's name, for instance yuv420p"),
        Column("colour_transfer", pa.string(), description="smpte2084 (PQ) and arib_std_b67 (HLG) were tone-mapped"),
        Column("is_interlaced", pa.bool_(), description="some frames were, and were deinterlaced"),
        Column("mean_brightness", pa.float64(), "luma, 0 to 255", "mean of the sampled frames"),
        Column("is_too_dark", pa.bool_(), description="mean_brightness is below 16: poses are not to be trusted"),
        Column("label", pa.string()),
        Column("group", pa.string()),
        Column("split", pa.string()),
        Column("landmarks_file", pa.string(), description="under the landmarks folder"),
        Column(
            "fingerprint", pa.string(), description="how its landmarks were made, as in that file's metadata (JSON)"
        ),
    ),
    per_frame=False,
)
DEAD_LETTERS = Table(
    "dead_letters",
    (
        Column("video_id", pa.string()),
        Column("uri", pa.string()),
        Column("stage", pa.string(), description="notify, read, decode, estimate or write"),
        Column("reason", pa.string(), description="a short fixed word, to group by"),
        Column("message", pa.string(), description="what was wrong, expected, and to be done"),
        Column("num_frames_kept", pa.int64(), description="rows in landmarks from before the damage"),
    ),
    per_frame=False,
)

PREDICTIONS = Table(
    "predictions",
    (
        Column("exercise", pa.string(), description="the most probable label of the bundle"),
        Column("probability", pa.float32(), "probability", "of that label"),
        Column("probabilities", pa.list_(pa.float32()), "probability", "of each of the labels in the file's metadata"),
    ),
)

SEGMENTS = Table(
    "segments",
    (
        Column("session_id", pa.string(), description="one run of live"),
        Column("person_id", pa.int32()),
        Column("started_at", pa.string(), description="the time of the session's first frame, RFC 3339"),
        Column("exercise", pa.string()),
        Column("start_ms", pa.int64(), "ms", "since the session's first frame: the end of the first window"),
        Column("end_ms", pa.int64(), "ms", "likewise, of the last window"),
        Column("probability", pa.float32(), "probability", "mean over the windows"),
        Column("num_windows", pa.int64()),
        Column("repetitions", pa.int64(), description="of the joint that swings furthest; null for a hold"),
        Column("held_s", pa.float32(), "s", "how long a hold was held; null for an exercise with movement"),
        Column("bundle_sha256", pa.string(), description="of the graph that predicted"),
    ),
    per_frame=False,
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        LANDMARKS,
        *UNSCALED_TABLES,
        FINAL_FEATURES,
        PREDICTIONS,
        SEGMENTS,
        QUALITY,
        DEAD_LETTERS,
    )
}
