"""How far the browser's landmarks and answers are from Python's, on the same frames; needs Chromium and Playwright.

PYTHONPATH=.:tests:tests/live/page python tests/manual/compare_browser.py CLIP.mp4 [CLIP.mp4 …]

Prints, for each clip: world landmarks in millimetres, how many frames have a person in one of both alone, how many of
the answers name the same exercise, and the repetitions.
"""

import argparse
import base64
import functools
import http.server
import pathlib
import shutil
import tempfile
import threading

import cv2
import numpy as np
from page_visits import Visit
from playwright.sync_api import sync_playwright

from beam_jobs.pose import estimator, model_file
from beam_jobs.pose.estimator import Pose
from beam_jobs.video.frames import mean_brightness
from beam_jobs.video.reader import VideoReader
from beam_jobs.windows import SamplingGrid
from live import static_page
from live.defaults import DEFAULT_BUNDLE
from live.recognizer import DEFAULT_MIN_PROBABILITY, PersonRecognizer
from model import exported_bundle

LOAD = """
async () => {
  const { PoseEstimator } = await import(new URL("static/pose.js", document.baseURI));
  const { BrightnessMeter } = await import(new URL("static/brightness.js", document.baseURI));
  window.poses = await PoseEstimator.load(() => {});
  window.poses.restart();
  window.meter = new BrightnessMeter();
}
"""
ESTIMATE = """
async ([png, timestampMs]) => {
  const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes]), { colorSpaceConversion: "none" });
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  const brightness = window.meter.measure(canvas, canvas.width, canvas.height);
  const people = window.poses.estimate(canvas, timestampMs);
  const lists = people.map((one) => Object.fromEntries(Object.entries(one).map(([name, list]) => [name, [...list]])));
  return { brightness, people: lists };
}
"""


def pose(people: list[dict]) -> Pose:
    if not people:
        return estimator.nobody()
    values = {name: np.array(values, np.float32) for name, values in people[0].items()}
    return Pose(
        values["world"].reshape(33, 3), values["image"].reshape(33, 3), values["visibility"], values["presence"]
    )


def answers(bundle, series: list[tuple[int, float, Pose]]) -> tuple[list[str | None], int]:
    """What is answered when an answer is due, and all repetitions."""
    person = PersonRecognizer(bundle)
    found = [person.update(one, timestamp_ms, brightness) for timestamp_ms, brightness, one in series]
    return [one.exercise for one in found if one.due], sum(one.repetitions or 0 for one in person.segments())


def compare(page, clip: str, bundle) -> str:
    page.evaluate(LOAD)
    python, browser = [], []
    with VideoReader(clip, SamplingGrid()) as video, estimator.PoseEstimator(model_file.locate()) as poses:
        for frame in video:
            here = poses.estimate(frame.image, frame.timestamp_ms)
            python.append((frame.timestamp_ms, mean_brightness(frame.image), here))
            png = base64.b64encode(cv2.imencode(".png", frame.image)[1].tobytes()).decode()
            there = page.evaluate(ESTIMATE, [png, frame.timestamp_ms])
            browser.append((frame.timestamp_ms, there["brightness"], pose(there["people"])))
    pairs = list(zip(python, browser, strict=True))
    both = [(one[2].world, other[2].world) for one, other in pairs if one[2].detected and other[2].detected]
    distances = 1000 * np.concatenate([np.linalg.norm(one - other, axis=1) for one, other in both])
    alone = sum(one[2].detected != other[2].detected for one, other in pairs)
    grey = max(abs(one[1] - other[1]) for one, other in pairs)
    (names, repetitions), (other_names, other_repetitions) = answers(bundle, python), answers(bundle, browser)
    same = np.mean([one == other for one, other in zip(names, other_names, strict=True)])
    percentiles = " / ".join(f"{value:.1f}" for value in np.percentile(distances, [50, 99, 100]))
    return (
        f"| {pathlib.Path(clip).name} | {len(pairs)} | {percentiles} | {alone} | {grey:.2f} | {same:.1%} | "
        f"{repetitions} / {other_repetitions} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+")
    clips = parser.parse_args().clips
    bundle = exported_bundle.load(DEFAULT_BUNDLE)
    with tempfile.TemporaryDirectory() as folder:
        static_page.write(DEFAULT_BUNDLE, "bundle", model_file.locate(), f"{folder}/page", DEFAULT_MIN_PROBABILITY)
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=f"{folder}/page")
        files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=files.serve_forever, daemon=True).start()
        print(
            "| clip | frames | mm: median / 99 % / largest | person in one alone | grey | same answer | repetitions |"
        )
        print("| --- | --- | --- | --- | --- | --- | --- |")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
            for clip in clips:
                page = Visit(browser, f"http://127.0.0.1:{files.server_port}/", permissions=()).page
                print(compare(page, clip, bundle), flush=True)
                page.context.close()
            browser.close()
        files.shutdown()


if __name__ == "__main__":
    main()
