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
from model.evaluation.predictions import Predictions, group_hash, predictions_of, to_table

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
    predictions = predictions_of(data, predict(loaded, data), loaded.labels)
    if not predictions.known.any():
        raise UserError(
            f"{tables_path}: the split '{split}' has no window with a label that the bundle knows ({len(data.clips)} "
            f"clips); expected some of {', '.join(loaded.labels)}. Try --split all where the tables are new to it."
        )
    result = evaluate_predictions(metadata, predictions, split)
    for warning in result["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    with storage.atomic_folder(output, marker=METRICS_FILE) as folder:
        pq.write_table(to_table(predictions), os.path.join(folder, PREDICTIONS), compression="zstd")
        report.write(folder, result, predictions, metadata)
        with open(os.path.join(folder, METRICS_FILE), "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2, allow_nan=False)
            file.write("\n")
    return result


def evaluate_predictions(metadata: dict[str, Any], predictions: Predictions, split: str) -> dict[str, Any]:
    """What metrics.json says.

    Args:
      metadata: the bundle's bundle.json.
      predictions: of the tables' windows.
      split: which split they are of, or "all".
    """
    labels, known = predictions.labels, predictions.known
    answers = metrics.clip_answers(predictions.clip_probabilities)
    window_truth = predictions.truth[known]
    window_answers = predictions.probabilities[known].argmax(axis=1)
    groups = {predictions.data.clips[index].group for index in predictions.clips}
    hashes = {group_hash(group) for group in groups}
    num_trained, num_validation = (
        len(hashes & set(metadata[name])) for name in ("trained_groups", "validation_groups")
    )
    unanswered = [predictions.data.clips[index] for index in predictions.clips[answers == metrics.NO_ANSWER]]
    return {
        "split": split,
        "network": metadata["network"],
        "labels": list(labels),
        "never_trained_on": not num_trained and not num_validation,
        "num_groups": len(groups),
        "num_trained_groups": num_trained,
        "num_validation_groups": num_validation,
        "warnings": [
            *_warnings_of_groups(len(groups), num_trained, num_validation),
            *_warnings_of_clips(metadata, predictions, len(unanswered)),
        ],
        **predictions.compute_metrics(),
        "classes": predictions.class_metrics(),
        "confusion": {
            "windows": metrics.confusion(window_answers, window_truth, len(labels)).tolist(),
            "clips": metrics.confusion(answers, predictions.clip_truth, len(labels)).tolist(),
        },
        "reliability": {
            "windows": metrics.reliability(predictions.probabilities[known], window_truth),
        },
        "unanswered_clips": [{"clip": clip.name, "label": clip.label} for clip in unanswered],
        "wrong_clips": _wrong_clips(predictions, answers),
    }


def _warnings_of_groups(num_groups: int, num_trained: int, num_validation: int) -> list[str]:
    warnings = []
    if num_trained:
        warnings.append(
            f"{num_trained} of {num_groups} groups have names that the bundle was trained on: unless these are other "
            "people and footage, the results are too good."
        )
    if num_validation:
        warnings.append(
            f"{num_validation} of {num_groups} groups have names that the bundle was validated on: the results may be "
            "a little too good."
        )
    return warnings


def _warnings_of_clips(metadata: dict[str, Any], predictions: Predictions, num_unanswered: int) -> list[str]:
    labels, clips = predictions.labels, predictions.data.clips
    unknown = [clip.label for clip in clips if clip.label is not None and clip.label not in labels]
    num_unlabelled = sum(clip.label is None for clip in clips)
    absent = [label for index, label in enumerate(labels) if index not in predictions.clip_truth]
    warnings = []
    if unknown:
        names = ", ".join(sorted(set(unknown)))
        warnings.append(f"{len(unknown)} clips are of classes that the bundle does not know, left out: {names}.")
    if num_unlabelled:
        warnings.append(f"{num_unlabelled} clips have no label: they are in {PREDICTIONS} and not in the metrics.")
    if num_unanswered:
        warnings.append(
            f"clips without a window, which needs a person in {metadata['window']['min_detected']} of "
            f"{metadata['window']['length']} rows: {num_unanswered}. They have no answer and count as wrong."
        )
    if absent:
        warnings.append(f"no clip here is of {', '.join(absent)}: macro F1 is of the other classes.")
    return warnings


def _wrong_clips(predictions: Predictions, answers: np.ndarray) -> list[dict[str, Any]]:
    labels, wrong = predictions.labels, []
    rows = zip(predictions.clips, predictions.clip_truth, answers, predictions.clip_probabilities, strict=True)
    for index, truth, answer, probabilities in rows:
        if answer in (truth, metrics.NO_ANSWER):
            continue
        clip = predictions.data.clips[index]
        wrong.append(
            {
                "video_id": clip.video_id,
                "person_id": clip.person_id,
                "clip": clip.name,
                "label": labels[truth],
                "answer": labels[answer],
                "probability": float(probabilities[answer]),
            }
        )
    return wrong
