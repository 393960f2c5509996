"""Exercises that straighten the elbow alone. catalog.py lists them."""

import math

import numpy as np

from beam_jobs.athletes.arm_positions import rest_arm
from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Prop, Skeleton, vector
from beam_jobs.athletes.stances import bent_over, feet_apart, on_both_feet, stand, toes

# Where the upper arm is (degrees from hanging, forwards), and how far the elbow is bent, straight and bent.
_UPPER = {
    "overhead": (152, 176),
    "cable_overhead": (140, 172),
    "pushdown": (-8, 12),
    "kickback": (-22, 4),
    "lying": (78, 112),
}
_BENT = {
    "overhead": (104, 136),
    "cable_overhead": (90, 130),
    "pushdown": (88, 122),
    "kickback": (70, 104),
    "lying": (84, 118),
}


def tricep_extension(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """The upper arms stay where they are; the elbows straighten against a weight or a cable.

    Kinds: a weight behind the head, a cable pushed down or pulled from behind the head, a weight kicked back by a
    person who bends over, and a weight above a person who lies.
    """
    kind = style.choice(
        "kind", ("overhead", "overhead", "pushdown", "kickback", "lying"), varied=("pushdown", "cable_overhead")
    )
    skeleton = _trunk(body, style, phase, kind)
    manner = style.choice("manner", ("both",), varied=("both", "both", "single"))
    right, forward, up = skeleton.frames["chest"]
    upper = math.radians(
        style.between("upper", *_UPPER[kind]) + style.between("drift", -4, 4, varied=(-10, 14)) * (phase.depth - 0.5)
    )
    straight = style.between("straight", 4, 14, varied=(2, 34))
    # Depth 1 is straight where the pose starts bent: with a cable and in a kick-back.
    bent = 1 - phase.depth if kind in ("pushdown", "kickback") else phase.depth
    flexion = math.radians(straight + (style.between("range", *_BENT[kind]) - straight) * bent)
    grip = style.choice("grip", ("together", "apart"))
    gap = (0.25 if grip == "together" else 0.75) * body.shoulder_m
    sides = SIDES if manner == "both" else SIDES[1:]
    if manner == "single":
        rest_arm(skeleton, style, "left")
    for side, sign in sides:
        # Hands as far apart as the thing that they hold: the upper arms share the way.
        inwards = 0.0 if manner == "single" else gap - body.shoulder_m
        if kind == "kickback":
            inwards = 0.0
        share = style.between("elbows_in", 0.3, 0.6, varied=(-0.2, 0.7))
        directions = []
        for angle, part, length in ((upper, share, body.upper_arm_m), (upper + flexion, 1 - share, body.forearm_m)):
            aside = min(max(part * inwards / length, -0.6), 0.6) * sign
            flat = math.sqrt(1 - aside**2)
            directions.append(aside * right + flat * (math.sin(angle) * forward - math.cos(angle) * up))
        skeleton.arm_from_directions(side, *directions)
    _hold(skeleton, style, kind, grip, [side for side, _ in sides])
    return skeleton


def _trunk(body: Body, style: MovementStyle, phase: RepetitionPhase, kind: str) -> Skeleton:
    """The person without arms: upright or seated, leaning to a cable or away from it, bent over, or on the back."""
    if kind == "overhead":
        return stand(
            body,
            style,
            phase,
            lean_degrees=style.between("lean", -4, 3, varied=(-10, 6)),
            nod_degrees=style.between("nod", -4, 10),
        )
    if kind == "kickback":
        lean = style.between("bows", 42, 66, varied=(30, 84))
        return bent_over(body, style, phase, lean, nod_degrees=-style.between("nod", 0.2, 0.6) * lean)
    if kind == "lying":
        return _lying(body, style)
    stance, out = feet_apart(body, style, 0.5, 1.0)
    lean = (
        style.between("bows", 3, 16, varied=(-2, 30))
        if kind == "pushdown"
        else style.between("bows", 8, 30, varied=(0, 45))
    )
    skeleton = on_both_feet(
        body, style, phase, stance, out, lean_degrees=lean, nod_degrees=style.between("nod", -8, 12)
    )
    if style.choice("split", ("side_by_side", "split")) == "split" and kind == "cable_overhead":
        # One foot forwards, one back, the hips a little lower.
        skeleton = Skeleton(body, skeleton.points["pelvis"] - 0.06 * UP, lean)
        for side, sign in SIDES:
            skeleton.leg(side, vector(sign * stance, 0.25 * sign, body.ankle_m), toes(sign, out))
    return skeleton


def _lying(body: Body, style: MovementStyle) -> Skeleton:
    """On the back, on a bench with the feet on the floor, or on the floor with bent knees."""
    on = style.choice("on", ("bench", "bench", "floor"))
    high = style.between("bench", 0.40, 0.46) if on == "bench" else 0.0
    lean = -90 + (style.between("incline", 0, 0, varied=(0, 18)) if high else 0.0)
    skeleton = Skeleton(body, vector(0, 0, high + body.depth_m + 0.02), lean, nod_degrees=style.between("nod", 0, 12))
    ahead = 0.62 * body.thigh_m + 0.12 if high else style.between("feet", 0.55, 0.78) * body.leg_m
    for side, sign in SIDES:
        ankle = vector(sign * style.between("stance", 0.7, 1.4) * body.shoulder_m, ahead, body.ankle_m)
        skeleton.leg(side, ankle, vector(0.2 * sign, 1, 0), UP + 0.6 * bool(high) * FORWARD + 0.15 * sign * RIGHT)
    if high:
        back = skeleton.points["pelvis"] - (body.depth_m + 0.02) * skeleton.frames["chest"][1]
        along = skeleton.frames["chest"][2]
        skeleton.props.append(Prop("bench", back + 0.26 * body.height_m * along, along, 0.68 * body.height_m, 0.14))
    return skeleton


def _hold(skeleton: Skeleton, style: MovementStyle, kind: str, grip: str, sides: list[str]) -> None:
    """Puts the weight into the hands, or a handle with its cable."""
    held = np.mean([skeleton.grip(side) for side in sides], axis=0)
    if kind in ("pushdown", "cable_overhead"):
        ahead = style.between("tower", 0.35, 0.6) if kind == "pushdown" else -style.between("tower", 0.5, 1.0)
        high = style.between("pulley", 1.9, 2.2) if kind == "pushdown" else style.between("pulley", 0.2, 2.2)
        skeleton.pull_cord(vector(0, ahead, high), sides)
        if len(sides) == 2 and grip == "apart":
            skeleton.props.append(Prop("rod", held, RIGHT, 0.5, 0.014))
        return
    radius = style.between("plate", 0.05, 0.075)
    if len(sides) == 1:
        skeleton.props.append(Prop("dumbbell", held, skeleton.frames["chest"][2], 0.26, radius))
    elif kind == "kickback" or (grip == "apart" and style.choice("apart", ("dumbbells", "barbell")) == "dumbbells"):
        skeleton.hold_dumbbells(FORWARD, radius)
    elif grip == "apart":
        skeleton.hold_barbell(style.between("bar", 1.0, 1.5), style.between("plates", 0.08, 0.15))
    else:
        weight = style.choice("weight", ("dumbbell", "dumbbell", "kettlebell"))
        skeleton.props.append(
            Prop(weight, held, (skeleton.frames["chest"][1] + skeleton.frames["chest"][2]) * 0.7071, 0.3, radius)
        )
