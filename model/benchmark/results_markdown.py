"""The benchmark's figures as one Markdown page: a short table first, details folded away."""

import collections
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from model.benchmark.clip_answers import SMOOTHING_WINDOWS
from model.benchmark.experiments import EXPERIMENTS

# The mark of an experiment whose seeds have different settings, and what it means.
_MARK = " †"
_MARK_MEANING = (
    "† Some of the figures compared or averaged here are of other tables (made again by the same commands) or "
)
_MARK_MEANING += "of an earlier version of the code."
_PERCENT = "{:.1%}"


def markdown(results: dict[str, Any]) -> str:
    """The page of a results.json."""
    grouped, random = results["grouped_split"], results["random_split"]
    blocks = [
        _summary(results),
        _main_table(grouped, random),
        _folded("Experiments with one change", _changes(grouped, random)),
        _folded("What each experiment is", _descriptions(grouped)),
        _folded("Standard deviation over seeds", _deviations(grouped)),
        _folded("Calibration", _calibration(grouped)),
        _folded("Random split (data leakage)", _random_split(grouped, random)),
        _folded("The mean of a clip's latest windows", _smoothing(grouped)),
    ]
    for name, one in grouped.items():
        of_seeds = [seed for seed in one["seeds"] if "robustness" in seed]
        if of_seeds:
            blocks += [
                _folded(f"{name}: answers for the clips of each exercise", _confusion(of_seeds)),
                _folded(f"{name}: robustness", _robustness(of_seeds)),
                _folded(f"{name}: windows that show none of the exercises", _unknown(of_seeds)),
                _folded(f"{name}: naming an exercise from a probability on", _min_probability(of_seeds)),
            ]
    blocks.append(_folded("Exercises left out of training", _left_out(results)))
    return "\n\n".join("\n".join(lines) for lines in blocks if lines) + "\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [f"| {' | '.join(map(str, cells))} |" for cells in rows]
    return [f"| {' | '.join(header)} |", "| --- " * len(header) + "|", *lines] if lines else []


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return ["<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>"] if lines else []


def _summary(results: dict[str, Any]) -> list[str]:
    return [
        f"{results['num_windows']} windows of {results['num_clips']} clips of {results['num_groups']} groups, "
        f"{len(results['labels'])} exercises. {results['num_folds']} folds, split by group; means over seeds."
    ]


def _main_table(grouped: dict[str, Any], random: dict[str, Any]) -> list[str]:
    """The experiments that are not compared with another one in this table, the most accurate first."""
    names = [name for name in grouped if not _base_of(name, grouped)]
    names.sort(key=lambda name: -grouped[name]["mean"]["window_accuracy"])
    table = _accuracies(names, grouped, random)
    return [*table, "", "Minutes: of all folds of a seed, on one busy core.", *_note(table)] if table else []


def _accuracies(names: Iterable[str], grouped: dict[str, Any], random: dict[str, Any]) -> list[str]:
    rows = []
    for name in names:
        seeds, mean = grouped[name]["seeds"], grouped[name]["mean"]
        settings = {one.get("settings_sha256") for one in (*seeds, *random.get(name, {"seeds": []})["seeds"])}
        rows.append(
            (
                f"{name}{_MARK if len(settings) > 1 else ''}",
                len(seeds),
                *(_PERCENT.format(mean[key]) for key in ("window_accuracy", "clip_accuracy")),
                f"{mean['clip_macro_f1']:.3f}",
                f"{mean['window_nll']:.2f}",
                f"{mean['minutes']:.1f}",
            )
        )
    header = ("experiment", "seeds", "window accuracy", "clip accuracy", "macro F1 (clips)", "NLL (windows)", "minutes")
    return _table(header, rows)


def _note(lines: Sequence[str]) -> list[str]:
    return ["", _MARK_MEANING] if any(_MARK in line for line in lines) else []


def _base_of(name: str, grouped: dict[str, Any]) -> str:
    """The experiment in this table without a change, that another one makes; "" if there is none."""
    base = EXPERIMENTS[name].compared_with if name in EXPERIMENTS else ""
    return base if base in grouped else ""


def _descriptions(grouped: dict[str, Any]) -> list[str]:
    rows = []
    for name in grouped:
        if name not in EXPERIMENTS:
            rows.append((name, "of an earlier version", "–"))
        else:
            rows.append((name, EXPERIMENTS[name].description, EXPERIMENTS[name].compared_with or "–"))
    return _table(("experiment", "what it is", "compared with"), rows)


