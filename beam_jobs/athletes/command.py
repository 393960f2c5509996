"""Drawn athletes: people who exercise, as .mp4 files with labels.csv, so that everything else has data to run on.

Everything about a clip follows from the seed and the clip's number: `clip_plan.assign_clips` plans the clips,
`scene.Scene` says how one clip looks, `run` draws all of them.
"""

import concurrent.futures
import concurrent.futures.process
import csv
import io
import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Sequence

import cv2

from beam_jobs import beam_options, progress, storage
from beam_jobs.athletes.catalog import DEFAULT_EXERCISES, LABELS
from beam_jobs.athletes.clip import Clip
from beam_jobs.athletes.clip_plan import DRAWING_VERSION, PARAMETERS_FILE, assign_clips, read_parameters
from beam_jobs.athletes.scene import Scene
from beam_jobs.child_processes import start_opencv_worker
from beam_jobs.errors import UsageError, UserError
from beam_jobs.options import AthletesArgs

LABELS_FILE = "labels.csv"


def write_clip(clip: Clip, output: str, duration_s: float | None = None) -> None:
    """Draws a clip into `<output>/<clip.video>`, whole or not at all."""
    scene = Scene(clip, duration_s)
    with tempfile.TemporaryDirectory() as folder:
        # OpenCV takes the container from the name.
        path = os.path.join(folder, "clip.mp4")
        writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), scene.frame_rate_hz, scene.size)
        if not writer.isOpened():
            raise UserError(
                "OpenCV cannot write .mp4 files here (codec mp4v). Install the opencv-contrib-python wheel."
            )
        num_frames = 0
        for image in scene.frames():
            writer.write(image)
            num_frames += 1
        writer.release()
        # OpenCV says nothing of what it could not write.
        written = cv2.VideoCapture(path)
        if round(written.get(cv2.CAP_PROP_FRAME_COUNT)) != num_frames:
            raise UserError(f"{clip.video} could not be written in {folder}. Is that disk full? Set TMPDIR to another.")
        written.release()
        with storage.atomic_file(storage.join(output, clip.video)) as whole:
            shutil.copyfile(path, whole)


def _labels(clips: Sequence[Clip]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["video", "label", "group", "split"])
    writer.writerows([clip.video, clip.label, clip.group, clip.split] for clip in clips)
    return text.getvalue()


def run(args: AthletesArgs, beam_args: list[str]) -> int:
    """Draws the clips, then labels.csv. Finished ones are kept, so that a run that was killed is simply started again.

    Args:
      args: the flags.
      beam_args: must be empty: this is no Beam pipeline.

    Raises:
      UsageError: if the flags do not fit, or the folder holds clips of other parameters.
    """
    if beam_args:
        raise UsageError(f"athletes does not know {' '.join(beam_args)}; see python -m beam_jobs athletes --help.")
    names: tuple[str, ...] = DEFAULT_EXERCISES
    if args.exercises == "all":
        names = LABELS
    elif args.exercises is not None:
        names = tuple(name.strip() for name in args.exercises.split(",") if name.strip())
    clips = assign_clips(args.seed, args.num_clips, names, args.variety)
    parameters = {
        "drawing_version": DRAWING_VERSION,
        "seed": args.seed,
        "num_clips": args.num_clips,
        "exercises": list(names),
        "variety": args.variety,
    }
    noted = storage.join(args.output, PARAMETERS_FILE)
    if storage.exists(noted):
        found = read_parameters(storage.read_text(noted))
        if found != parameters:
            raise UsageError(
                f"--output {args.output} holds clips drawn with {json.dumps(found)}; these would be drawn with "
                f"{json.dumps(parameters)}. Name another folder, or remove that one."
            )
    else:
        storage.write_text(noted, json.dumps(parameters, indent=1) + "\n")
    missing = [clip for clip in clips if not storage.exists(storage.join(args.output, clip.video))]
    workers = max(1, min(args.num_workers or beam_options.num_cores(), len(missing)))
    context = multiprocessing.get_context("spawn")
    with (
        concurrent.futures.ProcessPoolExecutor(workers, mp_context=context, initializer=start_opencv_worker) as pool,
        progress.bar(len(clips), "clips", len(clips) - len(missing)) as bar,
    ):
        drawn = [pool.submit(write_clip, clip, args.output) for clip in missing]
        try:
            for future in concurrent.futures.as_completed(drawn):
                future.result()
                bar.update()
        except concurrent.futures.process.BrokenProcessPool:
            raise UserError(
                "A drawing process died (out of memory?). Finished clips are kept: run the same command again, with "
                "fewer --num_workers if need be."
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    storage.write_text(storage.join(args.output, LABELS_FILE), _labels(clips))
    people = {clip.group for clip in clips}
    print(f"{len(clips)} clips of {len(people)} people, {len(names)} exercises: {args.output}")
    return 0
