"""Draws shaded solids with a depth buffer, in NumPy and OpenCV.

Every solid is a tapered capsule or an ellipsoid, drawn pixel by pixel in the camera's axes (x right, y down, z away)
under the perspective at its own centre. Colours are BGR, 0 to 255.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from beam_jobs.athletes.skeleton import unit

Colour = tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Camera:
    """A pinhole camera: where it is, its axes (rows right, down, away), its focal length and image size in pixels."""

    eye: np.ndarray
    axes: np.ndarray
    focal_px: float
    width_px: int
    height_px: int

    def view(self, points: np.ndarray) -> np.ndarray:
        """World points, shape (..., 3), in the camera's axes."""
        return (points - self.eye) @ self.axes.T

    def project(self, points: np.ndarray) -> np.ndarray:
        """World points, shape (..., 3), in pixels, shape (..., 2)."""
        view = self.view(points)
        return self.focal_px * view[..., :2] / view[..., 2:] + (self.width_px / 2, self.height_px / 2)


def look_at(
    eye: np.ndarray, target: np.ndarray, focal_px: float, width_px: int, height_px: int, roll_degrees: float = 0.0
) -> Camera:
    """A camera that looks at a point, upright but for its roll."""
    away = unit(target - eye)
    right = unit(np.cross(away, (0.0, 0.0, 1.0)))
    down = np.cross(away, right)
    roll = math.radians(roll_degrees)
    right, down = math.cos(roll) * right + math.sin(roll) * down, math.cos(roll) * down - math.sin(roll) * right
    return Camera(eye, np.stack([right, down, away]), focal_px, width_px, height_px)


# A painter turns an ellipsoid's own coordinates of the pixels (right, forward, up; -1 to 1) into colours (N, 3).
Painter = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Capsule:
    """A limb from `start` to `end` with a radius at each."""

    start: np.ndarray
    end: np.ndarray
    start_m: float
    end_m: float
    colour: Colour
    shine: float = 0.0


