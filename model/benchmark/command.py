"""python -m model benchmark: contenders on the same folds, by group and, to show the leak, at random.

Each contender's row is repeated by its name; what was done already (see `pieces`) is not done again.
"""

import argparse
import collections
import concurrent.futures
import multiprocessing
import os
import sys

import numpy as np
from tqdm import tqdm

from beam_jobs.child_processes import exit_with_parent
from beam_jobs.errors import UserError
from model import dataset
from model.benchmark import cross_validation, experiments, fits, results

# At which clips are sampled to see them as cameras of other rates would have.
NATIVE_RATE_HZ = 30.0


def _check(plan: fits.BenchmarkInputs) -> None:
    """Refuses tables that do not go together or cannot be split into so many folds, before a fit is begun."""
    rate_hz = dataset.fingerprint(plan.tables).get("frame_rate_hz")
    for flag, path in (
        *(("--athletes", path) for path in plan.athletes),
        *(("--people", path) for path in plan.people),
        *((f"--filmed {name}", path) for name, path in plan.filmed),
    ):
        if (theirs := dataset.fingerprint(path).get("frame_rate_hz")) != rate_hz:
            raise UserError(
                f"{flag} {path} was sampled at {theirs} Hz, {plan.tables} at {rate_hz} Hz; expected the same, for "
                "windows are of 34 rows. Extract it at that --frame_rate_hz."
            )
    if plan.native and (theirs := dataset.fingerprint(plan.native).get("frame_rate_hz")) != NATIVE_RATE_HZ:
        raise UserError(
            f"--native {plan.native} was sampled at {theirs} Hz; expected {NATIVE_RATE_HZ:g}. Extract the clips anew "
            f"with --frame_rate_hz {NATIVE_RATE_HZ:g}."
        )
    found = fits.clips(plan)
    _check_filmed(plan, found)
    if len(found.labels) < 2:
        raise UserError(
            f"{plan.tables} has {len(found.labels)} classes with {plan.min_clips} clips or more; expected two or more "
            "to tell apart. Give more clips, or lower --min_clips."
        )
    usable = [found.data.clips[index] for index in np.unique(found.data.clip[found.truth >= 0])]
    num_groups = len({clip.group for clip in usable})
    most_clips = collections.Counter(clip.label for clip in usable).most_common(1)[0][1]
    if min(num_groups, most_clips) < plan.num_folds:
        raise UserError(
            f"{plan.tables} has {num_groups} groups, and no class of more than {most_clips} clips; expected as many as "
            f"the {plan.num_folds} folds. Lower --folds."
        )


def _check_filmed(plan: fits.BenchmarkInputs, found: cross_validation.LabelledWindows) -> None:
    """Refuses tables of other clips than these."""
    ours = {clip.video_id for clip in found.data.clips}
    for name, path in plan.filmed:
        theirs = dataset.video_ids(path)
        if not theirs <= ours:
            raise UserError(
                f"--filmed {name} {path} has {len(theirs - ours)} clips that {plan.tables} has not (such as "
                f"'{min(theirs - ours)}'); expected the same clips under the same file names."
            )


def _check_twins(args: argparse.Namespace, by_group: dict) -> None:
    """Refuses random splits, which flatter, where there are no figures that they would stand beside."""
    alone = [row for row in args.rows if row not in by_group and not fits.has_no_twin(experiments.ROWS[row])]
    if "group" not in args.splits and alone:
        raise UserError(
            f"--splits random: {args.output} has no figures of '{alone[0]}' by group; expected those, as random is "
            "shown beside them. Name group, too."
        )


def run(args: argparse.Namespace) -> None:
    """Does what is missing, and writes results.json and results.md."""
    plan = fits.BenchmarkInputs(
        args.tables,
        tuple(args.athletes),
        args.native or "",
        args.min_clips,
        args.folds,
        args.work,
        tuple(args.people),
        tuple(args.rename.items()),
        tuple(args.filmed.items()),
    )
    _check(plan)
    # Before an hour of fits, rather than after it: what does not go together.
    others = "replace" if args.replace else "join" if args.join else "refuse"
    before = results.load_previous(plan, args.output, args.rows, others)
    _check_twins(args, before["rows"].get("group", {}))
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    todo = fits.list_fits(args.rows, args.splits, seeds, args.folds)
    missing = [piece for piece in todo if not os.path.exists(os.path.join(plan.fits_dir, piece.file))]
    for piece in todo:
        if piece not in missing:
            fits.load_fit(plan, fits.clips(plan), piece)
            if experiments.ROWS[piece.row].probed and piece.split == "group":
                fits.check_probes(plan, piece)
    context = multiprocessing.get_context("spawn")
    with (
        concurrent.futures.ProcessPoolExecutor(
            args.processes, mp_context=context, initializer=exit_with_parent
        ) as pool,
        tqdm(
            total=len(todo),
            initial=len(todo) - len(missing),
            unit=" fits",
            mininterval=0.5 if sys.stderr.isatty() else 15,
        ) as bar,
    ):
        futures = [pool.submit(fits.run_fit, plan, piece) for piece in missing]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
                bar.update()
        except concurrent.futures.process.BrokenProcessPool:
            raise UserError(
                "A process died, of too little memory perhaps. What was finished is kept: run the same command again, "
                "with fewer --processes."
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            # A fit takes minutes; nobody who stops waits for those under way.
            for process in multiprocessing.active_children():
                process.terminate()
            raise
    results.write(plan, args.output, args.rows, args.splits, seeds, others)
