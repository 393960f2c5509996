"""Measures how well several people are kept apart, and what it costs: results/live_people.md.

    python tests/manual/measure_people.py --clips FOLDER

FOLDER has labels.csv and real clips; without it only drawn athletes are measured. Two clips side by side are two people
whose places are known; a person cut out of one clip by MediaPipe's mask walks past another one.
"""

import argparse
import csv
import dataclasses
import itertools
import pathlib
import statistics
import sys
import time
from collections.abc import Sequence

import cv2
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import people_videos as drawn

from beam_jobs import windows
from beam_jobs.pose import estimator, model_file, tracking
from beam_jobs.pose.estimator import Pose, PoseEstimator
from beam_jobs.pose.people import PeopleEstimator
from beam_jobs.video.reader import VideoReader
from live.defaults import DEFAULT_BUNDLE
from live.recognizer import PersonRecognizer
from model import exported_bundle

NUM_FRAMES, HEIGHT_PX = 150, 360
REAL_PAIRS = (
    ("squat/squat_03", "bicep_curl/bicep_curl_02"),
    ("lunge/lunge_06", "jumping_jack/jumping_jack_03"),
    ("squat/squat_06", "push_up/push_up_06"),
    ("shoulder_press/shoulder_press_03", "deadlift/deadlift_01"),
    ("front_lateral_raise/front_lateral_raise_01", "squat/squat_08"),
    ("bicep_curl/bicep_curl_06", "lunge/lunge_08"),
)
DRAWN_PAIRS = (("squat", "jumping_jack"), ("bicep_curl", "lunge"), ("shoulder_press", "deadlift"))
# A number that is another one for so many frames is exchanged; nearer people than this cannot be told by place.
_MIN_RUN, _TOO_NEAR = 8, 0.12


@dataclasses.dataclass
class Scene:
    """A video of two people: pictures, where each is (share of the width, NaN: away), labels, each one alone."""

    name: str
    pictures: list[np.ndarray]
    places: np.ndarray
    labels: tuple[str, str]
    alone: tuple[list[np.ndarray], list[np.ndarray]]


def stamp(index: int) -> int:
    return index * 1000 // 15


def hips_x(pose: Pose) -> float:
    return float(pose.image[23:25, 0].mean())


def one_person(model: str, pictures: Sequence[np.ndarray]) -> list[Pose]:
    with PoseEstimator(model) as one:
        return [one.estimate(picture, stamp(index)) for index, picture in enumerate(pictures)]


def clip_pictures(path: pathlib.Path) -> list[np.ndarray]:
    with VideoReader(str(path), windows.SamplingGrid()) as reader:
        frames = [frame.image for _, frame in zip(range(NUM_FRAMES), reader, strict=False)]
    width = round(frames[0].shape[1] * HEIGHT_PX / frames[0].shape[0])
    return [cv2.resize(frame, (width, HEIGHT_PX)) for frame in frames]


def side_by_side(model: str, folder: pathlib.Path, names: tuple[str, str]) -> Scene:
    left, right = (clip_pictures(folder / f"{name}.mp4") for name in names)
    num = min(len(left), len(right))
    left, right = left[:num], right[:num]
    share = left[0].shape[1] / (left[0].shape[1] + right[0].shape[1])
    places = [
        [share * hips_x(a), share + (1 - share) * hips_x(b)]
        for a, b in zip(one_person(model, left), one_person(model, right), strict=True)
    ]
    pictures = [np.hstack(pair) for pair in zip(left, right, strict=True)]
    labels = (names[0].split("/")[0], names[1].split("/")[0])
    return Scene(f"{labels[0]} beside {labels[1]}", pictures, np.array(places), labels, (left, right))