def _deviations(grouped: dict[str, Any]) -> list[str]:
    formats = {
        "window_accuracy": ("window accuracy", _PERCENT),
        "clip_accuracy": ("clip accuracy", _PERCENT),
        "clip_macro_f1": ("macro F1 (clips)", "{:.3f}"),
        "window_nll": ("NLL (windows)", "{:.2f}"),
        "window_ece": ("ECE (windows)", "{:.3f}"),
        "clip_ece": ("ECE (clips)", "{:.3f}"),
    }
    rows = [
        (name, len(one["seeds"]), *(_cell(one["standard_deviation"], key, form) for key, (_, form) in formats.items()))
        for name, one in grouped.items()
        if len(one["seeds"]) > 1
    ]
    return _table(("experiment", "seeds", *(title for title, _ in formats.values())), rows)


def _cell(values: dict[str, float], key: str, form: str) -> str:
    return form.format(values[key]) if key in values else "–"


def _calibration(grouped: dict[str, Any]) -> list[str]:
    rows = []
    for name, one in grouped.items():
        cells = []
        for key, form in (("window_nll", "{:.2f}"), ("window_ece", "{:.3f}"), ("clip_ece", "{:.3f}")):
            kind, metric = key.split("_")
            raw = [seed["uncalibrated"][f"{kind}s"][metric] for seed in one["seeds"]]
            cells += [_cell(one["mean"], key, form), "–" if None in raw else form.format(np.mean(raw))]
        rows.append((name, len(one["seeds"]), *cells))
    header = [
        f"{title}, {kind}" for title in ("NLL (windows)", "ECE (windows)", "ECE (clips)") for kind in ("T", "no T")
    ]
    return [
        "T: with the temperature that suits the other folds (`synthetic_only` has none: one fit tests all clips). A "
        "clip's probability is the mean over its windows. It is lower than the clip accuracy: hence the ECE.",
        "",
        *_table(("experiment", "seeds", *header), rows),
    ]


def _random_split(grouped: dict[str, Any], random: dict[str, Any]) -> list[str]:
    rows = []
    for name, one in random.items():
        mean = one["mean"]
        by_group = grouped.get(name, {"mean": {}})["mean"].get("window_accuracy")
        gain = "–" if by_group is None else f"{100 * (mean['window_accuracy'] - by_group):+.1f}"
        cells = [_cell(mean, key, _PERCENT) for key in ("window_accuracy", "clip_accuracy")]
        cells += [_cell(mean, "clip_macro_f1", "{:.3f}"), _cell(mean, "window_nll", "{:.2f}")]
        cells += [_cell(mean, key, "{:.3f}") for key in ("window_ece", "clip_ece")]
        rows.append((name, *cells, gain))
    header = ["experiment", "window accuracy", "clip accuracy", "macro F1 (clips)", "NLL (windows)", "ECE (windows)"]
    header += ["ECE (clips)", "window accuracy, points above the split by group"]
    table = _table(header, rows)
    return ["Windows of the same clip and person are in training and test. One seed.", "", *table] if table else []


def _changes(grouped: dict[str, Any], random: dict[str, Any]) -> list[str]:
    """The experiments that are compared with another one, and the differences on the same seeds."""
    names = [name for name in grouped if _base_of(name, grouped)]
    rows = []
    for name in names:
        of_base = {one["seed"]: one for one in grouped[_base_of(name, grouped)]["seeds"]}
        pairs = [(one, of_base[one["seed"]]) for one in grouped[name]["seeds"] if one["seed"] in of_base]
        if not pairs:
            continue
        cells = []
        for kind, metric, form in (
            ("windows", "accuracy", "{:+.1f}"),
            ("clips", "accuracy", "{:+.1f}"),
            ("windows", "nll", "{:+.2f}"),
        ):
            difference = float(np.mean([changed[kind][metric] - base[kind][metric] for changed, base in pairs]))
            cells.append(form.format(100 * difference if metric == "accuracy" else difference))
        key = "settings_sha256"
        mark = _MARK if any((key in changed) != (key in base) for changed, base in pairs) else ""
        rows.append((f"{name}{mark}", _base_of(name, grouped), len(pairs), *cells))
    header = (
        "experiment",
        "compared with",
        "seeds",
        "window accuracy, points",
        "clip accuracy, points",
        "NLL (windows)",
    )
    differences = _table(header, rows)
    if not names:
        return []
    text = "The difference to the same experiment without the change, on the same seeds:"
    return [*_accuracies(names, grouped, random), "", text, "", *differences, *_note(differences)]


def _smoothing(grouped: dict[str, Any]) -> list[str]:
    rows = []
    for name, one in grouped.items():
        of_seeds = [seed["smoothed_accuracy"] for seed in one["seeds"] if "smoothed_accuracy" in seed]
        if of_seeds:  # earlier versions did not note it
            means = _mean(of_seeds, map(str, SMOOTHING_WINDOWS))
            rows.append((name, *(_PERCENT.format(mean) for mean in means.values())))
    header = ("experiment", *(f"{num} windows" if num > 1 else "1 window" for num in SMOOTHING_WINDOWS))
    table = _table(header, rows)
    return ["Window accuracy if the latest windows answered together. One comes every 0.2 s.", "", *table]