@dataclasses.dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid with axes (rows right, forward, up) and half-lengths along them.

    `slice_of` (0 to 1) lights it as a slice of a longer body along its last axis, so that a row of slices looks smooth.
    """

    centre: np.ndarray
    axes: np.ndarray
    radii_m: tuple[float, float, float]
    colour: Colour | Painter
    slice_of: float = 0.0


Solid = Capsule | Ellipsoid


class Canvas:
    """An image and its depth buffer, to draw solids on."""

    AMBIENT = 0.48
    BRIGHTEST = 1.125

    def __init__(self, image: np.ndarray, depth: np.ndarray, camera: Camera, light: np.ndarray) -> None:
        """Draws into `image` and `depth`.

        Args:
          image: uint8, shape (height, width, 3).
          depth: metres along the camera's axis, float32, shape (height, width).
          camera: of that size.
          light: the direction towards the light, in the world's axes.
        """
        self.image, self.depth, self.camera = image, depth, camera
        self.light = unit(camera.axes @ light)
        self._drawn = [image.shape[0], image.shape[1], 0, 0]
        self._tables: dict[tuple[Colour, float], np.ndarray] = {}
        self._columns = np.arange(image.shape[1], dtype=np.float32)
        self._rows = np.arange(image.shape[0], dtype=np.float32)[:, None]

    def draw(self, solids: list[Solid]) -> None:
        """Draws the solids; the order does not matter."""
        for solid in solids:
            if isinstance(solid, Capsule):
                self._capsule(solid)
            else:
                self._ellipsoid(solid)

    def _region(self, left: float, top: float, right: float, bottom: float) -> tuple[slice, slice] | None:
        height, width = self.depth.shape
        x0, x1 = max(int(left), 0), min(int(right) + 2, width)
        y0, y1 = max(int(top), 0), min(int(bottom) + 2, height)
        if x0 >= x1 or y0 >= y1:
            return None
        drawn = self._drawn
        self._drawn = [min(drawn[0], y0), min(drawn[1], x0), max(drawn[2], y1), max(drawn[3], x1)]
        return slice(y0, y1), slice(x0, x1)

    @property
    def drawn(self) -> tuple[slice, slice]:
        """The rows and columns that were drawn on, and a little more."""
        top, left, bottom, right = self._drawn
        return slice(max(top - 4, 0), max(bottom + 4, 0)), slice(max(left - 4, 0), max(right + 4, 0))

    def _capsule(self, solid: Capsule) -> None:
        camera = self.camera
        start, end = camera.view(np.stack([solid.start, solid.end]))
        if min(start[2], end[2]) < 0.1:
            return
        scale0, scale1 = camera.focal_px / start[2], camera.focal_px / end[2]
        x0, y0 = start[0] * scale0 + camera.width_px / 2, start[1] * scale0 + camera.height_px / 2
        x1, y1 = end[0] * scale1 + camera.width_px / 2, end[1] * scale1 + camera.height_px / 2
        r0, r1 = solid.start_m * scale0, solid.end_m * scale1
        region = self._region(
            min(x0 - r0, x1 - r1), min(y0 - r0, y1 - r1), max(x0 + r0, x1 + r1), max(y0 + r0, y1 + r1)
        )
        if region is None:
            return
        along_x, along_y = x1 - x0, y1 - y0
        squared = along_x * along_x + along_y * along_y + 1e-6
        x = self._columns[region[1]] - np.float32(x0)
        y = self._rows[region[0]] - np.float32(y0)
        # How far along the axis a pixel lies: 0 at the start, 1 at the end; round caps beyond.
        whole = x * np.float32(along_x / squared) + y * np.float32(along_y / squared)
        share = np.minimum(np.maximum(whole, 0), 1)
        inverse = 1 / (np.float32(r0) + share * np.float32(r1 - r0))
        # The squared distance from the axis, in radii.
        height = whole + whole
        height -= share
        height *= share
        height *= np.float32(-squared)
        height += x * x + y * y
        height *= inverse
        height *= inverse
        np.subtract(1, height, out=height)
        seen = height > 0
        z = np.sqrt(np.maximum(height, 0, out=height), out=height)
        near = np.float32(start[2]) + share * np.float32(end[2] - start[2])
        near -= z * np.float32((solid.start_m + solid.end_m) / 2)
        seen &= near < self.depth[region]
        axis = end - start
        axis = axis / (math.sqrt(float(axis @ axis)) + 1e-9)
        light = self.light
        lit = x * np.float32(light[0]) + y * np.float32(light[1])
        lit -= share * np.float32(along_x * light[0] + along_y * light[1])
        lit *= inverse
        # The normal square to the axis: a limb that points at the camera is lit from its side all the same.
        lit -= z * np.float32(light[2] - axis[2] * float(axis @ light))
        self._paint(region, seen, near, self._brightness(lit, z), solid.colour, solid.shine)

    def _paint(self, region, seen, near, brightness, colour: Colour, shine: float = 0.0) -> None:
        import cv2

        np.copyto(self.depth[region], near, where=seen)
        brightness *= np.float32(255 / self.BRIGHTEST)
        level = np.minimum(brightness, 255, out=brightness).astype(np.uint8)
        painted = cv2.LUT(cv2.merge((level, level, level)), self._shades(colour, shine))
        cv2.copyTo(painted, seen.view(np.uint8), self.image[region])

    def _shades(self, colour: Colour, shine: float) -> np.ndarray:
        """The colour at 256 levels of brightness, the brightest ones shining; uint8, shape (1, 256, 3)."""
        key = (colour, shine)
        if key not in self._tables:
            level = np.linspace(0, self.BRIGHTEST, 256)[:, None]
            shades = level * np.array(colour) + 255 * shine * np.maximum((level - 0.75) / 0.35, 0) ** 3
            self._tables[key] = np.clip(shades, 0, 255).astype(np.uint8)[None]
        return self._tables[key]

    def _ellipsoid(self, solid: Ellipsoid) -> None:
        camera = self.camera
        centre = camera.view(solid.centre)
        if centre[2] < 0.1:
            return
        scale = camera.focal_px / centre[2]
        axes = solid.axes @ camera.axes.T
        radii = np.array(solid.radii_m)
        extent = np.sqrt(((axes * radii[:, None]) ** 2).sum(0)) * scale
        x0, y0 = centre[0] * scale + camera.width_px / 2, centre[1] * scale + camera.height_px / 2
        region = self._region(x0 - extent[0], y0 - extent[1], x0 + extent[0], y0 + extent[1])
        if region is None:
            return
        form = ((axes / (radii**2)[:, None]).T @ axes).astype(np.float32)
        x = (self._columns[region[1]] - np.float32(x0)) / np.float32(scale)
        y = (self._rows[region[0]] - np.float32(y0)) / np.float32(scale)
        half = form[0, 2] * x + form[1, 2] * y
        rest = (form[0, 0] * x + 2 * form[0, 1] * y) * x + (form[1, 1] * y * y - 1)
        inside = half * half - form[2, 2] * rest
        z = (-half - np.sqrt(np.maximum(inside, 0))) / form[2, 2]
        near = np.float32(centre[2]) + z
        seen = (inside > 0) & (near < self.depth[region])
        # The normal is along form @ place; its angles to the light and to the camera come from the place directly.
        last = axes[2].astype(np.float32)
        normal = form - solid.slice_of * np.outer(last, last @ form)
        light, square = normal.T @ self.light.astype(np.float32), normal.T @ normal
        length = (square[0, 0] * x + 2 * square[0, 1] * y) * x + square[1, 1] * y * y
        length = np.sqrt(
            np.maximum(length + z * (2 * square[0, 2] * x + 2 * square[1, 2] * y + square[2, 2] * z), 1e-12)
        )
        lit = (light[0] * x + light[1] * y + light[2] * z) / length
        facing = (normal[2, 0] * x + normal[2, 1] * y + normal[2, 2] * z) / -length
        brightness = self._brightness(lit, facing)
        if not callable(solid.colour):
            self._paint(region, seen, near, brightness, solid.colour)
            return
        place = np.stack([np.broadcast_to(x, seen.shape)[seen], np.broadcast_to(y, seen.shape)[seen], z[seen]], axis=1)
        if len(place):
            colours = solid.colour(place @ (axes / radii[:, None]).T.astype(np.float32))
            self.image[region][seen] = np.minimum(brightness[seen][:, None] * colours, 255).astype(np.uint8)
            self.depth[region][seen] = near[seen]

    def _brightness(self, lit: np.ndarray, facing: np.ndarray) -> np.ndarray:
        """Up to BRIGHTEST, from the cosines of a surface's angles to the light and to the camera."""
        # A little light comes back from behind. Darker towards the outline, as where a limb turns away from the room.
        brightness = np.maximum(lit, -0.13 * lit)
        brightness *= 0.62
        brightness += self.AMBIENT
        edge = 0.45 * facing
        edge += 0.72
        brightness *= np.minimum(edge, 1, out=edge)
        return brightness


