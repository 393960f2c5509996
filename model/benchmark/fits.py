"""The benchmark's work in pieces: one contender, split, seed and fold each, kept as a file.

What is there is not done again, so that a benchmark that was stopped goes on.
"""

import dataclasses
import functools
import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from beam_jobs import storage
from beam_jobs.errors import UserError
from beam_jobs.labels import NO_EXERCISE
from model import config, dataset, standing_still
from model.benchmark import cross_validation, experiments
from model.benchmark.experiments import Contender

# Raised where a change of this project's code changes what comes of a fit: earlier pieces and figures are others, then.
VERSION = 3


@dataclasses.dataclass(frozen=True)
class Fit:
    """One fit."""

    row: str
    split: str
    seed: int
    fold: int

    @property
    def file(self) -> str:
        """The file's name below the folder of pieces."""
        return os.path.join(self.row, f"{self.split}_{self.seed}_{self.fold}.npz")


@dataclasses.dataclass(frozen=True)
class BenchmarkInputs:
    """What a worker needs to do any piece.

    Attributes:
      tables: of the clips; the features job's output.
      athletes: of drawn athletes, likewise. Those of their test splits are trained on by nobody.
      native: of the same clips, extracted at 30 Hz; "" for none.
      min_clips: a class needs so many clips.
      num_folds: of each seed.
      work: where pieces are kept.
      filmed: pairs of a name and tables of the same clips filmed otherwise, mirrored or cropped say, which contenders
        that are probed are asked about, too.
      people: tables of further clips of real people, of whom nobody is tested.
      rename: pairs of a label in any of these tables and what it is to be called.
    """

    tables: str
    athletes: tuple[str, ...]
    native: str
    min_clips: int
    num_folds: int
    fits_dir: str
    people: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()
    filmed: tuple[tuple[str, str], ...] = ()


def clips(plan: BenchmarkInputs, kind: str = "") -> cross_validation.LabelledWindows:
    """What is cross-validated, in world landmarks or in one of `coordinates.KINDS`: the same windows."""
    return _clips(plan, kind)


@functools.lru_cache(maxsize=2)
def _clips(plan: BenchmarkInputs, kind: str) -> cross_validation.LabelledWindows:
    if kind:
        from model.benchmark import coordinates

        return coordinates.convert_coordinates(clips(plan), kind, plan.tables)
    return cross_validation.load(plan.tables, config.Config(), plan.min_clips, rename=dict(plan.rename))


@functools.lru_cache(maxsize=2)
def _athletes(plan: BenchmarkInputs, labels: tuple[str, ...]) -> tuple[cross_validation.LabelledWindows, ...]:
    if not plan.athletes:
        raise UserError("this contender learns from drawn athletes; expected their tables as --athletes.")
    return tuple(
        cross_validation.load(
            path, config.Config(), labels=labels, splits=("train", "validation"), rename=dict(plan.rename)
        )
        for path in plan.athletes
    )


@functools.lru_cache(maxsize=2)
def _people(plan: BenchmarkInputs, labels: tuple[str, ...]) -> tuple[cross_validation.LabelledWindows, ...]:
    if not plan.people:
        raise UserError("this contender learns from further clips; expected their tables as --people.")
    found = tuple(
        cross_validation.load(path, config.Config(), labels=labels, rename=dict(plan.rename)) for path in plan.people
    )
    for path, one in zip(plan.people, found, strict=True):
        if shared := sorted(one.data.groups() & clips(plan).data.groups()):
            raise UserError(
                f"--people {path} has {len(shared)} groups of {plan.tables} (such as '{shared[0]}'); expected other "
                "people: the same ones would be trained and tested on."
            )
    return found


