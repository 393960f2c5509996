"""The benchmark's figures as one Markdown page."""

import collections
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from model.benchmark import clip_answers, experiments

_COLUMNS = {
    "window_accuracy": ("window accuracy", "{:.1%}"),
    "clip_accuracy": ("clip accuracy", "{:.1%}"),
    "clip_macro_f1": ("macro F1 (clip)", "{:.3f}"),
    "window_nll": ("NLL (window)", "{:.2f}"),
    "window_ece": ("ECE (window)", "{:.3f}"),
    "clip_ece": ("ECE (clip)", "{:.3f}"),
}


def markdown(results: dict[str, Any]) -> str:
    """The table of contenders, and what else they were asked, as results.json has it."""
    rows = results["rows"].get("group", {})
    lines = [*_contenders(results, rows), *_differences(rows), *_averaging(rows)]
    for row, one in rows.items():
        lines += [*_called(row, one["seeds"]), *_probes(row, one["seeds"])]
    for row, one in results["left_out"].items():
        mean = _mean(one["seeds"], ("auroc", "false_accept_rate_at_95_recall", "called_an_exercise"))
        lines += [
            "",
            f"**{row}** ({_seeds(one['seeds'])}), each exercise left out of training in one of {results['num_folds']} "
            "folds, told those from the ones that it was trained on, by the evidence for any exercise "
            "(`known_class_score` in model/benchmark/results.py): "
            f"AUROC {mean['auroc']:.3f}, {mean['false_accept_rate_at_95_recall']:.1%} of their windows accepted at 95 "
            f"% recall; {mean['called_an_exercise']:.1%} of them are called one of the other exercises, and not none "
            "(means over folds).",
        ]
    return "\n".join(lines) + "\n"


def _contenders(results: dict[str, Any], rows: dict[str, Any]) -> list[str]:
    num_seeds = max((len(one["seeds"]) for one in rows.values()), default=0)
    lines = [
        f"{results['num_windows']} windows, {results['num_clips']} clips, {results['num_groups']} groups; "
        f"{results['num_folds']} folds by group, mean ± standard deviation over {num_seeds} "
        f"seed{'' if num_seeds == 1 else 's'} (fewer where a row says so). NLL and ECE with the temperature that "
        "suits the other folds (none for athletes alone, whose one fit answers all clips); in brackets without. A "
        "clip's probability is the mean of its windows', which is less sure than clips are right: hence its ECE. "
        "Random split: the same six figures on windows split whomever they show, one seed, which flatters. "
        "Minutes: of all folds of a seed, on one core of two that are busy. †: seeds or the random split are of tables "
        "that were made anew, or of another version, by the same recipe.",
        "",
        "| contender | " + " | ".join(title for title, _ in _COLUMNS.values()) + " | random split | minutes |",
        "| --- " * (len(_COLUMNS) + 3) + "|",
    ]
    for row, one in rows.items():
        about = experiments.ROWS[row].about if row in experiments.ROWS else "of an earlier version"
        fewer = "" if len(one["seeds"]) == num_seeds else f" ({_seeds(one['seeds'])})"
        twins = results["rows"].get("random", {}).get(row, {"seeds": []})["seeds"]
        mixed = len({seed.get("made_by") for seed in (*one["seeds"], *twins)}) > 1
        cells = [f"**{row}**: {about}{fewer}{' †' if mixed else ''}"]
        for name, (_, form) in _COLUMNS.items():
            if name not in one["mean"]:
                cells.append("–")
                continue
            cell = form.format(one["mean"][name])
            if len(one["seeds"]) > 1:
                cell += f" ± {form.format(one['standard_deviation'][name])}"
            if name in ("window_nll", "window_ece", "clip_ece"):
                of, key = name.split("_")
                raw = np.mean([seed["uncalibrated"][f"{of}s"][key] for seed in one["seeds"]])
                cell += f" ({form.format(raw)})"
            cells.append(cell)
        twin = results["rows"].get("random", {}).get(row)
        mean = twin["mean"] if twin else {}
        figures = [form.format(mean[name]) for name, (_, form) in _COLUMNS.items() if name in mean]
        lines.append("| " + " | ".join([*cells, ", ".join(figures) or "–", f"{one['mean']['minutes']:.1f}"]) + " |")
    return lines


def _differences(rows: dict[str, Any]) -> list[str]:
    """What one change to a contender is worth: rows "base, change" against the base's on the same seeds."""
    lines = []
    for row, one in rows.items():
        base = rows.get(row.split(", ")[0])
        if base is None or base is one:
            continue
        of_base = {seed["seed"]: seed for seed in base["seeds"]}
        pairs = [(seed, of_base[seed["seed"]]) for seed in one["seeds"] if seed["seed"] in of_base]
        if not pairs:
            continue
        cells = []
        for kind, key, form in (
            ("windows", "accuracy", "{:+.1f}"),
            ("clips", "accuracy", "{:+.1f}"),
            ("windows", "nll", "{:+.2f}"),
        ):
            change = float(np.mean([changed[kind][key] - unchanged[kind][key] for changed, unchanged in pairs]))
            cells.append(form.format(100 * change if key == "accuracy" else change))
        mark = " †" if any(("made_by" in changed) != ("made_by" in unchanged) for changed, unchanged in pairs) else ""
        lines.append(f"| {row}{mark} | " + " | ".join([*cells, str(len(pairs))]) + " |")
    if not lines:
        return []
    return [
        "",
        "What a change is worth, beside the contender without it on the same seeds: points of accuracy, and NLL. †: "
        "one of the two is of an earlier version of the code.",
        "",
        "| contender | windows | clips | NLL (window) | seeds |",
        "| --- | --- | --- | --- | --- |",
        *lines,
    ]


