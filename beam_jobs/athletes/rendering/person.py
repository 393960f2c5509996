"""A person as solids to draw: head, trunk, limbs, clothes, things in the hands. Colours are BGR, 0 to 255."""

import dataclasses

import numpy as np

from beam_jobs.athletes.rendering import props
from beam_jobs.athletes.rendering.rasterizer import Capsule, Colour, Ellipsoid, Painter, Solid
from beam_jobs.athletes.skeleton import SIDES, Skeleton, cross, unit


@dataclasses.dataclass(frozen=True)
class Appearance:
    """What a person looks like beside the bones: girth, clothing, head.

    Attributes:
      girth: 1 is average; scales the limbs' and the trunk's thickness.
      muscle: 1 is average; scales shoulders, arms and calves.
      waist: the waist's width, of the hips'.
      sleeve: how far the sleeves reach, 0 none, 1 elbow, 2 wrist.
      trousers: how far the trousers reach, 1 knee, 2 ankle.
      loose: how much wider than the limb clothes are.
      hair_style: 'short', 'bun', 'ponytail', 'long', 'bald'.
      beard: has one.
      stripe: colour of a band round the chest; None for none.
    """

    girth: float
    muscle: float
    waist: float
    skin: Colour
    hair: Colour
    shirt: Colour
    stripe: Colour | None
    pants: Colour
    shoes: Colour
    sleeve: float
    trousers: float
    loose: float
    hair_style: str
    beard: bool


def _head_painter(look: Appearance) -> Painter:
    """Face and hair on the head's ellipsoid, by its own coordinates."""
    skin, hair = np.array(look.skin, np.float32), np.array(look.hair, np.float32)
    lips = skin * np.array((0.62, 0.55, 0.80), np.float32)
    bald = look.hair_style == "bald"

    def paint(place: np.ndarray) -> np.ndarray:
        right, forward, up = place.T
        colours = np.repeat(skin[None], len(place), axis=0)
        front = forward > 0
        side = np.abs(right)
        if look.beard:
            beard = (up < -0.28) & (forward > -0.15) & ~((side < 0.26) & (np.abs(up + 0.52) < 0.10))
            colours[beard & (up < -0.12)] = 0.65 * hair + 0.35 * skin
        if not bald:
            line = 0.02 + 0.5 * np.maximum(forward, -0.2) - 0.9 * np.maximum(-0.2 - forward, 0) + 0.10 * side
            colours[up > line] = hair
        sockets = front & (((side - 0.37) / 0.26) ** 2 + ((up - 0.10) / 0.17) ** 2 < 1)
        colours[sockets] *= 0.86
        brows = front & (np.abs(up - 0.29 + 0.12 * (side - 0.37) ** 2) < 0.045) & (np.abs(side - 0.37) < 0.2)
        colours[brows] = 0.8 * hair + 0.2 * skin * 0.5
        eyes = front & (((side - 0.37) / 0.16) ** 2 + ((up - 0.09) / 0.085) ** 2 < 1)
        colours[eyes] = (235, 238, 240)
        iris = front & (((right - 0.37 * np.sign(right)) / 0.085) ** 2 + ((up - 0.09) / 0.09) ** 2 < 1)
        colours[iris & eyes] = (30, 38, 48)
        colours[front & (((right) / 0.16) ** 2 + ((up + 0.28) / 0.06) ** 2 < 1)] *= 0.8
        mouth = front & ((right / 0.30) ** 2 + ((up + 0.52) / 0.075) ** 2 < 1)
        colours[mouth] = lips
        colours[mouth & (np.abs(up + 0.52) < 0.015)] *= 0.6
        return colours

    return paint