@functools.lru_cache(maxsize=1)
def probe_sets(plan: BenchmarkInputs) -> dict[str, cross_validation.LabelledWindows]:
    """What probed contenders' fits are also asked about."""
    from model.benchmark import robustness

    found = clips(plan)
    native = cross_validation.load(plan.native, config.Config(), labels=found.labels) if plan.native else None
    idle = {}
    for name, path in zip(robustness.NO_EXERCISE_SETS, plan.athletes, strict=False):
        athletes = cross_validation.load(path, config.Config(), labels=(NO_EXERCISE,), splits=("test",))
        idle[name] = dataclasses.replace(cross_validation.only(athletes, NO_EXERCISE), labels=found.labels)
    rename = dict(plan.rename)
    filmed = {
        f"filmed {name}": cross_validation.load(path, config.Config(), labels=found.labels, rename=rename)
        for name, path in plan.filmed
    }
    return robustness.all_of(found, native, filmed, idle)


def settings_of(row: Contender, seed: int) -> config.Config:
    """A contender's configuration."""
    return config.from_dict(experiments.merged(row.changes, {"seed": seed}))


def run_fit(plan: BenchmarkInputs, piece: Fit) -> None:
    """Does one piece and keeps it."""
    _one_thread()
    row = experiments.ROWS[piece.row]
    found = clips(plan, row.coordinates)
    fold = cross_validation.folds(found, plan.num_folds, piece.seed, piece.split)
    if row.unknown and NO_EXERCISE not in found.labels:
        found = dataclasses.replace(found, labels=(*found.labels, NO_EXERCISE))
    tested = _tested(plan, piece, found)
    keep = training_windows(row, found, (fold >= 0) & (fold != piece.fold), piece.seed)
    left_out = left_out_classes(plan, piece, clips(plan).labels)
    fits = fit(plan, row, found, keep & ~np.isin(found.truth, left_out), piece.seed, left_out)
    kept: dict[str, Any] = {
        "made_by": made_by(plan, piece.row),
        "windows": tested,
        "logits": _mean_logits(fits, found, tested),
        "minutes": sum(one.minutes for one in fits),
    }
    if len(left_out):
        asked = np.flatnonzero(np.isin(found.truth, left_out))
        kept["left out/windows"], kept["left out/logits"] = asked, _mean_logits(fits, found, asked)
    if row.probed and piece.split == "group":
        from model.benchmark import robustness

        for name, probe in probe_sets(plan).items():
            chosen = robustness.windows_to_test(name, probe, found, fold, piece.fold)
            kept[f"{name}/windows"], kept[f"{name}/logits"] = chosen, _mean_logits(fits, probe, chosen)
    file = os.path.join(plan.fits_dir, piece.file)
    with storage.atomic_file(file) as path, open(path, "wb") as opened:
        np.savez_compressed(opened, **kept)


# Once for all pieces: a table's files are many, and may be far away.
_contents = functools.lru_cache(dataset.contents)


def made_by(plan: BenchmarkInputs, name: str) -> str:
    """What a fit depends on beside its fold: the contender's recipe, the tables, the athletes, further people."""
    row = experiments.ROWS[name]
    recipe = dataclasses.asdict(row)
    # How it is called, and what it is asked beside, change no fit.
    del recipe["about"], recipe["probed"]
    everything = {
        "version": VERSION,
        "row": recipe,
        "config": config.to_dict(settings_of(row, 0)) if not row.rival else None,
        "first": experiments.ATHLETES_FIRST if row.athletes in ("alone", "pretrain") else None,
        "tables": _contents(plan.tables),
        "labels": clips(plan).labels,
        "rename": plan.rename,
        "athletes": [*map(_contents, plan.athletes)] if row.athletes != "none" else None,
        "people": [*map(_contents, plan.people)] if row.people else None,
    }
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


def _tested(plan: BenchmarkInputs, piece: Fit, found: cross_validation.LabelledWindows) -> np.ndarray:
    """The windows that a piece answers."""
    fold = cross_validation.folds(found, plan.num_folds, piece.seed, piece.split)
    # Who learns from athletes alone has seen none of the clips: one fit answers all of them.
    alone = experiments.ROWS[piece.row].athletes == "alone"
    left_out = left_out_classes(plan, piece, clips(plan).labels)
    return np.flatnonzero((fold >= 0 if alone else fold == piece.fold) & ~np.isin(found.truth, left_out))