def cut_out(model: str, folder: pathlib.Path, names: tuple[str, str]) -> Scene:
    """The person of the second clip walks over the pictures of the first one."""
    stays, walks = (clip_pictures(folder / f"{name}.mp4") for name in names)
    num = min(len(stays), len(walks))
    mediapipe, base_options, vision = estimator.import_mediapipe()
    options = vision.PoseLandmarkerOptions(
        base_options=base_options(model_asset_path=model),
        running_mode=vision.RunningMode.VIDEO,
        output_segmentation_masks=True,
    )
    width = max(540, stays[0].shape[1])
    side = (width - stays[0].shape[1]) // 2
    stay_poses, walk_poses = one_person(model, stays[:num]), one_person(model, walks[:num])
    pictures, places, walker_x = [], [], 0.5
    with vision.PoseLandmarker.create_from_options(options) as landmarker:
        for index in range(num):
            rgb = cv2.cvtColor(walks[index], cv2.COLOR_BGR2RGB)
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
            masks = landmarker.detect_for_video(image, stamp(index)).segmentation_masks
            picture = cv2.copyMakeBorder(
                stays[index], 0, 0, side, width - side - stays[index].shape[1], cv2.BORDER_REPLICATE
            )
            share = min(max((index / 15 - 2) / 5, 0), 1)
            if walk_poses[index].detected:  # else where the walker was in the picture before
                walker_x = hips_x(walk_poses[index])
            start = round((0.12 + 0.76 * share) * width - walker_x * rgb.shape[1])
            first, last = max(0, start), min(width, start + rgb.shape[1])
            if masks:
                mask = masks[0].numpy_view().squeeze()[:, first - start : last - start, None] > 0.5
                own = walks[index][:, first - start : last - start]
                picture[:, first:last] = np.where(mask, own, picture[:, first:last])
            pictures.append(picture)
            stay = (side + hips_x(stay_poses[index]) * stays[index].shape[1]) / width
            places.append([stay, 0.12 + 0.76 * share])
    labels = (names[0].split("/")[0], names[1].split("/")[0])
    return Scene(f"{labels[1]} walks past {labels[0]}", pictures, np.array(places), labels, (stays[:num], walks[:num]))


def athletes(exercises: tuple[str, str], name: str, paths: Sequence, duration_s: float = 8.0) -> Scene:
    people = [drawn.Athlete(e, p, seed=s) for e, p, s in zip(exercises, paths, (1, 5), strict=True)]
    pictures = list(drawn.draw(people, duration_s))
    alone = tuple(list(drawn.draw([person], duration_s)) for person in people)
    places = np.array([[drawn.place_in_picture(path(index / 15)) for path in paths] for index in range(len(pictures))])
    return Scene(f"{exercises[0]} {name} {exercises[1]}", pictures, places, exercises, alone)


def tracked(model: str, pictures: Sequence[np.ndarray], num_people: int = 2) -> list[list[tuple[int, Pose]]]:
    with PeopleEstimator(model, num_people) as people:
        return [people.estimate(picture, stamp(index)) for index, picture in enumerate(pictures)]


def exchanges(scene: Scene, found: list[list[tuple[int, Pose]]]) -> tuple[int, int]:
    """How often a person has another number than before, for long enough; and how many numbers there were."""
    num, numbers = 0, set()
    for person in range(2):
        runs: list[list[int]] = []
        for row, places in zip(found, scene.places, strict=True):
            if not np.isfinite(places[person]) or abs(places[0] - places[1]) < _TOO_NEAR:
                continue
            near = [(abs(hips_x(p) - places[person]), n) for n, p in row if p.detected]
            near = [one for one in near if one[0] < _TOO_NEAR / 2]
            if not near:
                continue
            number = min(near)[1]
            if runs and runs[-1][0] == number:
                runs[-1][1] += 1
            else:
                runs.append([number, 1])
        long = [number for number, length in runs if length >= _MIN_RUN]
        numbers.update(long)
        num += sum(a != b for a, b in itertools.pairwise(long))
    return num, len(numbers)


def answers(bundle, poses: Sequence[tuple[int, Pose]]) -> list[tuple[int, str]]:
    """(index of its last row, label) of each window of one person's poses, which are (index, pose)."""
    person, said = PersonRecognizer(bundle, 0.0), []
    for index, pose in poses:
        known = person.update(pose, stamp(index))
        if known.due and known.features is not None:
            said.append((index, bundle.labels[int(np.argmax(known.probabilities))]))
    return said


