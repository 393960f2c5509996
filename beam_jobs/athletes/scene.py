"""What a clip of a drawn athlete shows: a person, a tempo, a room and a camera, all following from a seed."""

import functools
import math
from collections.abc import Iterator

import numpy as np

from beam_jobs import labels
from beam_jobs.athletes import exercise
from beam_jobs.athletes import skeleton as athletes_skeleton
from beam_jobs.athletes.catalog import EXERCISES
from beam_jobs.athletes.clip import Clip
from beam_jobs.athletes.rendering import camera_view, rasterizer, room
from beam_jobs.athletes.rendering import person as rendering_person
from beam_jobs.athletes.tempo import Tempo

_FRAME_RATES_HZ = (24, 25, 30)
# Mostly the sampling rate of the jobs, so that fewer frames are drawn.
_VARIED_FRAME_RATES_HZ = (15, 15, 15, 24, 25, 30)
MARGIN_PX = 6


def sample_body(seed: int, person: int) -> athletes_skeleton.Body:
    """A person's bones, the same in all of their clips."""
    return athletes_skeleton.sample_body(_person_rng(seed, person))


def _person_rng(seed: int, person: int) -> np.random.Generator:
    return np.random.default_rng([seed, person, 1])


def sample_appearance(seed: int, person: int) -> rendering_person.Appearance:
    """What a person looks like, the same in all of their clips."""
    import cv2  # here, and in what draws: the skeletons alone need no OpenCV

    rng = _person_rng(seed, person)
    athletes_skeleton.sample_body(rng)  # the looks are drawn after the bones, from the same numbers
    tones = ((168, 196, 232), (140, 172, 218), (112, 148, 200), (84, 118, 172), (58, 88, 138), (44, 64, 104))
    hairs = ((28, 26, 26), (30, 44, 66), (44, 70, 104), (70, 128, 178), (110, 118, 124), (34, 52, 120))
    skin = tuple(float(np.clip(c + rng.normal(0, 6), 20, 245)) for c in tones[rng.integers(len(tones))])
    hair = tuple(float(np.clip(c + rng.normal(0, 6), 12, 230)) for c in hairs[rng.integers(len(hairs))])

    def cloth() -> rasterizer.Colour:
        """Any hue, from black to white, rarely glaring."""
        hsv = np.array([[[rng.integers(180), rng.integers(0, 200), rng.integers(45, 240)]]], np.uint8)
        return tuple(float(c) for c in cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0])

    style = str(rng.choice(["short", "short", "bun", "ponytail", "long", "bald"]))
    return rendering_person.Appearance(
        girth=float(np.clip(rng.normal(1.03, 0.12), 0.84, 1.34)),
        muscle=float(np.clip(rng.normal(1.0, 0.09), 0.84, 1.22)),
        waist=float(rng.uniform(0.80, 0.98)),
        skin=skin,
        hair=hair,
        shirt=cloth(),
        stripe=cloth() if rng.random() < 0.3 else None,
        pants=cloth(),
        shoes=cloth(),
        sleeve=float(rng.choice([0.0, 0.55, 0.65, 0.65, 1.95])),
        trousers=float(rng.choice([0.55, 0.8, 0.95, 1.9, 1.92])),
        loose=float(rng.uniform(1.04, 1.24)),
        hair_style=style,
        beard=bool(style in ("short", "bald") and rng.random() < 0.4),
    )


