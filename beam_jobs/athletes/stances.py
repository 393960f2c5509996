"""How drawn athletes stand and sit: shared by several exercises."""

import math

import numpy as np

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, sway
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Prop, Skeleton, ankle_over_ball, vector


def feet_apart(body: Body, style: MovementStyle, least: float, most: float) -> tuple[float, float]:
    """Half the distance between the ankles, and how far the toes turn out (radians)."""
    stance = style.between("stance", least, most, varied=(0.75 * least, 1.4 * most))
    out = style.between("toes_out", 4, 26) + (14 * max(stance - 1.2, 0.0) if style.varied else 0.0)
    return stance * body.shoulder_m, math.radians(out)


def toes(sign: float, out: float) -> np.ndarray:
    """Where a foot points that is turned out by so much (radians)."""
    return vector(sign * math.sin(out), math.cos(out), 0)


def bent_legs(
    body: Body, stance: float, out: float, shank_degrees: float, thigh_degrees: float
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Pelvis and ankles of a person on both feet, the shanks leaning forward and the thighs back by so much."""
    spread = max(stance - body.hip_m, 0.0)
    flat = 0.995 * math.sqrt(1 - (spread / body.leg_m) ** 2)
    shank, thigh = np.radians((shank_degrees, thigh_degrees))
    pelvis = vector(
        0,
        flat * (body.shank_m * math.sin(shank) - body.thigh_m * math.sin(thigh)),
        body.ankle_m + flat * (body.shank_m * math.cos(shank) + body.thigh_m * math.cos(thigh)),
    )
    return pelvis, {side: vector(sign * stance, 0, body.ankle_m) for side, sign in SIDES}


def stand(body: Body, style: MovementStyle, phase: RepetitionPhase, **trunk: float) -> Skeleton:
    """A person who stands, knees soft; some varied styles sit on a bench."""
    stance, out = feet_apart(body, style, 0.6, 1.25)
    if style.chance("seated", 0.22):
        return seated(body, style, stance, **trunk)
    return on_both_feet(body, style, phase, stance, out, **trunk)


def on_both_feet(
    body: Body, style: MovementStyle, phase: RepetitionPhase, stance: float, out: float, **trunk: float
) -> Skeleton:
    """A person who stands upright, knees soft, the feet as `feet_apart` says."""
    soft = style.between("soft_knees", 2, 9, varied=(1, 16))
    pelvis, ankles = bent_legs(body, stance, out, soft, soft)
    pelvis = pelvis + vector(sway(style, phase, "aside", 0.008), sway(style, phase, "fore", 0.006), -0.001)
    skeleton = Skeleton(body, pelvis, **{"lean_degrees": style.between("lean", -2, 4), **trunk})
    for side, sign in SIDES:
        skeleton.leg(side, ankles[side], toes(sign, out))
    return skeleton


def bent_over(
    body: Body, style: MovementStyle, phase: RepetitionPhase, lean_degrees: float, **trunk: float
) -> Skeleton:
    """A person on both feet whose trunk leans far forwards from the hips, which go back for balance."""
    stance, out = feet_apart(body, style, 0.6, 1.1)
    back = style.between("hips_back", 0.42, 0.6, varied=(0.3, 0.7)) * style.between("hinge", 40, 60)
    pelvis, ankles = bent_legs(body, stance, out, style.between("shank", 3, 12, varied=(0, 16)), back)
    pelvis = pelvis + vector(sway(style, phase, "aside", 0.006), sway(style, phase, "fore", 0.004), 0)
    skeleton = Skeleton(body, pelvis, lean_degrees, **trunk)
    for side, sign in SIDES:
        skeleton.leg(side, ankles[side], toes(sign, out))
    return skeleton


def heel_raised(body: Body, flat: np.ndarray, degrees: float, out: float) -> tuple[np.ndarray, np.ndarray]:
    """Ankle and toes' direction of a foot that stood flat, its ankle at `flat`, and now stands on its ball.

    The heel is up by `degrees` (below the ball where negative), the toes are turned out by `out` (radians, signed).
    """
    level, tip = toes(1.0, out), math.radians(degrees)
    ball = flat + 0.66 * body.foot_m * level - 0.62 * body.ankle_m * UP
    direction = math.cos(tip) * level - math.sin(tip) * UP
    return ankle_over_ball(body, ball, direction), direction


def seated(body: Body, style: MovementStyle, stance: float, **trunk: float) -> Skeleton:
    """A person who sits upright on a bench, feet on the floor."""
    seat = style.between("seat", 0.40, 0.48)
    skeleton = Skeleton(body, vector(0, 0, seat + 0.052 * body.height_m), **{"lean_degrees": 0.0, **trunk})
    far = style.between("feet_far", 0.85, 1.15) * body.thigh_m
    for side, sign in SIDES:
        ankle = vector(sign * max(stance, body.hip_m), far, body.ankle_m)
        skeleton.leg(side, ankle, toes(sign, 0.2), UP + 0.15 * sign * RIGHT)
    axis = RIGHT if style.choice("astride", ("across", "along")) == "across" else FORWARD
    skeleton.props.append(
        Prop("bench", vector(0, 0, seat) - (0.4 * FORWARD if axis is FORWARD else 0), axis, 1.0, 0.14)
    )
    return skeleton
