"""What the jobs cost beside the least that could do the same: prints ratios from one run on this machine.

    python tests/manual/bench_scale.py [--videos FOLDER] [--seconds 180] [--rounds 2] [--only extract|features]

CPU seconds (user and system, of a whole tree of processes) are the figure to compare where others use the machine, too;
wall seconds are printed beside. What is compared runs in turn: A B A B.

Extract is measured against a bare loop: OpenCV decodes, MediaPipe estimates, one process, nothing is written. Features
against NumPy and pandas (numpy_features.py).
"""

import argparse
import contextlib
import ctypes
import dataclasses
import glob
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

NAME = os.path.abspath(__file__)
_SUBREAPER = 36


@dataclasses.dataclass
class Cost:
    """What one or several processes took, in seconds."""

    cpu_s: float = 0.0
    wall_s: float = 0.0


def measure(*commands: list[str]) -> Cost:
    """Runs commands beside each other to their end; the cost of them and of all that they start."""
    before, started = _children_cpu_s(), time.perf_counter()
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for command in commands]
    for process in running:
        _, errors = process.communicate()
        if process.returncode:
            raise SystemExit(f"{process.args} failed:\n{errors.decode()[-3000:]}")
    wall_s = time.perf_counter() - started
    with contextlib.suppress(ChildProcessError):  # what a worker left behind is ours (prctl), and is counted, too
        while True:
            os.waitpid(-1, 0)
    return Cost(_children_cpu_s() - before, wall_s)


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def bare_frames(path: str, sampled: bool) -> Iterator[tuple[float, object]]:
    """A video's frames, all or those that extract samples, by OpenCV."""
    import cv2

    from beam_jobs import windows

    grid = windows.SamplingGrid()
    video = cv2.VideoCapture(path)
    while video.grab():
        time_ms = video.get(cv2.CAP_PROP_POS_MSEC)
        if not sampled or grid.frame_id(time_ms) is not None:
            yield time_ms, video.retrieve()[1]


