"""Rooms for drawn athletes: floor, walls and furniture, cast ray by ray, once a clip."""

import dataclasses

import numpy as np

from beam_jobs.athletes.rendering.rasterizer import Camera, Colour


@dataclasses.dataclass(frozen=True)
class Box:
    """A piece of furniture, square to the walls, in the room's axes; `low` and `high` are opposite corners."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    colour: Colour


@dataclasses.dataclass(frozen=True)
class Room:
    """A room round the athlete, in its own axes: y towards the back wall, x to the right, z up.

    Attributes:
      turn: angle from the world's axes to the room's, radians.
      back_m, left_m, right_m: how far the walls are from the athlete.
      floor: 'plain', 'planks' or 'tiles'.
      mat: half-lengths of an exercise mat under the athlete, in the world's axes; None for none.
    """

    turn: float
    back_m: float
    left_m: float
    right_m: float
    ceiling_m: float
    floor: str
    floor_colour: Colour
    wall_colour: Colour
    dado_colour: Colour
    dado_m: float
    mat: tuple[float, float] | None
    mat_colour: Colour
    boxes: tuple[Box, ...]
    pictures: tuple[tuple[float, float, float, float, Colour], ...]
    brightness: float
    texture_seed: int


def sample_room(rng: np.random.Generator, eye: np.ndarray) -> Room:
    """A room whose back wall is roughly behind the athlete as seen from `eye`, which is in the room too."""

    def colour(low: float, high: float, tint: float) -> Colour:
        base = rng.uniform(low, high)
        return tuple(float(np.clip(base + rng.uniform(-tint, tint), 10, 250)) for _ in range(3))

    back = rng.uniform(1.4, 3.2)
    left, right = rng.uniform(2.2, 5.0, 2)
    boxes = []
    for _ in range(rng.integers(0, 4)):
        width, depth, height = rng.uniform(0.3, 1.1), rng.uniform(0.2, 0.45), rng.uniform(0.3, 1.9)
        x = rng.uniform(-left + 0.3, right - 0.3 - width)
        boxes.append(Box((x, back - depth, 0.0), (x + width, back, height), colour(40, 200, 40)))
    pictures = []
    for _ in range(rng.integers(0, 4)):
        x, z = rng.uniform(-left, right - 0.5), rng.uniform(1.0, 1.9)
        pictures.append((x, z, x + rng.uniform(0.4, 1.2), z + rng.uniform(0.3, 0.9), colour(60, 235, 50)))
    wall = colour(120, 235, 22)
    # The world's direction from the athlete away from the camera, turned a little, is the room's y.
    turn = np.arctan2(eye[0], eye[1]) + np.pi + np.radians(rng.uniform(-22, 22))
    aside = float(np.cos(turn) * eye[0] - np.sin(turn) * eye[1])
    return Room(
        turn=float(turn),
        back_m=back,
        left_m=max(left, 0.4 - aside),
        right_m=max(right, 0.4 + aside),
        ceiling_m=rng.uniform(2.6, 3.4),
        floor=str(rng.choice(["plain", "planks", "tiles", "planks"])),
        floor_colour=colour(70, 190, 30),
        wall_colour=wall,
        dado_colour=colour(80, 220, 30) if rng.random() < 0.3 else wall,
        dado_m=rng.uniform(0.8, 1.3),
        mat=(rng.uniform(0.32, 0.5), rng.uniform(0.9, 1.1)) if rng.random() < 0.45 else None,
        mat_colour=colour(50, 180, 60),
        boxes=tuple(boxes),
        pictures=tuple(pictures),
        brightness=rng.uniform(0.78, 1.08),
        texture_seed=int(rng.integers(2**31)),
    )


def render_room(room: Room, camera: Camera, mat_y: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The empty room.

    Args:
      room: what to draw.
      camera: from where.
      mat_y: the mat's centre, along the athlete's forward axis.

    Returns:
      The image, uint8 (height, width, 3); depth in metres, float32 (height, width); where the floor is, uint8 0 or 1.
    """
    import cv2

    rng = np.random.default_rng(room.texture_seed)
    width, height = camera.width_px, camera.height_px
    x = (np.arange(width, dtype=np.float32) - width / 2) / camera.focal_px
    y = (np.arange(height, dtype=np.float32)[:, None] - height / 2) / camera.focal_px
    rays = (
        x[..., None] * camera.axes[0] + y[..., None] * camera.axes[1] + np.ones((height, width, 1)) * camera.axes[2]
    ).astype(np.float32)
    # The room's y axis in the world: azimuth is measured from the athlete's forward axis towards the right.
    sin, cos = np.sin(room.turn), np.cos(room.turn)
    to_room = np.array([(cos, -sin, 0), (sin, cos, 0), (0, 0, 1)], np.float32)
    eye = to_room @ camera.eye.astype(np.float32)
    rays = rays @ to_room.T

    depth = np.full((height, width), np.inf, np.float32)
    colours = np.zeros((height, width, 3), np.float32)
    floor = np.zeros((height, width), np.uint8)

    def surface(axis: int, value: float):
        with np.errstate(divide="ignore", invalid="ignore"):
            far = (value - eye[axis]) / rays[..., axis]
        hit = (far > 0.05) & (far < depth)
        depth[hit] = far[hit]
        floor[hit] = axis == 2 and value == 0
        return hit, eye + far[hit][:, None] * rays[hit]

    noise = cv2.GaussianBlur(rng.normal(0, 1, (256, 256)).astype(np.float32), (0, 0), 3)
    noise = noise / noise.std()
    fine = rng.normal(0, 1, (256, 256)).astype(np.float32)

    def texture(u: np.ndarray, v: np.ndarray, table: np.ndarray, per_m: float) -> np.ndarray:
        return table[(u * per_m).astype(int) % 256, (v * per_m).astype(int) % 256][:, None]

    hit, place = surface(2, 0.0)
    u, v = place[:, 0], place[:, 1]
    painted = np.array(room.floor_colour, np.float32) + 5 * texture(u, v, noise, 40) + 3 * texture(u, v, fine, 150)
    if room.floor == "planks":
        plank = np.floor(u / 0.14).astype(int)
        painted *= 1 + 0.07 * fine[plank % 256, np.floor(v / 1.3 + 0.37 * plank).astype(int) % 256][:, None]
        painted[(u / 0.14) % 1 < 0.05] *= 0.8
    elif room.floor == "tiles":
        painted[((u / 0.5) % 1 < 0.03) | ((v / 0.5) % 1 < 0.03)] *= 0.78
    if room.mat is not None:
        world = place @ to_room
        on_mat = (np.abs(world[:, 0]) < room.mat[0]) & (np.abs(world[:, 1] - mat_y) < room.mat[1])
        painted[on_mat] = (np.array(room.mat_colour, np.float32) + 4 * texture(u, v, fine, 120))[on_mat]
    colours[hit] = painted * (1.05 - 0.035 * np.hypot(u, v))[:, None]

    for axis, value, shade in (
        (1, room.back_m, 1.0),
        (0, -room.left_m, 0.86),
        (0, room.right_m, 0.92),
        (1, min(-12.0, float(eye[1]) - 0.4), 0.8),
    ):
        hit, place = surface(axis, value)
        u, z = place[:, 1 - axis], place[:, 2]
        painted = np.where((z < room.dado_m)[:, None], room.dado_colour, room.wall_colour).astype(np.float32)
        painted += 3 * texture(u, z, noise, 30) + 1.5 * texture(u, z, fine, 90)
        if axis == 1 and value > 0:
            for left, low, right, high, colour in room.pictures:
                frame = (u > left) & (u < right) & (z > low) & (z < high)
                painted[frame] = np.array(colour, np.float32) * 0.4
                inner = (u > left + 0.03) & (u < right - 0.03) & (z > low + 0.03) & (z < high - 0.03)
                painted[inner] = (np.array(colour, np.float32) + 14 * texture(u, z, noise, 60))[inner]
        painted[z < 0.09] *= 0.7
        colours[hit] = painted * (shade * (0.82 + 0.09 * np.clip(z, 0, 2.6)))[:, None]
    hit, _ = surface(2, room.ceiling_m)
    colours[hit] = (225, 226, 226)

    for box in room.boxes:
        corner, opposite = np.array(box.low, np.float32), np.array(box.high, np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            first, second = (corner - eye) / rays, (opposite - eye) / rays
        near_axes = np.minimum(first, second)
        near, far = near_axes.max(-1), np.maximum(first, second).min(-1)
        hit = (near < far) & (near > 0.05) & (near < depth)
        depth[hit] = near[hit]
        floor[hit] = 0
        shade = np.array((0.75, 0.9, 1.1), np.float32)[near_axes.argmax(-1)[hit]]
        place = eye + near[hit][:, None] * rays[hit]
        painted = np.array(box.colour, np.float32) + 5 * texture(place[:, 0] + place[:, 1], place[:, 2], noise, 50)
        painted[(place[:, 2] / 0.38) % 1 < 0.04] *= 0.7
        colours[hit] = painted * shade[:, None]

    floor[np.isinf(depth)] = 0
    image = np.clip(colours * room.brightness, 0, 255).astype(np.uint8)
    return image, depth, floor
