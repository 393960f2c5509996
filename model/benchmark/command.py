"""python -m model benchmark: experiments on the same folds, split by group and, to show data leakage, at random."""

import argparse
import collections
import concurrent.futures
import multiprocessing
import os
from collections.abc import Mapping, Sequence

import numpy as np

from beam_jobs import progress
from beam_jobs.child_processes import exit_with_parent
from beam_jobs.errors import UserError
from model import dataset
from model.benchmark import cross_validation, fits, results
from model.benchmark.experiments import EXPERIMENTS, Experiment
from model.benchmark.fits import Fit
from model.benchmark.inputs import BenchmarkData, BenchmarkInputs
from model.benchmark.run_fit import run_fit

# Of --tables_30hz: other cameras' frame rates are taken from these.
HIGH_RATE_HZ = 30.0
# In a worker process: what the tables hold.
_worker_data: BenchmarkData | None = None


def run(args: argparse.Namespace) -> None:
    """Does the fits that are missing, and writes results.json and results.md."""
    inputs = BenchmarkInputs(
        tables=args.tables,
        fits_dir=args.fits_dir,
        num_folds=args.folds,
        min_clips=args.min_clips,
        athletes=args.athletes or "",
        synthetic_tables=args.synthetic_tables or "",
        extra_tables=tuple(args.extra_tables),
        tables_30hz=args.tables_30hz or "",
        variants=tuple(args.variant.items()),
        rename_labels=tuple(args.rename_labels.items()),
    )
    experiments = {name: EXPERIMENTS[name] for name in args.experiments}
    _check_rates(inputs)
    data = BenchmarkData(inputs)
    _check_clips(inputs, data.clips)
    # What does not fit together is refused before hours of fits, not after them.
    previous = results.load_previous(data, args.output, experiments, args.if_settings_differ)
    if "group" not in args.splits:
        _check_grouped_split(args.output, experiments, previous)
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    todo = fits.list_fits(experiments, args.splits, seeds, args.folds)
    missing = [fit for fit in todo if not os.path.exists(os.path.join(inputs.fits_dir, fit.file))]
    for fit in todo:
        if fit not in missing:
            experiment = experiments[fit.experiment]
            tests_robustness = experiment.test == "robustness" and fit.split == "group"
            (fits.load_robustness_fit if tests_robustness else fits.load_fit)(data, experiment, fit)
    _run_fits(inputs, experiments, missing, len(todo), args.num_workers)
    results.write(data, args.output, experiments, args.splits, seeds, args.if_settings_differ)


def _check_rates(inputs: BenchmarkInputs) -> None:
    rate_hz = dataset.fingerprint(inputs.tables).get("frame_rate_hz")
    for flag, path in (
        ("--athletes", inputs.athletes),
        ("--synthetic_tables", inputs.synthetic_tables),
        *(("--extra_tables", path) for path in inputs.extra_tables),
        *((f"--variant {name}", path) for name, path in inputs.variants),
    ):
        if path and (other := dataset.fingerprint(path).get("frame_rate_hz")) != rate_hz:
            raise UserError(
                f"{flag} {path} was sampled at {other} Hz, {inputs.tables} at {rate_hz} Hz; expected the same, as "
                "windows are of 34 rows. Extract it at that --frame_rate_hz."
            )
    path = inputs.tables_30hz
    if path and (other := dataset.fingerprint(path).get("frame_rate_hz")) != HIGH_RATE_HZ:
        raise UserError(
            f"--tables_30hz {path} was sampled at {other} Hz; expected {HIGH_RATE_HZ:g}. Extract the clips again with "
            f"--frame_rate_hz {HIGH_RATE_HZ:g}."
        )


def _check_clips(inputs: BenchmarkInputs, clips: cross_validation.LabelledWindows) -> None:
    """Refuses clips that cannot be split into so many folds, and variants of other clips."""
    video_ids = {clip.video_id for clip in clips.data.clips}
    for name, path in inputs.variants:
        if unknown := dataset.video_ids(path) - video_ids:
            raise UserError(
                f"--variant {name} {path} has {len(unknown)} clips that {inputs.tables} lacks (such as "
                f"'{min(unknown)}'); expected the same clips under the same file names."
            )
    if len(clips.labels) < 2:
        raise UserError(
            f"{inputs.tables} has {len(clips.labels)} classes with {inputs.min_clips} clips or more; expected two or "
            "more. Give more clips, or lower --min_clips."
        )
    usable = [clips.data.clips[index] for index in np.unique(clips.data.clip[clips.truth >= 0])]
    num_groups = len({clip.group for clip in usable})
    most_clips = collections.Counter(clip.label for clip in usable).most_common(1)[0][1]
    if min(num_groups, most_clips) < inputs.num_folds:
        raise UserError(
            f"{inputs.tables} has {num_groups} groups, and no class of more than {most_clips} clips; expected as many "
            f"as the {inputs.num_folds} folds. Lower --folds."
        )


def _check_grouped_split(output: str, experiments: Mapping[str, Experiment], previous: dict) -> None:
    """Refuses random splits alone where there are no figures by group to show beside them: they leak data."""
    for name, experiment in experiments.items():
        if experiment.has_random_split and name not in previous["grouped_split"]:
            raise UserError(
                f"--splits random: {output} has no figures of '{name}' by group; expected those, as random is shown "
                "beside them. Name group, too."
            )


def _run_fits(
    inputs: BenchmarkInputs,
    experiments: Mapping[str, Experiment],
    missing: Sequence[Fit],
    num_fits: int,
    num_workers: int,
) -> None:
    with (
        concurrent.futures.ProcessPoolExecutor(
            num_workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(inputs,),
        ) as pool,
        progress.bar(num_fits, "fits", done=num_fits - len(missing)) as bar,
    ):
        futures = [pool.submit(_run_in_worker, experiments[fit.experiment], fit) for fit in missing]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
                bar.update()
        except concurrent.futures.process.BrokenProcessPool:
            raise UserError(
                "A process died, perhaps of too little memory. Finished fits are kept: run the same command again, "
                "with fewer --num_workers."
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            # A fit takes minutes: do not wait for those that are running.
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _start_worker(inputs: BenchmarkInputs) -> None:
    global _worker_data
    exit_with_parent()
    _worker_data = BenchmarkData(inputs)
    # As many fits at once as there are cores are quicker than one after another on all cores.
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _run_in_worker(experiment: Experiment, fit: Fit) -> None:
    assert _worker_data is not None
    run_fit(_worker_data, experiment, fit)