class Scene:
    """One clip: a person, a manner of exercising, a room and a camera."""

    def __init__(self, clip: Clip, duration_s: float | None = None) -> None:
        """Samples the scene.

        Args:
          clip: what to show.
          duration_s: for a clip of another length than the sampled one.
        """
        rng = np.random.default_rng([clip.seed, clip.index])
        self.clip = clip
        self.exercise = EXERCISES[clip.exercise]
        self.body = sample_body(clip.seed, clip.person)
        self.varied = clip.variety == "varied"
        self.style = exercise.MovementStyle([clip.seed, clip.index, 2], self.varied)
        self.mirrored = bool(rng.random() < 0.5)
        self.frame_rate_hz = int(rng.choice(_VARIED_FRAME_RATES_HZ if self.varied else _FRAME_RATES_HZ))
        self.tempo = Tempo(rng, self.exercise.seconds, duration_s, self.varied)
        self.num_frames = int(self.tempo.duration_s * self.frame_rate_hz)
        self._place_camera(rng)
        self._shake_px = rng.uniform(0, 1.6) * (rng.random() < 0.6)
        self._shake = rng.uniform(0.2, 1.2, (2, 3)), rng.uniform(0, math.tau, (2, 3))
        self._noise_level = rng.uniform(2, 9)
        self._blur = float(rng.uniform(0.45, 0.9))
        self._rng = rng

    @functools.cached_property
    def look(self) -> rendering_person.Appearance:
        """What the person looks like."""
        return sample_appearance(self.clip.seed, self.clip.person)

    def _place_camera(self, rng: np.random.Generator) -> None:
        phases = [
            exercise.RepetitionPhase(depth, repetition, 0.0)
            for depth in (0, 0.25, 0.5, 0.75, 1)
            for repetition in (0, 1)
        ]
        if self.varied or self.exercise.label == labels.NO_EXERCISE or self.exercise.framed_by_time:
            # A person who walks about is in view all the time.
            num = 96 if self.exercise.framed_by_time else 24
            phases = [self.tempo.phase(time_s) for time_s in np.linspace(0, self.tempo.duration_s, num)]
        points = np.concatenate([list(self._pose(phase).points.values()) for phase in phases])
        # Skeleton points lie inside the body: half a head more on every side.
        points = np.concatenate([points + 0.13 * step for step in (*np.eye(3), *-np.eye(3))])
        low, high = points.min(0), points.max(0)
        upright = bool(high[2] - low[2] > 0.8 * max(high[:2] - low[:2]))
        view = (camera_view.sample_varied_view if self.varied else camera_view.sample_view)(rng, self.exercise, upright)
        self.camera = view.camera(points, MARGIN_PX)
        self.room = room.sample_room(rng, self.camera.eye)
        self._mat_y = float((low[1] + high[1]) / 2)
        light = np.array((*rng.uniform(-0.6, 0.6, 2), 1.0)) + 0.55 * view.back * (1, 1, 0)
        self.light = athletes_skeleton.unit(light)
        self.size = view.size

    def _pose(self, phase: exercise.RepetitionPhase) -> athletes_skeleton.Skeleton:
        pose = self.exercise.pose(self.body, self.style, phase)
        return pose.mirrored() if self.mirrored else pose

    def skeleton_at(self, time_s: float) -> athletes_skeleton.Skeleton:
        """The pose at a time since the clip's start."""
        return self._pose(self.tempo.phase(time_s))

    def skeleton(self, frame: int) -> athletes_skeleton.Skeleton:
        """The pose in a frame."""
        return self.skeleton_at(frame / self.frame_rate_hz)

    def picture(self, points: np.ndarray) -> np.ndarray:
        """Where the pictures show points of the scene, in pixels, shape (..., 2), with a camera that does not shake."""
        return self.camera.project(points) - MARGIN_PX

    def frames(self) -> Iterator[np.ndarray]:
        """The clip's pictures, BGR, uint8, shape (height, width, 3)."""
        import cv2

        background, depth, floor = room.render_room(self.room, self.camera, self._mat_y)
        background = cv2.GaussianBlur(background, (3, 3), self._blur)
        width, height = self.size
        rng = np.random.default_rng([self.clip.seed, self.clip.index, 3])
        noise = rng.normal(0, self._noise_level, (height + 48, width + 48, 3))
        brighter, darker = (np.clip(sign * noise, 0, 40).astype(np.uint8) for sign in (1, -1))
        for index in range(self.num_frames):
            solids = rendering_person.person(self.skeleton(index), self.look)
            image = background.copy()
            rasterizer.cast_shadow(image, floor, solids, self.camera, self.light)
            canvas = rasterizer.Canvas(image, depth.copy(), self.camera, self.light)
            canvas.draw(solids)
            # The person may be out of a partial view for a moment.
            if image[canvas.drawn].size:
                image[canvas.drawn] = cv2.GaussianBlur(image[canvas.drawn], (3, 3), self._blur)
            rates, phases = self._shake
            x, y = self._shake_px * np.sin(math.tau * rates * index / self.frame_rate_hz + phases).sum(1) / 2
            if self._shake_px:
                middle = ((width - 1) / 2 + MARGIN_PX + float(x), (height - 1) / 2 + MARGIN_PX + float(y))
                image = cv2.getRectSubPix(image, self.size, middle)
            else:
                image = image[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
            down, right = rng.integers(0, 48, 2)
            part = (slice(down, down + height), slice(right, right + width))
            yield cv2.subtract(cv2.add(image, brighter[part]), darker[part])