def _confusion(of_seeds: Sequence[dict[str, Any]]) -> list[str]:
    of_seeds = [one["confusion"] for one in of_seeds if "confusion" in one]
    rows = []
    for label in of_seeds[0] if of_seeds else ():
        counts: collections.Counter[str] = collections.Counter()
        for one in of_seeds:
            counts.update(one[label])
        wrong = [f"{answer or 'no answer'} {num}" for answer, num in counts.most_common() if answer != label]
        rows.append((label, counts.total(), counts[label], ", ".join(wrong)))
    header = ("exercise", f"clips ({_seeds(of_seeds)})", "right", "wrong answers")
    return _table(header, rows)


def _robustness(of_seeds: Sequence[dict[str, Any]]) -> list[str]:
    rows = []
    for name, of in _by_name([one["robustness"]["corruptions"] for one in of_seeds]):
        mean = _mean(of, ("window_accuracy", "clip_accuracy"))
        rows.append((name, len(of), *map(_PERCENT.format, mean.values())))
    return [
        "`variant/…`: clips that were edited and whose landmarks were estimated again. All else are changes of "
        "landmarks: `hidden_…` puts them where an estimator may guess them; 60 frames a second are interpolated.",
        "",
        *_table(("clips", "seeds", "window accuracy", "clip accuracy"), rows),
    ]


def _unknown(of_seeds: Sequence[dict[str, Any]]) -> list[str]:
    rows = []
    for name, of in _by_name([one["robustness"]["unknown"] for one in of_seeds]):
        mean = _mean(of, ("auroc", "false_accept_rate_at_95_recall", "named_an_exercise"))
        shares = (_PERCENT.format(mean[key]) for key in ("false_accept_rate_at_95_recall", "named_an_exercise"))
        rows.append((name, len(of), of[0]["num_windows"], of[0]["num_clips"], f"{mean['auroc']:.3f}", *shares))
    header = ("windows of", "seeds", "windows", "clips", "AUROC", "false accepts at 95 % recall", "named an exercise")
    table = _table(header, rows)
    if not table:
        return []
    return [
        "AUROC and false accepts: of `known_class_score` (model/benchmark/unknown_exercises.py). Named an exercise: "
        "the most probable class is one. `standing_still`: as model/standing_still.py finds it.",
        "",
        *table,
    ]


def _min_probability(of_seeds: Sequence[dict[str, Any]]) -> list[str]:
    """What live's --min_probability does."""
    by_seed = [one["robustness"]["min_probability"] for one in of_seeds if "min_probability" in one["robustness"]]
    if not by_seed:
        return []
    sets = [*by_seed[0]["0.0"]["unknown"]]
    rows = []
    for threshold in by_seed[0]:
        at = [one[threshold] for one in by_seed]
        # Without a named window of a seed, there is no precision.
        precisions = [one["precision"] for one in at if one["precision"] is not None]
        cells = [np.mean([one["coverage"] for one in at]), np.mean(precisions) if precisions else None]
        cells += [np.mean([one["unknown"][name] for one in at]) for name in sets]
        rows.append((f"{float(threshold):.1f}", *("–" if cell is None else _PERCENT.format(cell) for cell in cells)))
    return [
        f"Live's `--min_probability` ({_seeds(by_seed)}). Coverage: windows of people who exercise that get an "
        "exercise's name. Precision: how many of these names are right. Then: windows of others that get one.",
        "",
        *_table(("from", "coverage", "precision", *sets), rows),
    ]


def _left_out(results: dict[str, Any]) -> list[str]:
    rows = []
    for name, one in results["classes_left_out"].items():
        mean = _mean(one["seeds"], ("auroc", "false_accept_rate_at_95_recall", "named_an_exercise"))
        shares = (_PERCENT.format(mean[key]) for key in ("false_accept_rate_at_95_recall", "named_an_exercise"))
        rows.append((name, len(one["seeds"]), one["seeds"][0]["num_windows"], f"{mean['auroc']:.3f}", *shares))
    header = ("experiment", "seeds", "windows", "AUROC", "false accepts at 95 % recall", "named another exercise")
    table = _table(header, rows)
    text = f"Each exercise is left out of training in one of {results['num_folds']} folds; means over folds."
    return [text, "", *table] if table else []


def _by_name(of_seeds: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, float]]]]:
    """The metrics of each test set over the seeds that have it: later versions test more."""
    names = dict.fromkeys(name for one in of_seeds for name in one)
    return [(name, [one[name] for one in of_seeds if name in one]) for name in names]


def _mean(of_seeds: Sequence[dict[str, Any]], keys: Iterable[str]) -> dict[str, float]:
    return {key: float(np.mean([one[key] for one in of_seeds])) for key in keys}


def _seeds(of_seeds: Sequence[Any]) -> str:
    return f"{len(of_seeds)} seed{'' if len(of_seeds) == 1 else 's'}"
