"""The card of an export: what the files are, what they take and give, and how they compare with the bundle."""

from collections.abc import Mapping, Sequence
from typing import Any

from model import litert, litert_graph
from model.export.check import Comparison, Sample

_INTRODUCTION = """# Exercise recognition as LiteRT files
Each file takes a window of body landmarks and says how probable each exercise is. `bundle.json` has the labels.
"""
_COLUMNS = ("file", "weights", "kB", "ms a window, median", "p95", "largest difference", "other answers", "right")


def text(
    metadata: Mapping[str, Any],
    num_rows: int,
    sample: Sample,
    compared: Mapping[str, Comparison],
    files: Mapping[str, str],
) -> str:
    """CARD.md.

    Args:
      metadata: the bundle's bundle.json.
      num_rows: rows that a file is fed.
      sample: what the files were compared on.
      compared: by kind.
      files: their names, by kind.
    """
    known = int((sample.truth >= 0).sum())
    return "\n".join(
        [
            _INTRODUCTION,
            _table(_COLUMNS, _rows(compared, files)),
            f"Compared with the bundle's SavedModel on {len(sample):,} windows ({sample.source}), one by",
            "one on one thread of the machine that exported. *Largest difference*: of any probability. *Other",
            f"answers*: windows whose likeliest class is another one. *Right*: of {known:,} windows with a label.",
            "",
            "## What goes in and out",
            _table(("tensor", "shape", "type", "content"), _tensors(metadata, num_rows)),
            "Ask for an answer where the last frame has a person, and so have at least "
            f"{metadata['window']['min_detected']} of the last {metadata['window']['length']} frames.",
            f"The landmarks are those of MediaPipe {_made_by(metadata, 'mediapipe')}, pose model sha256",
            f"{_made_by(metadata, 'pose_model_sha256')[:16]}. Other landmarks give other answers.",
            "",
        ]
    )


def _made_by(metadata: Mapping[str, Any], key: str) -> str:
    return str(metadata["fingerprint"].get(key, "unknown"))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join([*(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)), ""])


def _rows(compared: Mapping[str, Comparison], files: Mapping[str, str]) -> list[list[str]]:
    def share(value: float | None) -> str:
        return "" if value is None else f"{value:.1%}"

    first = next(iter(compared.values()))
    bundle = ["`end_to_end` of the bundle, in TensorFlow", "", "", "", "", "", "", share(first.bundle_accuracy)]
    return [bundle] + [
        [
            f"`{files[kind]}`",
            litert_graph.KINDS[kind],
            f"{one.num_bytes / 1000:.0f}",
            f"{one.median_ms:.2f}",
            f"{one.p95_ms:.2f}",
            f"{one.max_difference:.1e}",
            str(one.num_other_answers),
            share(one.accuracy),
        ]
        for kind, one in compared.items()
    ]


def _tensors(metadata: Mapping[str, Any], num_rows: int) -> list[list[str]]:
    rate, length = metadata["frame_rate_hz"], metadata["window"]["length"]
    coordinates = metadata["fingerprint"].get("coordinates", "world")
    unit = "metres from between the hips" if coordinates == "world" else "shares of the picture's size"
    return [
        [
            f"`{litert.LANDMARKS}`, in",
            f"(1, {num_rows}, 33, 3)",
            "float32",
            f"MediaPipe's {coordinates} landmarks of {num_rows} frames at {rate:g} Hz, oldest first: x, y, z in "
            f"{unit}; NaN in frames without a person and before the start",
        ],
        [
            f"`{litert.TIMESTAMPS}`, in",
            f"(1, {num_rows})",
            "int32",
            "milliseconds of these frames, of which only the differences count; -1 before the start",
        ],
        [
            f"`{litert.PROBABILITIES}`, out",
            f"(1, {len(metadata['labels'])})",
            "float32",
            "of " + ", ".join(metadata["labels"]),
        ],
        [
            f"`{litert.FEATURES}`, out",
            f"(1, {length}, 189)",
            "float32",
            f"standardised features of the last {length} frames; zeros without a person",
        ],
    ]