def _head(skeleton: Skeleton, look: Appearance) -> list[Solid]:
    points, (right, forward, up) = skeleton.points, skeleton.frames["head"]
    size, centre = skeleton.body.head_m, points["head"]
    radii = (0.70 * size, 0.84 * size, size)
    chin = tuple(0.65 * h + 0.35 * s for h, s in zip(look.hair, look.skin, strict=True)) if look.beard else look.skin
    solids: list[Solid] = [
        Capsule(
            points["neck"],
            centre - 0.35 * size * up - 0.2 * size * forward,
            0.55 * size,
            0.5 * size,
            look.skin,
        ),
        Ellipsoid(centre, skeleton.frames["head"], radii, _head_painter(look)),
        Capsule(
            centre + 0.80 * size * forward + 0.04 * size * up,
            centre + 0.93 * size * forward - 0.2 * size * up,
            0.07 * size,
            0.12 * size,
            look.skin,
        ),
        Capsule(
            centre - 0.52 * size * up + 0.3 * size * forward,
            centre - 0.78 * size * up + 0.5 * size * forward,
            0.42 * size,
            0.26 * size,
            chin,
        ),
    ]
    for sign in (-1, 1):
        ear = centre + sign * 0.70 * size * right - 0.04 * size * forward - 0.02 * size * up
        solids.append(
            Ellipsoid(
                ear,
                skeleton.frames["head"],
                (0.09 * size, 0.16 * size, 0.25 * size),
                tuple(0.93 * c for c in look.skin),
            )
        )
    crown = centre + 0.10 * size * up - 0.14 * size * forward
    if look.hair_style != "bald":
        solids.append(
            Ellipsoid(crown, skeleton.frames["head"], (0.77 * size, 0.82 * size, 0.98 * size), _hair_cap(look, size))
        )
    if look.hair_style == "bun":
        solids.append(
            Ellipsoid(
                centre - 0.75 * size * forward + 0.72 * size * up,
                skeleton.frames["head"],
                (0.36 * size,) * 3,
                look.hair,
            )
        )
    if look.hair_style in ("ponytail", "long"):
        tie = centre - 0.86 * size * forward + 0.35 * size * up
        chest = skeleton.frames["chest"]
        # Hair hangs down, except where the back is in its way.
        hang = unit(np.array((0, 0, -1.0)) - 0.35 * forward)
        hang = unit(hang - 1.2 * max(float(hang @ chest[1]), 0) * chest[1] - 0.3 * chest[1])
        if look.hair_style == "ponytail":
            solids.append(
                Capsule(tie, tie + 0.55 * size * hang - 0.25 * size * forward, 0.24 * size, 0.3 * size, look.hair)
            )
            solids.append(
                Capsule(
                    tie + 0.55 * size * hang - 0.25 * size * forward,
                    tie + 1.7 * size * hang,
                    0.3 * size,
                    0.14 * size,
                    look.hair,
                )
            )
        else:
            solids.append(
                Capsule(
                    centre - 0.45 * size * forward + 0.1 * size * up,
                    centre - 0.55 * size * forward - 1.0 * size * up,
                    0.62 * size,
                    0.5 * size,
                    look.hair,
                )
            )
    return solids


def _hair_cap(look: Appearance, size: float) -> Painter:
    hair, skin = np.array(look.hair, np.float32), np.array(look.skin, np.float32)

    def paint(place: np.ndarray) -> np.ndarray:
        _, forward, up = place.T
        colours = np.repeat(hair[None], len(place), axis=0)
        # Strands: a little lighter and darker across.
        colours *= (1 + 0.12 * np.sin(17 * place[:, 0] + 5 * forward))[:, None]
        colours[(up < -0.15 + 0.75 * forward) & (up < 0.5) & (forward > 0.1)] = skin
        return colours

    return paint


def _trunk(skeleton: Skeleton, look: Appearance) -> list[Solid]:
    points, body = skeleton.points, skeleton.body
    pelvis, chest = skeleton.frames["pelvis"], skeleton.frames["chest"]
    girth = look.girth
    hips, shoulders = body.hip_m + 0.042 * body.height_m * girth, 0.9 * body.shoulder_m
    waist = hips * look.waist
    # Share of the way from the pelvis to the neck: half-width, half-depth (of height), how far forward.
    profile = (
        (-0.02, 0.95 * hips, 0.060 * girth, -0.010),
        (0.10, hips, 0.061 * girth, -0.008),
        (0.22, 0.6 * hips + 0.4 * waist, 0.058 * girth, -0.003),
        (0.34, 0.2 * hips + 0.8 * waist, 0.054 * girth, 0.001),
        (0.46, 0.95 * waist + 0.05 * shoulders, 0.053 * girth, 0.004),
        (0.58, 0.55 * waist + 0.45 * shoulders, 0.057 * girth, 0.004),
        (0.70, 0.94 * shoulders, 0.061 * (0.6 * girth + 0.4 * look.muscle), 0.004),
        (0.81, 0.98 * shoulders, 0.058 * (0.6 * girth + 0.4 * look.muscle), -0.001),
        (0.92, 0.82 * shoulders, 0.044 * look.muscle, -0.007),
    )
    solids: list[Solid] = []
    for share, width, depth, ahead in profile:
        low = share < 0.42
        part = share / 0.42 if low else (share - 0.42) / 0.58
        start, end = (points["pelvis"], points["waist"]) if low else (points["waist"], points["neck"])
        mix = min(max((share - 0.2) / 0.45, 0), 1)
        axes = (1 - mix) * pelvis + mix * chest
        axes = np.stack([unit(row) for row in axes])
        colour: Colour | Painter = look.pants if share < 0.06 else look.shirt
        if look.stripe is not None and share == 0.70:
            colour = _striped(look)
        solids.append(
            Ellipsoid(
                start + part * (end - start) + ahead * body.height_m * axes[1],
                axes,
                (width, depth * body.height_m, 0.24 * body.torso_m if 0.2 < share < 0.75 else 0.17 * body.torso_m),
                colour,
                slice_of=0.9,
            )
        )
    for side, _ in SIDES:
        solids.append(
            Capsule(
                points["throat"] - 0.02 * body.height_m * chest[2],
                points[f"{side}_shoulder"],
                0.029 * body.height_m * look.muscle,
                0.034 * body.height_m * look.muscle,
                look.shirt,
            )
        )
    return solids


