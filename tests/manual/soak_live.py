"""Whether live stays as quick and as small as it began: a clip over and over, as fast as it goes.

    PYTHONPATH=. python tests/manual/soak_live.py [--video VIDEO] [--minutes 10]

Every frame goes the whole way: pose, answer, a line of JSON, the drawn picture. Prints the memory of the process and
the time a frame takes, for each tenth of the run. By default a drawn athlete is made for it.
"""

import argparse
import itertools
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np


def resident_mib() -> float:
    """The memory of this process that is in use now."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS: this needs Linux")


def main() -> None:
    """Runs, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video")
    parser.add_argument("--minutes", type=float, default=10, help="of video, at 15 frames a second (default 10)")
    args = parser.parse_args()
    from beam_jobs import windows
    from beam_jobs.pose import model_file
    from beam_jobs.video.decoder_process import Decoder
    from live import outputs, overlay
    from live.defaults import DEFAULT_BUNDLE
    from live.recognizer import Recognizer
    from model import exported_bundle

    with tempfile.TemporaryDirectory() as folder:
        video = args.video
        if video is None:
            make = ("athletes", "--output", folder, "--num_clips", "4", "--seed", "5", "--exercises", "squat")
            subprocess.run([sys.executable, "-m", "beam_jobs", *make], check=True, stdout=subprocess.DEVNULL)
            video = str(max(pathlib.Path(folder).rglob("*.mp4"), key=lambda path: path.stat().st_size))
        decoder = Decoder()
        images = [frame.image.copy() for frame in decoder.read(video, windows.DEFAULT_FRAME_RATE_HZ)]
        decoder.close()
    bundle = exported_bundle.load(DEFAULT_BUNDLE)
    num_frames = round(args.minutes * 60 * windows.DEFAULT_FRAME_RATE_HZ)
    taken_ms: list[float] = []
    # There and back again: without a leap of the body.
    loop = itertools.cycle([*images, *images[-2:0:-1]])
    print("| tenth | memory, MiB | a frame, ms, median / p95 |\n| --- | --- | --- |")
    with Recognizer(bundle, model_file.locate()) as recognizer, open(os.devnull, "w") as nowhere:
        lines = outputs.JsonLines(nowhere)
        skeleton, answer = overlay.SkeletonAnnotator(), overlay.AnswerAnnotator(bundle.labels)
        for number, image in enumerate(itertools.islice(loop, num_frames)):
            started = time.perf_counter()
            recognition = recognizer.update(image, round(number * 1000 / windows.DEFAULT_FRAME_RATE_HZ))
            lines.show(recognition)
            answer.annotate(skeleton.annotate(image.copy(), recognition.pose), recognition, 15.0)
            taken_ms.append(1000 * (time.perf_counter() - started))
            if (number + 1) % (num_frames // 10) == 0:
                median, p95 = np.percentile(taken_ms, [50, 95])
                print(
                    f"| {10 * (number + 1) // num_frames} | {resident_mib():.0f} | {median:.1f} / {p95:.1f} |",
                    flush=True,
                )
                taken_ms.clear()
        segments = recognizer.summary().segments
    print(
        f"{num_frames} frames; {sum(one.repetitions or 0 for one in segments)} repetitions in {len(segments)} segments"
    )


if __name__ == "__main__":
    main()
