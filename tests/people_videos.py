"""Videos of several drawn athletes in one room, who may cross, leave and return."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from beam_jobs.athletes import exercise, scene
from beam_jobs.athletes.catalog import EXERCISES
from beam_jobs.athletes.rendering import person as rendering_person
from beam_jobs.athletes.rendering import rasterizer, room
from beam_jobs.athletes.tempo import Tempo

FRAME_RATE_HZ = 15
SIZE = (640, 360)
Place = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Athlete:
    """One of the people in a video.

    Attributes:
      exercise: its name.
      place: where the person is at a time in seconds, metres to the right and towards the camera; None: not there.
      seed: whom to draw, and how the exercise is done.
      heading_degrees: where the person looks; 0: into the camera.
    """

    exercise: str
    place: Callable[[float], Place | None]
    seed: int = 0
    heading_degrees: float = 0.0


def standing_at(x: float, y: float = 0.0) -> Callable[[float], Place]:
    """A person who stays at a place."""
    return lambda time_s: (x, y)


def moving(start: float, end: float, from_s: float, to_s: float, y: float = 0.0) -> Callable[[float], Place]:
    """A person who moves sideways between two times."""

    def place(time_s: float) -> Place:
        share = min(max((time_s - from_s) / (to_s - from_s), 0.0), 1.0)
        return start + (end - start) * share, y

    return place


def camera_of(size: tuple[int, int] = SIZE) -> rasterizer.Camera:
    """Five metres before the place (0, 0)."""
    width, height = size
    return rasterizer.look_at(np.array((0.0, 5.0, 1.1)), np.array((0.0, 0.0, 0.95)), 1.1 * width, width, height)


def place_in_picture(place: Place | None) -> float:
    """Where a person's hips are, as a share of the picture's width; NaN without a person."""
    if place is None:
        return math.nan
    return float(camera_of().project(np.array((*place, 0.95)))[0] / SIZE[0])


def draw(athletes: Sequence[Athlete], duration_s: float, size: tuple[int, int] = SIZE) -> Iterator[np.ndarray]:
    """The video's pictures, BGR, uint8, FRAME_RATE_HZ a second."""
    width, height = size
    rng = np.random.default_rng(7)
    camera = camera_of(size)
    background, depth, floor = room.render_room(room.sample_room(rng, camera.eye), camera, 0.0)
    light = np.array((0.3, 0.4, 1.0)) / math.sqrt(0.09 + 0.16 + 1)
    tempos = [Tempo(np.random.default_rng(a.seed), EXERCISES[a.exercise].seconds, duration_s) for a in athletes]
    noise = rng.normal(0, 4, (height, width, 3))
    for index in range(round(duration_s * FRAME_RATE_HZ)):
        time_s = index / FRAME_RATE_HZ
        solids: list[rasterizer.Solid] = []
        for athlete, tempo in zip(athletes, tempos, strict=True):
            place = athlete.place(time_s)
            if place is not None:
                body = scene.sample_body(athlete.seed, 0)
                style = exercise.MovementStyle([athlete.seed, 0, 2])
                skeleton = EXERCISES[athlete.exercise].pose(body, style, tempo.phase(time_s))
                skeleton = skeleton.moved(athlete.heading_degrees, np.array((*place, 0.0)))
                solids += rendering_person.person(skeleton, scene.sample_appearance(athlete.seed, 0))
        image = background.copy()
        rasterizer.cast_shadow(image, floor, solids, camera, light)
        rasterizer.Canvas(image, depth.copy(), camera, light).draw(solids)
        yield (image + np.roll(noise, index * 17, (0, 1))).clip(0, 255).astype(np.uint8)