def left_out_classes(plan: BenchmarkInputs, piece: Fit, labels: Sequence[str]) -> np.ndarray:
    """The classes that a piece's fits never see: by turns all of them, where the contender leaves some out."""
    if not experiments.ROWS[piece.row].left_out:
        return np.zeros(0, int)
    exercises = [index for index, label in enumerate(labels) if label != NO_EXERCISE]
    return np.array(exercises[piece.fold :: plan.num_folds])


def training_windows(
    row: Contender, found: cross_validation.LabelledWindows, keep: np.ndarray, seed: int
) -> np.ndarray:
    """Those of some windows that a contender trains on, who may see fewer people, or not every window; bool (N,)."""
    if row.stride > 1:
        # Its place in its clip: windows are in order.
        first = np.searchsorted(found.data.clip, found.data.clip)
        keep = keep & ((np.arange(len(keep)) - first) % row.stride == 0)
    if row.group_share < 1:
        groups = np.array([clip.group for clip in found.data.clips])[found.data.clip]
        chosen = np.zeros_like(keep)
        rng = np.random.default_rng(seed)
        for number in range(len(found.labels)):
            own = keep & (found.truth == number)
            people = rng.permutation(np.unique(groups[own]))
            chosen |= own & np.isin(groups, people[: max(1, round(row.group_share * len(people)))])
        keep = chosen
    return keep


def fit(
    plan: BenchmarkInputs,
    row: Contender,
    found: cross_validation.LabelledWindows,
    keep: np.ndarray,
    seed: int,
    left_out: Sequence[int] | np.ndarray = (),
) -> list[cross_validation.FittedModel]:
    """Fits a contender to some of the clips' windows, and to none of the classes `left_out`."""

    def without(sets: tuple[cross_validation.LabelledWindows, ...]) -> list[cross_validation.LabelledWindows]:
        return [dataclasses.replace(one, truth=np.where(np.isin(one.truth, left_out), -1, one.truth)) for one in sets]

    others = without(_athletes(plan, found.labels)) if row.athletes != "none" else []
    own = without(_people(plan, found.labels)) if row.people else []
    if row.unknown and settings_of(row, seed).training.rests_as_none:
        found, *own = (
            dataclasses.replace(
                one, truth=standing_still.as_none(one.truth, one.labels, one.landmarks, one.data.positions)
            )
            for one in (found, *own)
        )
    if row.rival:
        return [_fit_rival(row.rival, cross_validation.training_clips(found, keep, own=own), seed)]
    fits = []
    for number in range(row.num_networks):
        settings = settings_of(row, seed + 1000 * number)
        start, minutes = None, 0.0
        if row.athletes in ("alone", "pretrain"):
            # Standardised by the clips alone where these are to follow.
            nobody = np.zeros_like(keep)
            standard = cross_validation.training_clips(found, keep).standard if row.athletes == "pretrain" else None
            alone = config.from_dict(experiments.ATHLETES_FIRST, settings)
            first = cross_validation.fit_network(
                cross_validation.training_clips(found, nobody, others, standard), alone
            )
            if row.athletes == "alone":
                fits.append(first)
                continue
            start, minutes = first.weights, first.minutes
        mixed = others if row.athletes == "mixed" else ()
        last = cross_validation.fit_network(
            cross_validation.training_clips(found, keep, mixed, own=own), settings, start
        )
        fits.append(dataclasses.replace(last, minutes=minutes + last.minutes))
    return fits


def _fit_rival(name: str, train: cross_validation.FoldTrainingData, seed: int) -> cross_validation.FittedModel:
    from model.benchmark import baselines

    started = time.monotonic()
    rival = baselines.RIVALS[name](seed)
    counts = np.bincount(train.data.clip, minlength=len(train.data.clips))
    per_class = np.bincount(train.truth, weights=1 / counts[train.data.clip], minlength=len(train.labels))
    # Every class weighs the same, and in it every clip.
    weights = 1 / counts[train.data.clip] / per_class[train.truth]
    rival.fit(train.data.features(), train.truth, weights / weights.mean(), len(train.labels))
    minutes = (time.monotonic() - started) / 60
    return cross_validation.FittedModel(lambda windows: np.log(rival.probabilities(windows)), train.standard, minutes)


