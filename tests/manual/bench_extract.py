"""How far the extract job is from its floor, MediaPipe's own inference: prints ratios from one run on this machine.

    python tests/manual/bench_extract.py [VIDEOS]        a folder of videos; by default drawn athletes are made for it

The floor is the same frames, decoded before, through the same number of processes that do nothing but estimate poses.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time


def estimate(paths: list[str]) -> tuple[int, float]:
    """Frames and seconds of pose estimation alone, decoding and starting not counted."""
    from beam_jobs import windows
    from beam_jobs.pose import estimator as pose_estimator
    from beam_jobs.pose import model_file
    from beam_jobs.video.reader import VideoReader

    model = model_file.locate()
    num_frames, seconds = 0, 0.0
    for path in paths:
        frames = list(VideoReader(path, windows.SamplingGrid()))
        with pose_estimator.PoseEstimator(model) as estimator:
            started = time.perf_counter()
            for frame in frames:
                estimator.estimate(frame.image, frame.timestamp_ms)
            seconds += time.perf_counter() - started
        num_frames += len(frames)
    return num_frames, seconds


def main() -> None:
    """Prints frames a second of the floor and of the job, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            videos = sys.argv[1]
        else:
            videos = os.path.join(folder, "videos")
            athletes = ("athletes", "--output", videos, "--num_clips", "24")
            subprocess.run([sys.executable, "-m", "beam_jobs", *athletes], check=True)
        paths = sorted(
            os.path.join(at, name) for at, _, names in os.walk(videos) for name in names if name.endswith(".mp4")
        )
        num_workers = os.cpu_count() or 1
        shares = [paths[start::num_workers] for start in range(num_workers)]
        with multiprocessing.get_context("spawn").Pool(num_workers) as pool:
            parts = pool.map(estimate, shares, chunksize=1)
        num_frames = sum(part[0] for part in parts)
        floor = sum(part[0] / part[1] for part in parts)
        started = time.perf_counter()
        command = [
            sys.executable,
            "-m",
            "beam_jobs",
            "extract",
            "--videos",
            videos,
            "--output",
            os.path.join(folder, "tables"),
        ]
        subprocess.run([*command, "--max_failed_share", "1"], check=True)
        job = num_frames / (time.perf_counter() - started)
    print(f"{num_frames} frames, {num_workers} processes")
    print(f"floor, pose estimation alone:       {floor:6.1f} frames/s")
    print(f"extract job, start and end included: {job:5.1f} frames/s, {job / floor:.2f} of the floor")


if __name__ == "__main__":
    main()