def bare_loop(model: str, sampled: bool, paths: list[str]) -> None:
    """MediaPipe in a loop over videos, as a script would do it."""
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # as in extract: seconds of import less
    import cv2
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    num, poses = 0, []
    for path in paths:
        options = vision.PoseLandmarkerOptions(BaseOptions(model), running_mode=vision.RunningMode.VIDEO)
        with vision.PoseLandmarker.create_from_options(options) as landmarker:
            for time_ms, frame in bare_frames(path, sampled):
                image = mediapipe.Image(mediapipe.ImageFormat.SRGB, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
                result = landmarker.detect_for_video(image, round(time_ms))
                poses.append([(p.x, p.y, p.z) for person in result.pose_world_landmarks for p in person])
                num += 1
    print(num)


def bare(paths: list[str], sampled: bool, num_processes: int) -> list[list[str]]:
    """The commands of bare loops that share videos."""
    from beam_jobs.pose import model_file

    model = model_file.locate()
    what = "sampled" if sampled else "every"
    shares = [paths[start::num_processes] for start in range(num_processes)]
    return [[sys.executable, NAME, "bare", model, what, *share] for share in shares]


def job(*args: str) -> list[str]:
    """The command of a job."""
    return [sys.executable, "-m", "beam_jobs", *args]


def choose(folder: str, seconds: float, rate: float = 29.0) -> list[tuple[str, float]]:
    """Videos of 30 frames a second, about so many seconds in all; (path, seconds). None longer than an eighth of it."""
    import cv2

    chosen: list[tuple[str, float]] = []
    for path in sorted(glob.glob(os.path.join(folder, "**", "*.mp4"), recursive=True)):
        video = cv2.VideoCapture(path)
        fps = video.get(cv2.CAP_PROP_FPS)
        length = video.get(cv2.CAP_PROP_FRAME_COUNT) / fps if fps else 0.0
        if fps > rate and 4 < length < seconds / 8 and sum(s for _, s in chosen) + length < 1.05 * seconds:
            chosen.append((path, length))
    return chosen


def bench_extract(videos: str, seconds: float, rounds: int, scratch: str) -> None:
    """Prints extract against bare loops, and two workers against one."""
    chosen = choose(videos, seconds)
    folder = os.path.join(scratch, "videos")
    os.mkdir(folder)
    for number, (path, _) in enumerate(chosen):
        os.symlink(os.path.abspath(path), os.path.join(folder, f"{number:03d}.mp4"))
    paths = sorted(glob.glob(os.path.join(folder, "*.mp4")))
    minutes = sum(length for _, length in chosen) / 60
    print(f"{len(paths)} videos, {minutes:.2f} minutes", flush=True)
    costs: dict[str, list[Cost]] = {}

    def note(name: str, cost: Cost) -> None:
        costs.setdefault(name, []).append(cost)
        print(
            f"{name}: {cost.cpu_s:.1f} s CPU ({cost.cpu_s / minutes:.1f} a video minute), {cost.wall_s:.1f} s wall",
            flush=True,
        )

    for number in range(rounds):
        for workers in (1, 2):
            note(f"bare, sampled, {workers}", measure(*bare(paths, True, workers)))
            output = os.path.join(scratch, f"tables-{number}-{workers}")
            command = job("extract", "--videos", folder, "--output", output, f"--direct_num_workers={workers}")
            note(f"extract, {workers}", measure([*command, "--max_failed_share", "1"]))
        if not number:
            note("bare, every frame, 1", measure(*bare(paths, False, 1)))

    def best(name: str) -> Cost:
        return Cost(min(cost.cpu_s for cost in costs[name]), min(cost.wall_s for cost in costs[name]))

    files = glob.glob(os.path.join(scratch, "tables-0-1", "landmarks", "*.parquet"))
    num_bytes = sum(map(os.path.getsize, files))
    print(f"landmarks: {num_bytes / (900 * minutes):.0f} bytes a row, at 15 rows a second", flush=True)
    one, two = best("extract, 1"), best("extract, 2")
    ratio("extract, 1 worker, to a bare loop over every frame", one.cpu_s / best("bare, every frame, 1").cpu_s, 0.60)
    for workers, cost in ((1, one), (2, two)):
        floor = best(f"bare, sampled, {workers}")
        ratio(f"extract, {workers}, to bare loops over the sampled frames, CPU", cost.cpu_s / floor.cpu_s, 1.05)
        ratio("  the same, wall", cost.wall_s / floor.wall_s, 1.05)
    bare_one, bare_two = best("bare, sampled, 1"), best("bare, sampled, 2")
    ratio("2 workers to 1, speed by wall time", one.wall_s / two.wall_s, 1.85)
    ratio("  the same of bare loops", bare_one.wall_s / bare_two.wall_s, 1.85)


def ratio(what: str, value: float, aim: float) -> None:
    """Prints a line of the result."""
    print(f"{what}: {value:.3f} (aim {aim:.2f})", flush=True)


def make_landmarks(folder: str, num_videos: int, rows_per_video: int) -> int:
    """Writes landmarks of people who move at random, as extract would; the number of rows."""
    import numpy as np

    from beam_jobs import landmark_table, storage, tables
    from beam_jobs.labels import Labels, Video

    rng = np.random.default_rng(0)
    body = rng.normal(0, 0.4, (2, 33, 3))
    fingerprint = {tables.FINGERPRINT_KEY: json.dumps({"coordinates": "world", "frame_rate_hz": 15.0})}
    quality = []
    for number in range(num_videos):
        video = Video(f"{number:05d}.mp4", f"{number:05d}.mp4")
        labels = Labels("squat", str(number), "train" if number % 10 < 8 else "test")
        points = (body + rng.normal(0, 0.01, (rows_per_video, 2, 33, 3)).cumsum(axis=0)).astype(np.float32)
        likely = rng.random((rows_per_video, 33, 2), np.float32)
        times = np.arange(rows_per_video) * 200 // 3
        seen = np.ones(rows_per_video, bool)
        batch = landmark_table.landmark_batch(
            video.video_id, range(rows_per_video), times, points, likely, seen, labels
        )
        counts = landmark_table.FrameCounts(2 * rows_per_video, rows_per_video)
        summary = landmark_table.summary(video, labels, counts, landmark_table.LongestGap(), float(times[-1]), 30.0)
        quality.append({name: summary.get(name) for name in tables.QUALITY.column_names})
        with storage.table_writer(
            storage.landmarks_file(folder, video.video_id), tables.LANDMARKS, fingerprint
        ) as writer:
            writer.write_batch(batch)
    import pyarrow as pa

    rows = pa.Table.from_pylist(quality, schema=tables.QUALITY.schema())
    storage.write_table(storage.join(folder, "quality", "quality.parquet"), tables.QUALITY, rows)
    return num_videos * rows_per_video


def bench_features(num_videos: int, rounds: int, scratch: str) -> None:
    """Prints features' rows a CPU second, to those of NumPy and pandas: of whole commands, and of further rows.

    A command's start costs both the same however many rows there are; the difference of two sizes is without it.
    """
    script = os.path.join(os.path.dirname(NAME), "numpy_features.py")
    cpu_s: dict[tuple[str, int], float] = {}
    folders = {}
    for videos in (num_videos // 8, num_videos):
        folder = os.path.join(scratch, f"landmarks_only-{videos}")
        folders[make_landmarks(folder, videos, 900)] = folder
    for _ in range(rounds):
        for num_rows, folder in folders.items():
            output = ("--input", folder, "--output", os.path.join(scratch, "features"))
            commands = {
                "NumPy": [sys.executable, script, folder, os.path.join(scratch, "numpy")],
                "features": job("features", *output),
                "features with a graph": job(
                    "features", *output[:3], os.path.join(scratch, "again"), "--transform_fn", output[3]
                ),
            }
            for name, command in commands.items():
                cost = measure(command)
                cpu_s[name, num_rows] = min(cpu_s.get((name, num_rows), cost.cpu_s), cost.cpu_s)
                print(f"{name}, {num_rows} rows: {cost.cpu_s:.1f} s CPU, {cost.wall_s:.1f} s wall", flush=True)
    few, many = folders
    for name in ("features", "features with a graph"):
        ratio(f"{name}, {many} rows, rows a CPU second to NumPy's", cpu_s["NumPy", many] / cpu_s[name, many], 1.0)
        more = [cpu_s[one, many] - cpu_s[one, few] for one in ("NumPy", name)]
        ratio("  the same of each further row", more[0] / more[1], 1.0)


def main() -> None:
    """Measures what was asked for."""
    if sys.argv[1:2] == ["bare"]:
        bare_loop(sys.argv[2], sys.argv[3] == "sampled", sys.argv[4:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", help="a folder of videos of 30 frames a second; default: drawn athletes")
    parser.add_argument("--seconds", type=float, default=180.0, help="of video, in all")
    parser.add_argument("--feature_videos", type=int, default=200, help="of 900 rows each")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", choices=("extract", "features"))
    args = parser.parse_args()
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as scratch:
        if args.only != "features":
            videos = args.videos
            if videos is None:
                videos = os.path.join(scratch, "athletes")
                measure(job("athletes", "--output", videos, "--num_clips", str(round(args.seconds / 5))))
            bench_extract(videos, args.seconds, args.rounds, scratch)
        if args.only != "extract":
            bench_features(args.feature_videos, args.rounds, scratch)


if __name__ == "__main__":
    main()