def _striped(look: Appearance) -> Painter:
    shirt, stripe = np.array(look.shirt, np.float32), np.array(look.stripe, np.float32)
    return lambda place: np.where((np.abs(place[:, 2]) < 0.45)[:, None], stripe, shirt)


def _limb(points, names, radii, look_from, look_to, reach, loose) -> list[Solid]:
    """Two bones, clothed as far as `reach` (1: the middle joint, 2: the end)."""
    solids: list[Solid] = []
    for bone in range(2):
        start, end = points[names[bone]], points[names[bone + 1]]
        thick, thin = radii[bone]
        covered = min(max(reach - bone, 0.0), 1.0)
        edge, girth = start + covered * (end - start), thick + covered * (thin - thick)
        if covered < 1:
            solids.append(Capsule(edge, end, girth, thin, look_to, shine=0.05))
        if covered > 0.05:
            solids.append(Capsule(start, edge, thick * loose, girth * (loose + 0.06), look_from))
    return solids


def person(skeleton: Skeleton, look: Appearance) -> list[Solid]:
    """The solids of a clothed person."""
    points, height = skeleton.points, skeleton.body.height_m
    solids = _head(skeleton, look) + _trunk(skeleton, look)
    fat, muscle = height * (0.5 + 0.5 * look.girth), height * look.muscle
    for side, _ in SIDES:
        leg = [f"{side}_{name}" for name in ("hip", "knee", "ankle")]
        radii = ((0.050 * fat, 0.033 * fat), (0.031 * fat, 0.021 * height))
        solids += _limb(points, leg, radii, look.pants, look.skin, look.trousers, look.loose)
        knee, ankle = points[leg[1]], points[leg[2]]
        heel, toe = points[f"{side}_heel"], points[f"{side}_toe"]
        back = unit(heel - toe)
        calf = 0.7 * knee + 0.3 * ankle + 0.008 * height * back
        clothed = look.trousers > 1.4
        solids.append(
            Capsule(
                calf, 0.4 * knee + 0.6 * ankle, 0.030 * muscle, 0.022 * muscle, look.pants if clothed else look.skin
            )
        )
        # Buttock.
        solids.append(
            Capsule(
                points[leg[0]]
                - 0.012 * height * skeleton.frames["pelvis"][1]
                + 0.01 * height * skeleton.frames["pelvis"][2],
                points[leg[0]] + 0.15 * (knee - points[leg[0]]),
                0.052 * fat,
                0.05 * fat,
                look.pants,
            )
        )
        foot = 0.55 * heel + 0.45 * toe
        solids.append(Capsule(heel, foot, 0.020 * height, 0.022 * height, look.shoes))
        solids.append(Capsule(foot, toe, 0.022 * height, 0.016 * height, look.shoes))
        solids.append(Capsule(ankle, 0.5 * foot + 0.5 * heel, 0.021 * height, 0.024 * height, look.shoes))
        sole = tuple(0.35 * c + 150 for c in look.shoes)
        down = unit(cross(cross(toe - heel, heel - ankle), toe - heel))
        solids.append(
            Capsule(heel + 0.012 * height * down, toe + 0.007 * height * down, 0.013 * height, 0.012 * height, sole)
        )

        arm = [f"{side}_{name}" for name in ("shoulder", "elbow", "wrist")]
        radii = ((0.031 * muscle, 0.022 * muscle), (0.0235 * muscle, 0.0155 * height))
        solids += _limb(points, arm, radii, look.shirt, look.skin, look.sleeve, look.loose)
        wrist, hand, thumb = (points[f"{side}_{name}"] for name in ("wrist", "hand", "thumb"))
        across = unit(cross(hand - wrist, cross(thumb - wrist, hand - wrist)))
        for offset in (-0.5, 0.5):
            shift = offset * 0.022 * height * across
            solids.append(Capsule(wrist + 0.4 * shift, hand + 0.8 * shift, 0.0145 * height, 0.008 * height, look.skin))
        solids.append(Capsule(wrist + 0.25 * (thumb - wrist), thumb, 0.010 * height, 0.007 * height, look.skin))
    for prop in skeleton.props:
        solids += props.solids_of(prop)
    return solids
