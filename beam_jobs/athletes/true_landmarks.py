"""The 33 landmarks of a drawn athlete, straight from the skeleton: where they truly are, without a picture."""

import numpy as np

from beam_jobs import body, landmarks
from beam_jobs.athletes.clip import Clip
from beam_jobs.athletes.scene import Scene
from beam_jobs.athletes.skeleton import SIDES, Skeleton

# On the head, in head sizes from its centre: right, forward, up; the right side's, mirrored for the left.
_NOSE = (0.0, 0.95, -0.15)
_FACE = {
    "{side}_eye_inner": (0.22, 0.82, 0.12),
    "{side}_eye": (0.37, 0.78, 0.12),
    "{side}_eye_outer": (0.52, 0.68, 0.12),
    "{side}_ear": (0.72, -0.05, 0.0),
    "mouth_{side}": (0.24, 0.80, -0.5),
}


def landmarks_of_skeleton(skeleton: Skeleton) -> np.ndarray:
    """Places of the landmarks in the athlete's own coordinates (right, forward, up), metres: float64, shape (33, 3)."""
    points, size = skeleton.points, skeleton.body.head_m
    centre, axes = points["head"], skeleton.frames["head"]

    def on_head(place: tuple[float, float, float], sign: float = 1.0) -> np.ndarray:
        return centre + size * (np.array(place) * (sign, 1, 1)) @ axes

    found = {"nose": on_head(_NOSE)}
    for side, sign in SIDES:
        found.update({name.format(side=side): on_head(place, sign) for name, place in _FACE.items()})
        for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel"):
            found[f"{side}_{joint}"] = points[f"{side}_{joint}"]
        found[f"{side}_foot_index"] = points[f"{side}_toe"]
        wrist, thumb = points[f"{side}_wrist"], points[f"{side}_thumb"]
        hand = points[f"{side}_hand"] - wrist
        thumbwards = thumb - wrist - 0.42 * hand
        found[f"{side}_index"] = wrist + 0.95 * hand + 0.25 * thumbwards
        found[f"{side}_pinky"] = wrist + 0.85 * hand - 0.5 * thumbwards
        found[f"{side}_thumb"] = thumb
    return np.stack([found[name] for name in landmarks.LANDMARK_NAMES])


def of_clip(clip: Clip, frame_rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks of a clip's whole length, as many a second as asked for, whatever the rate at which it would be drawn.

    Returns:
      In the camera's axes (right, down, away) from the middle of the hips, as MediaPipe's world landmarks, metres; and
      in the picture, as shares of its width and height and, for depth, of its width: float32, shape (T, 33, 3) each.
    """
    scene = Scene(clip)
    num = max(1, round(scene.tempo.duration_s * frame_rate_hz))
    places = np.stack([landmarks_of_skeleton(scene.skeleton_at(index / frame_rate_hz)) for index in range(num)])
    middle = body.mid_hip(places)
    world = (places - middle[:, None]) @ scene.camera.axes.T
    pixels = scene.picture(places)
    away = scene.camera.view(middle)[:, None, 2:]
    width, height = scene.size
    depth = world[..., 2:] * scene.camera.focal_px / away / width
    image = np.concatenate([pixels / (width, height), depth], axis=-1)
    return world.astype(np.float32), image.astype(np.float32)