def _averaging(rows: dict[str, Any]) -> list[str]:
    lines = [
        "",
        "If the latest windows of a clip answered together, by their mean (one comes every 0.2 s): how often they are "
        "right.",
        "",
        "| contender | "
        + " | ".join(f"{num} windows" if num > 1 else "1 window" for num in clip_answers.SMOOTHING_WINDOWS)
        + " |",
        "| --- " * (len(clip_answers.SMOOTHING_WINDOWS) + 1) + "|",
    ]
    for row, one in rows.items():
        of_seeds = [seed["averaged"] for seed in one["seeds"] if "averaged" in seed]
        if of_seeds:  # earlier versions did not note it
            means = _mean(of_seeds, map(str, clip_answers.SMOOTHING_WINDOWS))
            lines.append(f"| {row} | " + " | ".join(f"{mean:.1%}" for mean in means.values()) + " |")
    return lines


def _called(row: str, of_seeds: Sequence[dict[str, Any]]) -> list[str]:
    """What clips were called, of contenders that were probed: those that matter."""
    of_seeds = [one for one in of_seeds if "called" in one and "probes" in one]
    if not of_seeds:
        return []
    lines = ["", f"What clips were called by **{row}** ({_seeds(of_seeds)}):", "", "| exercise | right | called |"]
    lines.append("| --- | --- | --- |")
    for label in of_seeds[0]["called"]:
        counts: collections.Counter[str] = collections.Counter()
        for one in of_seeds:
            counts.update(one["called"][label])
        wrong = [f"{answer or 'no answer'} {num}" for answer, num in counts.most_common() if answer != label]
        lines.append(f"| {label} | {counts[label]} of {counts.total()} | {', '.join(wrong)} |")
    return lines


def _probes(row: str, of_seeds: Sequence[dict[str, Any]]) -> list[str]:
    found = [one["probes"] for one in of_seeds if "probes" in one]
    if not found:
        return []
    lines = [
        "",
        f"**{row}** ({_seeds(found)}), tested on landmarks that were changed as live may meet them; only those of "
        "clips that were filmed otherwise (`filmed`) were estimated anew. Hidden parts are where an estimator may "
        "guess them, as in `augmentation.hidden_probability`, which the contender may have been trained with; sources "
        "of 60 frames a second are interpolated from 30.",
        "",
        "| clips | window accuracy | clip accuracy |",
        "| --- | --- | --- |",
    ]
    for name, of in _by_probe(found, "degraded"):
        mean = _mean(of, ("window_accuracy", "clip_accuracy"))
        lines.append(f"| {_of(name, of, found)} | {mean['window_accuracy']:.1%} | {mean['clip_accuracy']:.1%} |")
    if not _by_probe(found, "unknown"):
        return lines
    lines += [
        "",
        "And on people who do none of the exercises. Score: the evidence for any exercise (`known_class_score` in "
        "model/benchmark/unknown_exercises.py). Called an exercise: windows whose likeliest class is one, which is "
        "what live says. Rests are those that the rule of `model/standing_still.py` finds, by which rests are also "
        "taught.",
        "",
        "| who | windows | clips | AUROC | false accepts at 95 % recall | called an exercise |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, of in _by_probe(found, "unknown"):
        first = of[0]
        mean = _mean(of, ("auroc", "false_accept_rate_at_95_recall", "called_an_exercise"))
        lines.append(
            f"| {_of(name, of, found)} | {first['num_windows']} | {first['num_clips']} | {mean['auroc']:.3f} | "
            f"{mean['false_accept_rate_at_95_recall']:.1%} | {mean['called_an_exercise']:.1%} |"
        )
    return [*lines, *_min_probability([one["min_probability"] for one in found if "min_probability" in one])]


def _min_probability(found: Sequence[dict[str, dict[str, float]]]) -> list[str]:
    """What live's --min_probability does."""
    if not found:
        return []
    others = [name for name in found[0]["0.0"] if name not in ("named", "right")]
    lines = [
        "",
        f"If an exercise is named only from a probability on (live's `--min_probability`; {_seeds(found)}): in how "
        "many windows of people who exercise one is named, how often it is theirs, and in how many of the others' one "
        "is.",
        "",
        "| from | named | of these right | " + " | ".join(others) + " |",
        "| --- " * (3 + len(others)) + "|",
    ]
    for least in found[0]:
        of = [one[least] for one in found]
        means = _mean(of, ("named", *others))
        # Of a seed that names none, none is right or wrong.
        right = [one["right"] for one in of if one["right"] is not None]
        cells = [means.pop("named"), float(np.mean(right)) if right else None, *means.values()]
        shown = ("–" if value is None else f"{value:.1%}" for value in cells)
        lines.append(f"| {float(least):.1f} | " + " | ".join(shown) + " |")
    return lines


def _by_probe(found: Sequence[dict[str, Any]], kind: str) -> list[tuple[str, list[dict[str, float]]]]:
    """The figures of each probe over the seeds that have it: later versions ask more."""
    names = {name: None for one in found for name in one[kind]}
    return [(name, [one[kind][name] for one in found if name in one[kind]]) for name in names]


def _of(name: str, of: Sequence[Any], found: Sequence[Any]) -> str:
    return name if len(of) == len(found) else f"{name} ({_seeds(of)})"


def _mean(of_seeds: Sequence[dict[str, Any]], keys: Iterable[str]) -> dict[str, float]:
    return {key: float(np.mean([one[key] for one in of_seeds])) for key in keys}


def _seeds(of_seeds: Sequence[Any]) -> str:
    return f"{len(of_seeds)} seed{'' if len(of_seeds) == 1 else 's'}"
