"""python -m model synthesize: landmarks of athletes who were never drawn, as the pose model would see them.

Drawn athletes' clips whose landmarks were extracted teach what the pose model makes of a body; then thousands of others
are moved, and their landmarks written as `extract` would have, in a thirtieth of the time.
"""

import argparse
import concurrent.futures
import contextlib
import functools
import json
import multiprocessing
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_jobs import child_processes, labels, landmark_table, landmarks, progress, storage, tables
from beam_jobs.athletes import clip_plan, true_landmarks
from beam_jobs.athletes.clip import Clip
from beam_jobs.errors import UserError
from beam_jobs.labels import Video
from model.synthesis import pose_error_model

# In the files' metadata: these landmarks are of no picture.
_MARK = "synthesized"
# People who are not learned from are never seen by anything.
_LEARNT_FROM = ("train", "validation")


def read_pairs(athletes: str, tables_path: str) -> tuple[list[pose_error_model.PosePair], dict]:
    """Drawn clips' true landmarks with what was seen of them; and the parameters that they were drawn with.

    Args:
      athletes: the output folder of `python -m beam_jobs athletes`.
      tables_path: of the same clips; the output of `extract`.

    Raises:
      UserError: if the folder is none of drawn athletes or one of another version, or the tables are of other clips.
    """
    noted = storage.join(athletes, clip_plan.PARAMETERS_FILE)
    if not storage.exists(noted):
        raise UserError(
            f"{athletes} has no {clip_plan.PARAMETERS_FILE}; expected the output of python -m beam_jobs athletes."
        )
    parameters = clip_plan.read_parameters(storage.read_text(noted))
    if parameters.get("drawing_version") != clip_plan.DRAWING_VERSION:
        raise UserError(
            f"{athletes} was drawn by another version, whose athletes move in other ways than today's; expected clips "
            "of this version. Draw them again by python -m beam_jobs athletes, and extract their landmarks."
        )
    clips = clip_plan.assign_clips(
        parameters["seed"], parameters["num_clips"], parameters["exercises"], parameters["variety"]
    )
    rate_hz = _rate_hz(tables_path)
    columns = tables.landmark_columns("world")
    wanted = [clip for clip in clips if clip.split in _LEARNT_FROM]
    read = storage.read_table(
        tables_path,
        tables.LANDMARKS,
        ["video_id", "frame_id", *columns],
        filter=pc.field("video_id").isin([clip.video for clip in wanted]),
    ).combine_chunks()
    videos = np.asarray(read["video_id"].to_pylist(), object)
    if missing := sorted({clip.video for clip in wanted} - set(videos)):
        raise UserError(
            f"{tables_path} has no landmarks of {len(missing)} clips of {athletes} (such as '{missing[0]}'); expected "
            f"the output of: python -m beam_jobs extract --videos {athletes} --output {tables_path}"
        )
    seen = np.stack([read[name].to_numpy() for name in columns], axis=1).reshape(-1, landmarks.NUM_LANDMARKS, 3)
    pairs = []
    with _pool(None) as pool:
        truths = pool.map(functools.partial(_true, rate_hz=rate_hz), wanted, chunksize=4)
        for clip, (true, _) in zip(wanted, truths, strict=True):
            rows = np.flatnonzero(videos == clip.video)
            moments = np.minimum(read["frame_id"].to_numpy()[rows], len(true) - 1)
            pairs.append(pose_error_model.PosePair(clip.label, true[moments], seen[rows]))
    return pairs, parameters


def _rate_hz(tables_path: str) -> float:
    return float(_fingerprint(tables_path)["frame_rate_hz"])


def _fingerprint(tables_path: str) -> dict:
    files = storage.table_files(tables_path, tables.LANDMARKS)
    if not files:
        raise UserError(f"{tables_path} has no landmarks; expected the output of python -m beam_jobs extract.")
    return storage.fingerprint(files[0])


