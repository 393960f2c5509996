"""Peak memory of an extract worker and its decoder over a short and an hour-long video: prints both and their ratio.

    python tests/manual/bench_memory.py [MINUTES]        how long the long video is (default 60)

The video is a drawn athlete's clip, repeated by ffmpeg without encoding it again.
"""

import contextlib
import glob
import os
import subprocess
import sys
import tempfile
import time

import imageio_ffmpeg


def peaks_mib(session: int, peaks: dict[int, tuple[str, float]]) -> None:
    """Notes the peak memory so far (VmHWM) of each process of a session, in MiB, with what it is."""
    listed = subprocess.run(
        ["ps", "-ww", "-s", str(session), "-o", "pid=,args="], capture_output=True, text=True, check=False
    )
    for line in listed.stdout.splitlines():
        pid, args = line.split(None, 1)
        kind = (
            "decoder"
            if "beam_jobs.video.decoder_process" in args
            else "worker"
            if "sdk_worker_main" in args
            else "launcher"
        )
        with contextlib.suppress(OSError, StopIteration), open(f"/proc/{pid}/status") as status:
            peak = next(int(entry.split()[1]) for entry in status if entry.startswith("VmHWM"))
            peaks[int(pid)] = (kind, peak / 1024)


def worker_mib(video: str, output: str) -> float:
    """Peak memory of a worker with its decoder while the job extracts one video, in MiB."""
    command = [sys.executable, "-m", "beam_jobs", "extract", "--videos", video, "--output", output]
    job = subprocess.Popen([*command, "--direct_num_workers=1"], start_new_session=True)
    peaks: dict[int, tuple[str, float]] = {}
    while job.poll() is None:
        peaks_mib(job.pid, peaks)
        time.sleep(0.2)
    if job.returncode:
        raise SystemExit(job.returncode)
    return sum(
        max((peak for kind, peak in peaks.values() if kind == part), default=0.0) for part in ("worker", "decoder")
    )


def main() -> None:
    """Prints the two peaks; fails past 1 GiB."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with tempfile.TemporaryDirectory() as folder:
        athletes = ("athletes", "--output", f"{folder}/videos", "--num_clips", "3", "--exercises", "squat")
        subprocess.run([sys.executable, "-m", "beam_jobs", *athletes], check=True)
        short = sorted(glob.glob(f"{folder}/videos/squat/*.mp4"))[0]
        long = os.path.join(folder, "long.mp4")
        loop = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-stream_loop", "-1", "-i", short, "-c", "copy"]
        subprocess.run([*loop, "-t", str(60 * minutes), long], check=True)
        first = worker_mib(short, f"{folder}/short_tables")
        second = worker_mib(long, f"{folder}/long_tables")
    print(f"worker and decoder, a clip of seconds:       {first:6.0f} MiB")
    print(f"worker and decoder, a video of {minutes:g} minutes:  {second:6.0f} MiB, {second / first:.2f} times as much")
    if second > 1024:
        raise SystemExit("more than 1 GiB a worker")


if __name__ == "__main__":
    main()
