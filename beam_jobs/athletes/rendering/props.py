"""Things that athletes hold, stand at or lie on, as solids to draw. Colours are BGR, 0 to 255."""

import numpy as np

from beam_jobs.athletes.rendering.rasterizer import Capsule, Ellipsoid, Solid
from beam_jobs.athletes.skeleton import UP, Prop, cross, unit


def solids_of(prop: Prop) -> list[Solid]:
    """The solids of a thing."""
    half = prop.axis * prop.length_m / 2
    steel, rubber, cover = (165, 165, 160), (52, 50, 48), (48, 44, 40)
    if prop.kind == "bar":
        left, right = prop.centre - half, prop.centre + half
        posts = [Capsule(end, end * (1, 1, 0), 0.025, 0.025, rubber) for end in (left, right)]
        return [Capsule(left, right, 0.016, 0.016, steel, shine=0.3), *posts]
    if prop.kind == "bench":
        across = unit(cross(prop.axis, UP))
        down = -0.045 * cross(across, prop.axis)
        pads = [prop.centre + down + share * prop.radius_m * across for share in (-0.75, -0.25, 0.25, 0.75)]
        feet = [prop.centre + down + share * half for share in (-0.75, 0.75)]
        solids: list[Solid] = [Capsule(pad - half, pad + half, 0.045, 0.045, cover) for pad in pads]
        return solids + [Capsule(foot, foot * (1, 1, 0), 0.03, 0.03, steel) for foot in feet]
    if prop.kind in ("rod", "cord"):
        ends = (prop.centre - half, prop.centre + half, prop.radius_m, prop.radius_m)
        return [Capsule(*ends, steel, shine=0.3) if prop.kind == "rod" else Capsule(*ends, rubber)]
    if prop.kind == "box":
        return _box(prop)
    helper = unit(cross(prop.axis, np.array((0.3, 0.5, 0.8))))
    axes = np.stack([prop.axis, helper, cross(prop.axis, helper)])
    thin = 0.013 if prop.kind == "barbell" else 0.016
    solids = [Capsule(prop.centre - half, prop.centre + half, thin, thin, steel, shine=0.3)]
    thick = 0.03 if prop.kind == "barbell" else 0.055
    for sign in (-1, 1):
        at = prop.centre + sign * half * (1 - (0.14 if prop.kind == "barbell" else 0.25))
        solids.append(Ellipsoid(at, axes, (thick, prop.radius_m, prop.radius_m), rubber))
        if prop.kind == "barbell":
            solids.append(
                Ellipsoid(at + sign * 0.02 * prop.axis, axes, (0.02, 0.4 * prop.radius_m, 0.4 * prop.radius_m), steel)
            )
    return solids


def _box(prop: Prop) -> list[Solid]:
    """A box on the floor: layers of round beams, side by side, as many as hide what is inside."""
    half, across = prop.axis * (prop.length_m / 2 - 0.04), unit(cross(prop.axis, UP))
    high = float(prop.centre[2]) - 0.04
    layers = np.linspace(0.03, max(high, 0.03), max(2, round(high / 0.06)))
    columns = np.linspace(-1, 1, max(2, round((prop.radius_m - 0.04) / 0.03))) * (prop.radius_m - 0.04)
    wood = (96, 132, 168)
    beams: list[Solid] = []
    for layer in layers:
        # The inside of all but the top layer is not seen.
        for column in columns if layer == layers[-1] else columns[[0, -1]]:
            middle = prop.centre * (1, 1, 0) + column * across + layer * UP
            beams.append(Capsule(middle - half, middle + half, 0.04, 0.04, wood))
    for end in (-half, half):
        for column in columns:
            low = prop.centre * (1, 1, 0) + column * across + end
            beams.append(Capsule(low + 0.03 * UP, low + max(high, 0.03) * UP, 0.04, 0.04, wood))
    return beams