def _true(clip: Clip, rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
    return true_landmarks.of_clip(clip, rate_hz)


@contextlib.contextmanager
def _pool(num_workers: int | None) -> Iterator[concurrent.futures.ProcessPoolExecutor]:
    """Processes that are not waited for after an error or Ctrl-C."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        num_workers, mp_context=context, initializer=child_processes.start_worker
    ) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def run(args: argparse.Namespace) -> dict:
    """Learns the pose model's errors, moves the athletes, and writes landmarks and quality, quality last.

    Args:
      args: athletes, tables, output: folders; num_clips, seed: of the synthetic athletes; num_workers.

    Returns:
      The number of clips and rows, and the errors of the pose model.

    Raises:
      UserError: as `read_pairs`; if the seed is that of the drawn athletes, so that both would be the same people;
        if there are too few drawn clips of an exercise.
    """
    for file in storage.table_files(args.output, tables.LANDMARKS)[:1]:
        if _MARK not in storage.read_metadata(file):
            raise UserError(
                f"--output: {args.output} holds landmarks of videos, which would be replaced; expected a folder that "
                "is new, or of an earlier run. Choose another one."
            )
    pairs, parameters = read_pairs(args.athletes, args.tables)
    if args.seed == parameters["seed"]:
        raise UserError(f"--seed {args.seed} is that of {args.athletes}: the same people; expected another one.")
    clips = clip_plan.assign_clips(args.seed, args.num_clips, parameters["exercises"], parameters["variety"])
    error_model = pose_error_model.PoseErrorModel(pairs, args.seed)
    if unknown := sorted({clip.label for clip in clips} - set(error_model.labels)):
        raise UserError(
            f"{args.athletes} has too few clips of {', '.join(unknown)} to learn from; expected some of each."
        )
    fingerprint = _fingerprint(args.tables)
    metadata = {tables.FINGERPRINT_KEY: json.dumps(fingerprint, sort_keys=True), _MARK: "true"}
    quality_file = storage.join(args.output, tables.QUALITY.name, "quality.parquet")
    # Readers find the clips through `quality`: a run that was stopped looks like none.
    storage.remove(quality_file)
    rate_hz = float(fingerprint["frame_rate_hz"])
    quality = []
    with _pool(args.num_workers) as pool:
        true = pool.map(functools.partial(_true, rate_hz=rate_hz), clips, chunksize=8)
        with progress.bar(len(clips), "clips") as bar:
            for clip, (world, image) in zip(clips, true, strict=True):
                seen = error_model.simulate(world, clip.label, np.random.default_rng([clip.seed, clip.index, 4]))
                quality.append(_write(args.output, clip, seen, image, rate_hz, metadata))
                bar.update()
    landmark_table.remove_other_landmarks(args.output, {row["landmarks_file"] for row in quality})
    storage.write_table(quality_file, tables.QUALITY, pa.Table.from_pylist(quality, tables.QUALITY.schema()), metadata)
    rows = sum(row["num_frames_sampled"] for row in quality)
    return {"num_clips": len(clips), "num_rows": rows, "errors": error_model.errors}


def _write(
    output: str, clip: Clip, world: np.ndarray, image: np.ndarray, rate_hz: float, metadata: dict[str, str]
) -> dict:
    """Writes one clip's landmarks; returns its row of the quality table."""
    # A name of its own: no file of pictures has it.
    video_id = f"{clip.label}/{clip.group}_{clip.index:05d}"
    known = labels.Labels(clip.label, clip.group, clip.split)
    detected = np.isfinite(world).all(axis=(1, 2))
    image = np.where(detected[:, None, None], image, np.nan).astype(np.float32)
    probabilities = np.where(detected[:, None, None], np.ones((len(world), len(landmarks.LANDMARK_NAMES), 2)), np.nan)
    frames = np.arange(len(world))
    times = np.rint(frames * 1000 / rate_hz).astype(np.int64)
    points = np.stack([world, image], axis=1)
    batch = landmark_table.landmark_batch(
        video_id, frames, times, points, probabilities.astype(np.float32), detected, known
    )
    with storage.table_writer(storage.landmarks_file(output, video_id), tables.LANDMARKS, metadata) as writer:
        writer.write_batch(batch)
    counts, gaps = (
        landmark_table.FrameCounts(len(frames), len(frames), int((~detected).sum())),
        landmark_table.LongestGap(),
    )
    gaps.add(batch)
    row = landmark_table.summary(Video(video_id, ""), known, counts, gaps, float(times[-1]), rate_hz)
    return row | {"fingerprint": metadata[tables.FINGERPRINT_KEY]}


def report(result: dict) -> Sequence[str]:
    """What `run` did, in lines for the user."""
    errors = result["errors"]
    return (
        f"{result['num_clips']} clips, {result['num_rows']} rows",
        f"pose model: {errors['before']:.3f} torso lengths from the truth, {errors['after']:.3f} from what is "
        "simulated here, on drawn clips that were kept aside",
    )
