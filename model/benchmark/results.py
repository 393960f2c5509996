"""The benchmark's pieces as results.json; results_page makes a page of it."""

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from beam_jobs import storage
from beam_jobs.errors import UserError
from model.benchmark import clip_answers, cross_validation, experiments, fits, results_markdown
from model.benchmark.clip_answers import calibrated
from model.benchmark.fits import BenchmarkInputs
from model.benchmark.unknown_exercises import SCORE, left_out, probed


def write(
    plan: BenchmarkInputs,
    output: str,
    rows: Sequence[str],
    splits: Sequence[str],
    seeds: Sequence[int],
    others: str = "refuse",
) -> None:
    """Writes results.json and results.md from the pieces that are there, and from the rows that stand there already.

    Args:
      plan: what was cross-validated.
      output: a local folder. Other rows, and other seeds of the same row, that an earlier run wrote there are kept.
      rows: the contenders, in the table's order.
      splits: "group" and, beside it, "random".
      seeds: of the group splits.
      others: see `load_previous`.

    Raises:
      UserError: as `load_previous`.
    """
    # Those have not answered every clip: figures of their own.
    strangers = {row: {"seeds": left_out(plan, row, seeds)} for row in rows if experiments.ROWS[row].left_out}
    rows = [row for row in rows if row not in strangers]
    by_split = {split: summarize(plan, rows, split, seeds) for split in splits}
    for row in rows:
        for one in by_split.get("group", {}).get(row, {"seeds": []})["seeds"]:
            if experiments.ROWS[row].probed:
                one["probes"] = probed(plan, row, one["seed"])
    now = {"rows": by_split, "left_out": {row: one for row, one in strangers.items() if one["seeds"]}}
    _write_clips(plan, rows, seeds)
    os.makedirs(output, exist_ok=True)
    # Read as late as can be: another run may have added to it.
    results = {**_tested(plan), **_joined(load_previous(plan, output, [*rows, *strangers], others), now)}
    storage.write_text(os.path.join(output, "results.json"), json.dumps(results, indent=1) + "\n")
    storage.write_text(os.path.join(output, "results.md"), results_markdown.markdown(results))


def _write_clips(plan: BenchmarkInputs, rows: Iterable[str], seeds: Iterable[int]) -> None:
    """Writes what each clip was called, beside the pieces of each row: to look at those that were got wrong."""
    found = fits.clips(plan)
    for row in rows:
        for seed in seeds:
            try:
                logits, fold, _ = fits.load_logits(plan, found, row, "group", seed)
            except FileNotFoundError:
                break
            text = io.StringIO()
            kept = csv.writer(text, lineterminator="\n")
            kept.writerow(("video", "label", "answer", "probability", "of_label"))
            for one in clip_answers.clip_answers(found, calibrated(logits, fold, found)[0]):
                figures = f"{one.probability:.3f}", f"{one.of_truth:.3f}"
                kept.writerow((one.clip.name, one.clip.label, one.answer, *figures))
            storage.write_text(os.path.join(plan.fits_dir, row, f"clips_{seed}.csv"), text.getvalue())


def _tested(plan: BenchmarkInputs) -> dict[str, Any]:
    """What tells one benchmark's figures from another's."""
    found = fits.clips(plan)
    clips = np.unique(found.data.clip[found.truth >= 0])
    return {
        "num_windows": int((found.truth >= 0).sum()),
        "num_clips": len(clips),
        "num_groups": len({found.data.clips[index].group for index in clips}),
        "labels": list(found.labels),
        "num_folds": plan.num_folds,
    }


def load_previous(plan: BenchmarkInputs, output: str, rows: Iterable[str], others: str = "refuse") -> dict[str, Any]:
    """The figures that stand in a folder, to which those of some rows are to be added.

    Args:
      plan: what is cross-validated.
      output: the folder.
      rows: the contenders whose seeds are to be joined to those that stand there.
      others: what becomes of figures of these rows that are of other tables, settings or an earlier version: "refuse";
        "replace", which drops them with all that stands beside them in the row; "join", as where athletes were drawn
        anew, on a machine that rounds otherwise: the page says so.

    Raises:
      UserError: if they are of other clips, or a row is of other settings and that is to be refused.
    """
    file = os.path.join(output, "results.json")
    if not os.path.exists(file):
        return {"rows": {}, "left_out": {}}
    try:
        with open(file, encoding="utf-8") as opened:
            before = json.load(opened)
        theirs = {name: before[name] for name in _tested(plan)}
        found = {"rows": before["rows"], "left_out": before["left_out"]}
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"{file} is no result of this benchmark; expected one, or none. Choose another --output, or remove it."
        ) from None
    for name, ours in _tested(plan).items():
        if theirs[name] != ours:
            raise UserError(
                f"{file} is of other clips ({name} {theirs[name]}); expected {name} {ours}, as its rows and new ones "
                "stand in one table. Choose another --output, or remove it."
            )
    for row in rows:
        parts = [part for part in (*found["rows"].values(), found["left_out"]) if row in part]
        of_seeds = [one for part in parts for one in part[row]["seeds"]]
        different = {one["seed"] for one in of_seeds if not _is_like_ours(plan, row, one, others == "join")}
        if different and others != "replace":
            raise UserError(
                f"{file} has '{row}' of other tables, settings or of an earlier version (seeds "
                f"{', '.join(map(str, sorted(different)))}); expected the same ones, as a row is a mean over seeds. "
                "Choose another --output, drop these figures by --replace, or, where they are of the same recipe, keep "
                "them by --join."
            )
        if different:
            for part in parts:
                del part[row]
    return found


