"""Peak memory of the extract job's largest process over a short and an hour-long video: prints both and their ratio.

    python tests/bench_memory.py [MINUTES]        how long the long video is (default 60)

The video is a drawn athlete's clip, repeated by ffmpeg without encoding it again.
"""

import glob
import os
import subprocess
import sys
import tempfile
import time

import imageio_ffmpeg


def resident_mib(session: int) -> float:
    """Memory of the largest process of a session now, in MiB."""
    listed = subprocess.run(
        ["ps", "-s", str(session), "-o", "rss="], capture_output=True, text=True, check=False
    ).stdout
    return max((int(line) for line in listed.split()), default=0) / 1024


def peak_mib(video: str, output: str) -> float:
    """Peak memory of the largest process while the job extracts one video, in MiB."""
    command = [
        sys.executable,
        "-m",
        "beam_jobs",
        "extract",
        "--videos",
        video,
        "--output",
        output,
        "--direct_num_workers=1",
    ]
    job = subprocess.Popen(command, start_new_session=True)
    peak = 0.0
    while job.poll() is None:
        peak = max(peak, resident_mib(job.pid))
        time.sleep(0.5)
    if job.returncode:
        raise SystemExit(job.returncode)
    return peak


def main() -> None:
    """Prints the two peaks."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with tempfile.TemporaryDirectory() as folder:
        athletes = ("athletes", "--output", f"{folder}/videos", "--num_clips", "3", "--exercises", "squat")
        subprocess.run([sys.executable, "-m", "beam_jobs", *athletes], check=True)
        short = sorted(glob.glob(f"{folder}/videos/squat/*.mp4"))[0]
        long = os.path.join(folder, "long.mp4")
        loop = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-stream_loop", "-1", "-i", short, "-c", "copy"]
        subprocess.run([*loop, "-t", str(60 * minutes), long], check=True)
        first = peak_mib(short, f"{folder}/short_tables")
        second = peak_mib(long, f"{folder}/long_tables")
    print(f"largest process, a clip of seconds:     {first:6.0f} MiB")
    print(f"largest process, a video of {minutes:g} minutes: {second:6.0f} MiB, {second / first:.2f} times as much")


if __name__ == "__main__":
    main()
