"""Evaluates a bundle on tables: accuracy and calibration."""

import json
import os
import sys
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from beam_jobs import progress, storage
from beam_jobs.errors import UserError
from model import bundle, dataset, transform_graph
from model.evaluation import metrics
from model.evaluation.predictions import Predictions, group_hash, predictions, predictions_of

METRICS_FILE = "metrics.json"
PREDICTIONS = "predictions.parquet"
_BATCH = 512


def predict(loaded: bundle.Bundle, data: dataset.Windows) -> np.ndarray:
    """The bundle's probabilities of all windows, float32, shape (N, C)."""
    probabilities = np.zeros((len(data), len(loaded.labels)), np.float32)
    with progress.bar(len(data), "windows") as bar:
        for start in range(0, len(data), _BATCH):
            part = slice(start, start + _BATCH)
            probabilities[part] = loaded.probabilities(data.features(part))
            bar.update(len(probabilities[part]))
    return probabilities


def evaluate(bundle_path: str, tables_path: str, output: str, split: str = "test") -> dict[str, Any]:
    """Evaluates a bundle and writes metrics.json, predictions.parquet, report.md and report.html with pictures.

    Args:
      bundle_path: local or gs://.
      tables_path: made with the bundle's transform_fn.
      output: a folder, local or gs://; a report that is there is replaced.
      split: "test", "validation" or "all" (clips without a split, too).

    Returns:
      What metrics.json says.

    Raises:
      UserError: if the tables do not fit the bundle, or have no window with a known label.
    """
    # Here and not above: matplotlib takes a second to import.
    from model.evaluation import report

    metadata = bundle.read_metadata(bundle_path)
    transform_graph.check_tables(metadata, bundle_path, tables_path)
    loaded = bundle.load(bundle_path)
    loaded.check_fingerprint(dataset.fingerprint(tables_path), tables_path)
    data = dataset.load(tables_path, None if split == "all" else [split], loaded.rule)
    judged = predictions_of(data, predict(loaded, data), loaded.labels)
    if not judged.judged.any():
        raise UserError(
            f"{tables_path}: the split '{split}' has no window with a label that the bundle knows ({len(data.clips)} "
            f"clips); expected some of {', '.join(loaded.labels)}. Try --split all where the tables are new to it."
        )
    figures = _figures(metadata, judged, split)
    for warning in figures["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    with storage.atomic_folder(output, marker=METRICS_FILE) as folder:
        pq.write_table(predictions(judged), os.path.join(folder, PREDICTIONS), compression="zstd")
        report.write(folder, figures, judged, metadata)
        with open(os.path.join(folder, METRICS_FILE), "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=2, allow_nan=False)
            file.write("\n")
    return figures


def _figures(metadata: dict[str, Any], judged: Predictions, split: str) -> dict[str, Any]:
    labels, clips = judged.labels, judged.data.clips
    answers = metrics.clip_answers(judged.clip_probabilities)
    window_truth = judged.truth[judged.judged]
    window_answers = judged.probabilities[judged.judged].argmax(axis=1)
    groups = {clips[index].group for index in judged.clips}
    hashes = {group_hash(group): group for group in groups}
    trained, stopped = (hashes.keys() & set(metadata[name]) for name in ("trained_groups", "validation_groups"))
    unknown = sorted({clip.label for clip in clips if clip.label is not None and clip.label not in labels})
    num_unknown = sum(clip.label in unknown for clip in clips)
    num_unlabelled = sum(clip.label is None for clip in clips)
    unanswered = [clips[index].name for index in judged.clips[answers == metrics.NO_ANSWER]]
    warnings = []
    if trained:
        warnings.append(
            f"{len(trained)} of {len(groups)} groups have names that the bundle was trained on: unless these are other "
            "people and footage, the figures flatter."
        )
    if stopped:
        warnings.append(
            f"{len(stopped)} of {len(groups)} groups have names by which training was stopped: the figures may flatter "
            "a little."
        )
    if unknown:
        warnings.append(
            f"{num_unknown} clips are of classes that the bundle does not know, left out: {', '.join(unknown)}."
        )
    if num_unlabelled:
        warnings.append(f"{num_unlabelled} clips have no label: predicted, not judged.")
    if unanswered:
        warnings.append(
            f"{len(unanswered)} clips have no window (it needs a person in {metadata['window']['min_detected']} of "
            f"{metadata['window']['length']} rows): no answer, counted as wrong."
        )
    absent = sorted(set(range(len(labels))) - set(judged.clip_truth.tolist()))
    if absent:
        warnings.append(
            f"no clip here is of {', '.join(labels[index] for index in absent)}: macro F1 leaves these out."
        )
    return {
        "split": split,
        "network": metadata["network"],
        "labels": list(labels),
        "never_trained_on": not trained and not stopped,
        "num_groups": len(groups),
        "num_trained_groups": len(trained),
        "num_validation_groups": len(stopped),
        "warnings": warnings,
        **judged.figures(),
        "classes": judged.classes(),
        "confusion": {
            "windows": metrics.confusion(window_answers, window_truth, len(labels)).tolist(),
            "clips": metrics.confusion(answers, judged.clip_truth, len(labels)).tolist(),
        },
        "reliability": {
            "windows": metrics.reliability(judged.probabilities[judged.judged], window_truth),
        },
        "unanswered_clips": unanswered,
        "wrong_clips": [
            {
                "video_id": clips[index].video_id,
                "person_id": clips[index].person_id,
                "clip": clips[index].name,
                "label": labels[truth],
                "answer": labels[answer],
                "probability": float(row[answer]),
            }
            for index, truth, answer, row in zip(
                judged.clips, judged.clip_truth, answers, judged.clip_probabilities, strict=True
            )
            if answer not in (truth, metrics.NO_ANSWER)
        ],
    }