def accuracy(bundle, scene: Scene, found: list[list[tuple[int, Pose]]], model: str) -> tuple[list[bool], list[bool]]:
    """Which windows are right: of the people together, and of each alone."""
    together, alone = [], []
    for number in sorted({n for row in found for n, _ in row}):
        poses = [(index, pose) for index, row in enumerate(found) for n, pose in row if n == number]
        by_index = dict(poses)
        for index, label in answers(bundle, poses):
            away = np.abs(scene.places[index] - hips_x(by_index[index]))
            if np.isfinite(away).any():
                together.append(label == scene.labels[int(np.nanargmin(away))])
    for label, pictures in zip(scene.labels, scene.alone, strict=True):
        alone += [said == label for _, said in answers(bundle, list(enumerate(one_person(model, pictures))))]
    return together, alone


def cost(model: str, pictures: Sequence[np.ndarray], num_poses: int) -> float:
    """CPU milliseconds of a frame."""
    with PoseEstimator(model, num_poses) as poses:
        tracker = tracking.PeopleTracker()
        started = time.process_time()
        for index, picture in enumerate(pictures):
            found = poses.estimate_all(picture, stamp(index))
            if num_poses > 1:
                tracker.update(found, stamp(index))
        return 1000 * (time.process_time() - started) / len(pictures)


def print_costs(model: str, name: str, pictures: Sequence[np.ndarray]) -> None:
    """In turns, so that other work on the machine costs all the same."""
    rounds = [[cost(model, pictures[:60], num) for num in (1, 2, 3)] for _ in range(3)]
    one, two, three = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"| {name} | {one:.1f} | {two:.1f} | {three:.1f} | {two / one:.2f} | {three / one:.2f} |", flush=True)


def duplicates(model: str, folder: pathlib.Path) -> tuple[int, int, int]:
    """Of clips of one person, looked at for two: frames, frames with two poses, of these duplicates."""
    num = more = same = 0
    with open(folder / "labels.csv", encoding="utf-8") as file:
        names = [row["video"] for row in csv.DictReader(file) if row["view"] == "A"]
    for name in names[::3]:
        pictures = clip_pictures(folder / name)[:60]
        with PoseEstimator(model, 2) as poses:
            for index, picture in enumerate(pictures):
                found = poses.estimate_all(picture, stamp(index))
                num, more = num + 1, more + (len(found) > 1)
                same += len(found) > 1 and len(tracking.without_duplicates(found)) == 1
    return num, more, same


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=pathlib.Path, help="a folder of real clips with labels.csv")
    folder = parser.parse_args().clips
    model, bundle = model_file.locate(), exported_bundle.load(DEFAULT_BUNDLE)
    beside = (drawn.standing_at(-0.9), drawn.standing_at(0.9))
    across = (drawn.moving(-1.2, 1.2, 2, 6, -0.2), drawn.moving(1.2, -1.2, 2, 6, 0.7))
    makers = [lambda pair=pair: athletes(pair, "beside", beside) for pair in DRAWN_PAIRS]
    makers += [lambda pair=pair: athletes(pair, "crosses", across) for pair in DRAWN_PAIRS]
    if folder:
        makers += [lambda pair=pair: side_by_side(model, folder, pair) for pair in REAL_PAIRS]
        makers += [lambda pair=pair: cut_out(model, folder, pair) for pair in REAL_PAIRS[:2]]
        makers += [lambda: cut_out(model, folder, ("jumping_jack/jumping_jack_03", "squat/squat_06"))]
    print("| video | numbers exchanged | numbers | windows right, together | alone |\n| --- | --- | --- | --- | --- |")
    for make in makers:
        scene = make()
        found = tracked(model, scene.pictures)
        num, numbers = exchanges(scene, found)
        shares = [f"{sum(right)} of {len(right)}" for right in accuracy(bundle, scene, found, model)]
        print(f"| {scene.name} | {num} | {numbers} | {' | '.join(shares)} |", flush=True)
    print("\n| CPU ms a frame | 1 | 2 | 3 | 2 to 1 | 3 to 1 |\n| --- | --- | --- | --- | --- | --- |")
    scene = athletes(DRAWN_PAIRS[0], "beside", beside, 4.0)
    print_costs(model, "two drawn athletes", scene.pictures)
    print_costs(model, "one drawn athlete", scene.alone[0])
    if folder:
        real = side_by_side(model, folder, REAL_PAIRS[0])
        print_costs(model, "two real people", real.pictures)
        print_costs(model, "one real person", real.alone[0])
        print("frames of one person, with two poses, of one person:", *duplicates(model, folder))


if __name__ == "__main__":
    main()