def _is_like_ours(plan: BenchmarkInputs, row: str, of_seed: dict[str, Any], of_any_fits: bool) -> bool:
    """Whether a seed's figures are of the same fits, or any, and, where people were told apart, by the same score."""
    scored = of_seed if experiments.ROWS[row].left_out else of_seed.get("probes", {"score": SCORE})
    return (of_any_fits or of_seed.get("made_by") == fits.made_by(plan, row)) and scored.get("score") == SCORE


def _joined(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """New figures with those earlier ones that they do not replace, rows in the order of `contenders.ROWS`."""
    rows = {
        split: {
            row: over_seeds(of_seeds)
            for row, of_seeds in _joined_seeds(before["rows"].get(split, {}), now["rows"].get(split, {})).items()
        }
        for split in {**before["rows"], **now["rows"]}
    }
    left_out = _joined_seeds(before["left_out"], now["left_out"])
    return {"rows": rows, "left_out": {row: {"seeds": of_seeds} for row, of_seeds in left_out.items()}}


def _joined_seeds(before: dict[str, Any], now: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    known = list(experiments.ROWS)
    names = sorted({*before, *now}, key=lambda row: (known.index(row) if row in known else len(known), row))
    found = {}
    for row in names:
        of_seeds = {one["seed"]: one for part in (before, now) if row in part for one in part[row]["seeds"]}
        found[row] = [of_seeds[seed] for seed in sorted(of_seeds)]
    return found


def summarize(plan: BenchmarkInputs, rows: Iterable[str], split: str, seeds: Iterable[int]) -> dict[str, Any]:
    """Figures of each row: of every seed, calibrated and not, their mean and standard deviation over seeds."""
    found = fits.clips(plan)
    summary = {}
    for row in rows:
        of_seeds = []
        for seed in seeds if split == "group" else [seed for seed in seeds if not seed]:
            try:
                logits, fold, minutes = fits.load_logits(plan, found, row, split, seed)
            except FileNotFoundError:
                break
            tested = fold >= 0
            raw = np.full(logits.shape, np.nan)
            raw[tested] = cross_validation.softmax(logits[tested])
            probabilities, temperatures = calibrated(logits, fold, found)
            of_seeds.append(
                {
                    "seed": seed,
                    "made_by": fits.made_by(plan, row),
                    **clip_answers.clip_metrics(found, probabilities),
                    "called": clip_answers.confusion_counts(clip_answers.clip_answers(found, probabilities)),
                    "uncalibrated": clip_answers.clip_metrics(found, raw),
                    "temperatures": [round(value, 3) for value in temperatures],
                    "minutes": minutes,
                }
            )
        if of_seeds:
            summary[row] = over_seeds(of_seeds)
    return summary


HEADLINE = {
    "window_accuracy": ("windows", "accuracy"),
    "clip_accuracy": ("clips", "accuracy"),
    "clip_macro_f1": ("clips", "macro_f1"),
    "window_nll": ("windows", "nll"),
    "window_ece": ("windows", "ece"),
    "clip_ece": ("clips", "ece"),
}


def over_seeds(of_seeds: list[dict[str, Any]]) -> dict[str, Any]:
    """A row's figures of every seed, and the mean and standard deviation of what matters and is there."""
    values = {name: [one[kind][key] for one in of_seeds] for name, (kind, key) in HEADLINE.items()}
    # Too few clips have no calibration error.
    values = {name: value for name, value in values.items() if None not in value}
    values["minutes"] = [one["minutes"] for one in of_seeds]
    return {
        "seeds": of_seeds,
        "mean": {name: float(np.mean(value)) for name, value in values.items()},
        "standard_deviation": {name: float(np.std(value, ddof=len(value) > 1)) for name, value in values.items()},
    }
