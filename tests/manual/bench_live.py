"""How far live is from its floor, MediaPipe alone: prints ratios from one run on this machine.

    PYTHONPATH=. python tests/manual/bench_live.py [VIDEO]      by default a drawn athlete is made for it

Needs some minutes on a machine on which nothing else runs.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

ROUNDS = 3
# Imports MediaPipe, builds its landmarker, and detects once: what no live can be quicker than.
_FLOOR_OF_START = """
import sys
sys.modules["tensorflow"] = None
import numpy as np
import mediapipe
from mediapipe.tasks.python import BaseOptions, vision
options = vision.PoseLandmarkerOptions(
    base_options=BaseOptions(model_asset_path=sys.argv[1]), running_mode=vision.RunningMode.VIDEO)
with vision.PoseLandmarker.create_from_options(options) as landmarker:
    image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.zeros((480, 640, 3), np.uint8))
    landmarker.detect_for_video(image, 0)
print("ready", flush=True)
"""


def seconds_to_first_line(command: list[str]) -> float:
    """How long a command takes until its first line of output."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline(), f"{command} wrote nothing"
        seconds = time.perf_counter() - started
        process.kill()
    return seconds


def read_frames(video: str) -> list:
    """The sampled frames of a video, decoded before anything is measured."""
    from beam_jobs import windows
    from beam_jobs.video.reader import VideoReader

    return list(VideoReader(video, windows.SamplingGrid()))


def loops_ms(frames: list, model: str) -> tuple[list[float], list[float]]:
    """What MediaPipe's bare loop and live take for each frame: the one and the other in turns, frame by frame.

    One loop after the other says little: a shared machine is half as fast a few seconds later. The bare loop turns the
    picture to RGB and detects; nothing is read from the result. Live is from the picture to the line of JSON.
    """
    import cv2

    from beam_jobs.pose import estimator
    from live.defaults import DEFAULT_BUNDLE
    from live.outputs import JsonLines
    from live.recognizer import Recognizer
    from model import exported_bundle

    mediapipe, base_options, vision = estimator.import_mediapipe()
    options = vision.PoseLandmarkerOptions(
        base_options=base_options(model_asset_path=model), running_mode=vision.RunningMode.VIDEO
    )
    bundle = exported_bundle.load(DEFAULT_BUNDLE)
    with (
        vision.PoseLandmarker.create_from_options(options) as landmarker,
        Recognizer(bundle, model) as recognizer,
        open(os.devnull, "w") as nowhere,
    ):
        lines = JsonLines(nowhere)

        def bare(frame) -> None:
            rgb = cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB)
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
            landmarker.detect_for_video(image, frame.timestamp_ms)

        def live(frame) -> None:
            lines.show(recognizer.update(frame.image, frame.timestamp_ms))

        taken: dict = {bare: [], live: []}
        for number, frame in enumerate(frames):
            for one in (bare, live) if number % 2 else (live, bare):
                started = time.perf_counter()
                one(frame)
                taken[one].append(1000 * (time.perf_counter() - started))
    return taken[bare], taken[live]


def rest_ms(frames: list, model: str) -> list[float]:
    """All that live does for a frame but MediaPipe: features, answers, repetitions, advice, JSON."""
    from beam_jobs.pose.estimator import PoseEstimator
    from beam_jobs.video.frames import mean_brightness
    from live.defaults import DEFAULT_BUNDLE
    from live.outputs import JsonLines
    from live.recognizer import PersonRecognizer
    from model import exported_bundle

    with PoseEstimator(model) as estimator:
        poses = [estimator.estimate(frame.image, frame.timestamp_ms) for frame in frames]
    person = PersonRecognizer(exported_bundle.load(DEFAULT_BUNDLE))
    taken = []
    with open(os.devnull, "w") as nowhere:
        lines = JsonLines(nowhere)
        for frame, pose in zip(frames, poses, strict=True):
            started = time.perf_counter()
            lines.show(person.update(pose, frame.timestamp_ms, mean_brightness(frame.image)))
            taken.append(1000 * (time.perf_counter() - started))
    return taken


def window_ms(num: int = 2000) -> list[float]:
    """One window through the exported file, on one thread."""
    from live.defaults import DEFAULT_BUNDLE
    from model.litert import ExportedModel

    model = ExportedModel(os.path.join(DEFAULT_BUNDLE, "end_to_end.tflite"))
    draw = np.random.default_rng(0)
    rows = draw.normal(0, 0.4, (model.num_rows, 33, 3))
    times = 67 * np.arange(model.num_rows)
    taken = []
    for _ in range(num):
        started = time.perf_counter()
        model.run(rows, times)
        taken.append(1000 * (time.perf_counter() - started))
    return taken


def peak_memory_mib(video: str) -> float:
    """The largest resident memory of `python -m live` on a video, without its decoder's process."""
    import resource

    command = [sys.executable, "-m", "live", "--source", video, "--json", "--no_window"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    assert isinstance(usage, resource.struct_rusage)
    return usage.ru_maxrss / 1024


def percentiles(values: list[float]) -> str:
    """Median and 95th percentile."""
    return f"{np.percentile(values, 50):.2f} / {np.percentile(values, 95):.2f}"


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            video = sys.argv[1]
        else:
            make = ("athletes", "--output", folder, "--num_clips", "4", "--seed", "5", "--exercises", "squat")
            subprocess.run([sys.executable, "-m", "beam_jobs", *make], check=True, stdout=subprocess.DEVNULL)
            video = str(max(pathlib.Path(folder).rglob("*.mp4"), key=lambda path: path.stat().st_size))
        from beam_jobs.pose import model_file

        model = model_file.locate()
        live = [sys.executable, "-m", "live", "--source", video, "--json", "--no_window"]
        floor = [sys.executable, "-c", _FLOOR_OF_START, model]
        starts = [(seconds_to_first_line(floor), seconds_to_first_line(live)) for _ in range(ROUNDS + 1)][1:]
        memory = peak_memory_mib(video)
        frames = read_frames(video)
        loops = [loops_ms(frames, model) for _ in range(ROUNDS)]
        rest = rest_ms(frames, model)
        windows = window_ms()
    ratio = statistics.median(sum(own) / sum(bare) for bare, own in loops)
    start = statistics.median(own / bare for bare, own in starts)
    bare_ms, own_ms = ([ms for one in side for ms in one] for side in zip(*loops, strict=True))
    print(f"{len(frames)} frames, {ROUNDS} rounds")
    print("| what | measured |\n| --- | --- |")
    print(f"| a window through the exported file, one thread, ms, median / p95 | {percentiles(windows)} |")
    print(f"| everything but MediaPipe, a frame, ms, median / p95 | {percentiles(rest)} |")
    print(f"| a frame of MediaPipe's bare loop, ms, median / p95 | {percentiles(bare_ms)} |")
    print(f"| live, picture in to answer out, ms, median / p95 | {percentiles(own_ms)} |")
    print(f"| live to the bare loop, all frames | {ratio:.3f} |")
    print(f"| first line, s: importing MediaPipe and one detection / live | {starts[0][0]:.1f} / {starts[0][1]:.1f} |")
    print(f"| the ratio of these, median | {start:.2f} |")
    print(f"| peak memory of the process, MiB | {memory:.0f} |")


if __name__ == "__main__":
    main()