def cast_shadow(image: np.ndarray, floor: np.ndarray, solids: list[Solid], camera: Camera, light: np.ndarray) -> None:
    """Darkens the floor where solids stand in the light.

    Args:
      image: uint8, shape (height, width, 3); changed in place.
      floor: where the floor is seen, uint8 0 or 1, shape (height, width).
      solids: what throws the shadow; their capsules do.
      camera: of that image.
      light: the direction towards the light.
    """
    import cv2

    capsules = [solid for solid in solids if isinstance(solid, Capsule)]
    ends = np.array([(capsule.start, capsule.end) for capsule in capsules])
    flat = ends - (ends[..., 2:] / light[2]) * light
    flat[..., 2] = 0
    depth = camera.view(flat)[..., 2]
    pixels = camera.project(flat)
    mask = np.zeros(image.shape[:2], np.uint8)
    for capsule, (start, end), away in zip(capsules, pixels, depth, strict=True):
        if away.min() < 0.3 or np.abs((start, end)).max() > 4000:
            continue
        thick = max(int(1.5 * capsule.start_m * camera.focal_px / away[0]), 1)
        cv2.line(mask, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 255, thick)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return
    region = (slice(max(rows[0] - 12, 0), rows[-1] + 13), slice(max(columns[0] - 12, 0), columns[-1] + 13))
    soft = cv2.blur(cv2.blur(mask[region], (11, 7)), (9, 7)) * floor[region]
    darker = (255 - 0.42 * soft).astype(np.uint8)
    image[region] = cv2.multiply(image[region], cv2.merge([darker] * 3), scale=1 / 255)
