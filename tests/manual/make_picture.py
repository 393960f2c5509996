"""Makes the moving picture of README.md: a drawn athlete, and what live says with the bundle that comes with it.

    python tests/manual/make_picture.py live/static/recognised.webp

The athlete does three exercises in one video, one after the other. Every landmark and every answer in the picture
comes from live's own recognizer and overlay. The script fails if an exercise is not recognised by its end.
"""

import math
import pathlib
import sys
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image

from beam_jobs.athletes import exercise, scene
from beam_jobs.athletes.catalog import EXERCISES
from beam_jobs.athletes.rendering import camera_view, person, rasterizer, room
from beam_jobs.athletes.skeleton import Body, Skeleton
from beam_jobs.athletes.tempo import Tempo
from beam_jobs.pose import model_file
from live import overlay, recognizer
from live.defaults import DEFAULT_BUNDLE
from model import bundle as bundles

# Seeds of the athlete's body and clothes.
PERSON = (0, 5)
# Each exercise, the seed of how it is done, and how long it is done.
PROGRAMME = (("squat", 5, 4.6), ("jumping_jack", 2, 4.2), ("push_up", 4, 5.0))
FRAME_RATE_HZ = 15
SIZE = (576, 360)
# Drawn larger and made smaller, so that edges are smooth.
SCALE = 2
# The picture that comes first: what a viewer without animations shows. The loop starts there.
FIRST_PICTURE = 40
QUALITY = 45
ROOM = room.Room(
    turn=math.radians(222),
    back_m=2.3,
    left_m=3.4,
    right_m=3.0,
    ceiling_m=3.2,
    floor="planks",
    floor_colour=(120, 160, 196),
    wall_colour=(226, 224, 216),
    dado_colour=(206, 206, 190),
    dado_m=1.0,
    mat=(0.45, 1.15),
    mat_colour=(150, 116, 74),
    boxes=(
        room.Box((1.3, 1.9, 0.0), (2.2, 2.3, 0.85), (112, 142, 176)),
        room.Box((-2.9, 1.95, 0.0), (-2.4, 2.3, 1.7), (150, 160, 150)),
    ),
    pictures=((-0.2, 1.45, 0.9, 2.15, (190, 170, 120)),),
    brightness=1.0,
    texture_seed=1,
)


def draw_poses(body: Body) -> list[list[Skeleton]]:
    """The poses of a body, one list for each exercise."""
    result = []
    for name, seed, seconds in PROGRAMME:
        kind = EXERCISES[name]
        style = exercise.MovementStyle([seed, 0, 2])
        tempo = Tempo(np.random.default_rng(seed), kind.seconds, seconds)
        times_s = np.arange(round(seconds * FRAME_RATE_HZ)) / FRAME_RATE_HZ
        poses = [kind.pose(body, style, tempo.phase(float(time_s))) for time_s in times_s]
        # Each exercise round the same place on the floor.
        points = np.concatenate([list(pose.points.values()) for pose in poses])
        aside = np.append((points.min(0) + points.max(0))[:2] / 2, 0)
        result.append([pose.moved(0, -aside) for pose in poses])
    return result


def draw_pictures() -> Iterator[tuple[str, np.ndarray]]:
    """Yields the name of the exercise that is done, and the picture: BGR, uint8, shape (height, width, 3)."""
    body, look = scene.sample_body(*PERSON), scene.sample_appearance(*PERSON)
    poses = draw_poses(body)
    points = np.concatenate([list(pose.points.values()) for part in poses for pose in part])
    # The poses' points lie inside of the body.
    points = np.concatenate([points + 0.13 * step for step in (*np.eye(3), *-np.eye(3))])
    width, height = SIZE[0] * SCALE, SIZE[1] * SCALE
    view = camera_view.View(
        (width, height), math.radians(40), math.radians(8), 1.3 * width, 0.97, 0.0, np.array((0.42, 0.0))
    )
    camera = view.camera(points, 0)
    light = rasterizer.unit(np.array((0.5, 0.3, 1.0)) + 0.55 * view.back * (1, 1, 0))
    background, depth, floor = room.render_room(ROOM, camera)
    for (name, _, _), part in zip(PROGRAMME, poses, strict=True):
        for pose in part:
            solids = person.person(pose, look)
            image = background.copy()
            rasterizer.cast_shadow(image, floor, solids, camera, light)
            rasterizer.Canvas(image, depth.copy(), camera, light).draw(solids)
            yield name, cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA)


def main(path: str) -> None:
    """Draws, recognises, and writes the file."""
    bundle = bundles.load(DEFAULT_BUNDLE)
    skeleton, answer = overlay.SkeletonAnnotator(), overlay.AnswerAnnotator(bundle.labels)
    pictures: list[Image.Image] = []
    last: dict[str, str | None] = {}
    with recognizer.Recognizer(bundle, model_file.locate()) as recognizing:
        for number, (name, image) in enumerate(draw_pictures()):
            recognition = recognizing.update(image, round(number * 1000 / FRAME_RATE_HZ))
            last[name] = recognition.exercise
            picture = answer.annotate(skeleton.annotate(image.copy(), recognition.pose), recognition)
            pictures.append(Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)))
    wrong = {name: said for name, said in last.items() if said != name}
    if wrong:
        sys.exit(f"not recognised by its end (exercise: answer): {wrong}. Choose other seeds.")
    pictures = pictures[FIRST_PICTURE:] + pictures[:FIRST_PICTURE]
    pictures[0].save(
        path,
        save_all=True,
        append_images=pictures[1:],
        duration=round(1000 / FRAME_RATE_HZ),
        loop=0,
        quality=QUALITY,
        method=6,
    )
    print(f"{path}: {len(pictures)} pictures, {pathlib.Path(path).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(sys.argv[1])
