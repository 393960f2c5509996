"""Peak memory of an extract worker and its decoder, by the number of videos and by their length: prints both.

    python tests/manual/bench_memory.py [--videos 10 100 1000] [--minutes 60]

Many videos are one drawn clip's first second under many names; the long video is the clip, repeated by ffmpeg without
encoding it again.
"""

import argparse
import contextlib
import glob
import os
import subprocess
import sys
import tempfile
import time

import imageio_ffmpeg

PARTS = {"decoder": "beam_jobs.video.decoder_process", "worker": "sdk_worker_main"}


def peaks_mib(session: int, peaks: dict[int, tuple[str, float]]) -> None:
    """Notes the peak memory so far (VmHWM) of each process of a session, in MiB, with what it is."""
    listed = subprocess.run(
        ["ps", "-ww", "-s", str(session), "-o", "pid=,args="], capture_output=True, text=True, check=False
    )
    for line in listed.stdout.splitlines():
        pid, args = line.split(None, 1)
        kind = next((part for part, sign in PARTS.items() if sign in args), "launcher")
        with contextlib.suppress(OSError, StopIteration), open(f"/proc/{pid}/status") as status:
            peak = next(int(entry.split()[1]) for entry in status if entry.startswith("VmHWM"))
            peaks[int(pid)] = (kind, peak / 1024)


def extract_mib(videos: str, output: str, num_workers: int) -> dict[str, float]:
    """Peak memory while a job extracts videos, in MiB: of the largest worker, decoder and launcher."""
    command = [sys.executable, "-m", "beam_jobs", "extract", "--videos", videos, "--output", output]
    job = subprocess.Popen([*command, f"--direct_num_workers={num_workers}"], start_new_session=True)
    peaks: dict[int, tuple[str, float]] = {}
    while job.poll() is None:
        peaks_mib(job.pid, peaks)
        time.sleep(0.2)
    if job.returncode:
        raise SystemExit(job.returncode)
    return {
        part: max((peak for kind, peak in peaks.values() if kind == part), default=0.0)
        for part in ("worker", "decoder", "launcher")
    }


def ffmpeg(*args: str) -> None:
    """Runs ffmpeg."""
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *args], check=True)


def main() -> None:
    """Prints a row for each run; fails past 1 GiB a worker with its decoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--minutes", type=float, default=60.0, help="of the long video; 0 for none")
    args = parser.parse_args()
    rows: list[tuple[str, dict[str, float]]] = []
    with tempfile.TemporaryDirectory() as folder:
        athletes = ("athletes", "--output", f"{folder}/athletes", "--num_clips", "3", "--exercises", "squat")
        subprocess.run([sys.executable, "-m", "beam_jobs", *athletes], check=True)
        clip = sorted(glob.glob(f"{folder}/athletes/squat/*.mp4"))[0]
        second = f"{folder}/second.mp4"
        ffmpeg("-i", clip, "-t", "1", second)
        for num in args.videos:
            os.mkdir(f"{folder}/{num}")
            for number in range(num):
                os.link(second, f"{folder}/{num}/{number:05d}.mp4")
            rows.append((f"{num} videos of a second", extract_mib(f"{folder}/{num}", f"{folder}/tables_{num}", 2)))
        if args.minutes:
            os.mkdir(f"{folder}/long")
            ffmpeg(
                "-stream_loop", "-1", "-i", clip, "-c", "copy", "-t", str(60 * args.minutes), f"{folder}/long/long.mp4"
            )
            found = extract_mib(f"{folder}/long", f"{folder}/tables_long", 2)
            rows.append((f"a video of {args.minutes:g} minutes", found))
    print("| what | worker, MiB | its decoder, MiB | launcher, MiB |\n| --- | --- | --- | --- |")
    for what, found in rows:
        print(f"| {what} | " + " | ".join(f"{found[part]:.0f}" for part in ("worker", "decoder", "launcher")) + " |")
    if any(found["worker"] + found["decoder"] > 1024 for _, found in rows):
        raise SystemExit("more than 1 GiB for a worker with its decoder")


if __name__ == "__main__":
    main()