def _mean_logits(
    fits: list[cross_validation.FittedModel], found: cross_validation.LabelledWindows, windows: np.ndarray
) -> np.ndarray:
    return np.mean([cross_validation.answers(one, found, windows) for one in fits], axis=0)


def _one_thread() -> None:
    """As many fits at once as there are cores are quicker than one after another on all cores."""
    import tensorflow as tf

    if tf.config.threading.get_intra_op_parallelism_threads() != 1:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def list_fits(rows: Iterable[str], splits: Iterable[str], seeds: Iterable[int], num_folds: int) -> list[Fit]:
    """Every piece, the first seed of all rows before the second."""
    splits, rows = list(splits), list(rows)
    return [
        Fit(row, split, seed, fold)
        for seed in seeds
        for split in splits
        for row in rows
        for fold in range(num_folds_of(row, num_folds))
        if not (split == "random" and (seed or has_no_twin(experiments.ROWS[row])))
    ]


def has_no_twin(row: Contender) -> bool:
    """Whether it makes no difference to a contender, or to its figures, how windows are split."""
    return row.athletes == "alone" or row.left_out


def num_folds_of(row: str, num_folds: int) -> int:
    """How many fits a seed of a contender is."""
    return 1 if experiments.ROWS[row].athletes == "alone" else num_folds


def load_fit(plan: BenchmarkInputs, found: cross_validation.LabelledWindows, piece: Fit) -> dict[str, np.ndarray]:
    """A piece's logits and which windows they are of.

    Raises:
      FileNotFoundError: if it was not done.
      UserError: if it is of other tables, classes, folds or settings.
    """
    file = os.path.join(plan.fits_dir, piece.file)
    with np.load(file) as kept:
        arrays = {name: kept[name] for name in ("made_by", "windows", "logits", "minutes")}
    ours = str(arrays["made_by"]) == made_by(plan, piece.row)
    if not ours or not np.array_equal(arrays["windows"], _tested(plan, piece, found)):
        raise UserError(
            f"{file} is of other tables, classes (--min_clips), --folds, athletes or settings; expected a piece of "
            "this benchmark. Choose another --work, or remove that folder."
        )
    return arrays


def check_probes(plan: BenchmarkInputs, piece: Fit) -> None:
    """Refuses a probed contender's piece that was not asked what is asked now: its fits are gone.

    Raises:
      UserError: if so.
    """
    from model.benchmark import robustness

    found = clips(plan)
    fold = cross_validation.folds(found, plan.num_folds, piece.seed, piece.split)
    file = os.path.join(plan.fits_dir, piece.file)
    with np.load(file) as kept:
        for name, probe in probe_sets(plan).items():
            chosen = robustness.windows_to_test(name, probe, found, fold, piece.fold)
            if f"{name}/windows" not in kept or not np.array_equal(kept[f"{name}/windows"], chosen):
                raise UserError(
                    f"{file} was not asked about '{name}', or about other windows of it; expected an answer to each of "
                    f"the {len(chosen)}. Choose another --work, remove that file, or leave its table out."
                )


def load_logits(
    plan: BenchmarkInputs, found: cross_validation.LabelledWindows, row: str, split: str, seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """A contender's logits of all windows (NaN where not tested), the fold of each, and the minutes of all folds.

    Raises:
      FileNotFoundError: if a piece was not done.
      UserError: if a piece is of other tables, classes, folds or settings.
    """
    logits, fold, minutes = None, np.full(len(found.truth), -1), 0.0
    for number in range(num_folds_of(row, plan.num_folds)):
        piece = Fit(row, split, seed, number)
        kept = load_fit(plan, found, piece)
        if logits is None:
            logits = np.full((len(found.truth), kept["logits"].shape[1]), np.nan, np.float32)
        logits[kept["windows"]] = kept["logits"]
        fold[kept["windows"]] = number
        minutes += float(kept["minutes"])
    assert logits is not None
    return logits, fold, minutes
