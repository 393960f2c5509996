"""Exercises that pull a weight or a cable towards the trunk. Each function is one; catalog.py lists them."""

import math

import numpy as np

from beam_jobs.athletes.arm_positions import rest_arm
from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, sway
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Prop, Skeleton, unit, vector
from beam_jobs.athletes.stances import bent_over, toes

_BENT_OVER = ("barbell", "dumbbells")


def row(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Hands go from straight arms to the ribs, elbows past the back.

    Kinds: bent over with a barbell, dumbbells or a cable, lying on a raised bench, with one arm (the other hand on a
    bench or a thigh), and seated before a cable.
    """
    kind = style.choice(
        "kind", (*_BENT_OVER, "bench", "seated"), varied=(*_BENT_OVER, "thigh", "seated", "cable", "chest")
    )
    if kind == "seated":
        return _seated_row(body, style, phase)
    if kind in ("bench", "thigh"):
        return _one_arm_row(body, style, phase, kind)
    swing = style.between("swing", 0, 5, varied=(-3, 14)) * (phase.depth if kind != "chest" else 0.0)
    lean = style.between("bows", 42, 64, varied=(30, 80)) - swing
    if kind == "chest":
        skeleton = _on_a_raised_bench(body, style)
    else:
        skeleton = bent_over(body, style, phase, lean, nod_degrees=-style.between("nod", 0.25, 0.7) * lean)
    alternating = kind in ("dumbbells", "chest") and style.chance("alternating", 0.25)
    apart = style.between("grip", 1.0, 1.5, varied=(0.8, 1.9)) * body.shoulder_m
    if kind == "cable":
        apart = style.between("grip", 0.3, 0.8) * body.shoulder_m
    for index, (side, sign) in enumerate(SIDES):
        depth = phase.depth if not alternating or index == phase.repetition % 2 else 0.0
        aside = sign * apart - skeleton.points[f"{side}_shoulder"][0]
        down = vector(aside / body.arm_m, style.between("cable", 0.5, 1.4) if kind == "cable" else 0.04, -1)
        _pull(skeleton, style, side, down, apart, depth)
    if kind == "barbell":
        skeleton.hold_barbell(style.between("bar", 1.2, 1.8), style.between("plate", 0.1, 0.19))
    elif kind == "cable":
        skeleton.props.append(Prop("rod", (skeleton.grip("left") + skeleton.grip("right")) / 2, RIGHT, 0.4, 0.014))
        skeleton.pull_cord(vector(0, style.between("tower", 1.1, 1.6), style.between("pulley", 0.1, 0.9)))
    else:
        skeleton.hold_dumbbells(
            RIGHT if style.choice("turned", ("along", "across")) == "across" else FORWARD,
            style.between("plate", 0.05, 0.08),
        )
    return skeleton


def _pull(
    skeleton: Skeleton, style: MovementStyle, side: str, straight: np.ndarray, apart: float, depth: float
) -> None:
    """One arm between straight, along that direction, and the hand at the ribs, `apart` from the middle."""
    body, sign = skeleton.body, dict(SIDES)[side]
    right, forward, up = skeleton.frames["chest"]
    start = skeleton.points[f"{side}_shoulder"] + style.between("straight", 0.94, 0.985) * body.arm_m * unit(straight)
    end = (
        skeleton.points["waist"]
        + style.between("height", 0.0, 0.4, varied=(-0.1, 0.6)) * 0.58 * body.torso_m * up
        + sign * apart * right
        + style.between("before", 0.04, 0.09, varied=(0.0, 0.11)) * body.height_m * forward
    )
    wrist = start + (end - start) * depth * style.between("range", 0.85, 1.0, varied=(0.68, 1.0))
    flare = style.between("flare", 0.1, 0.7, varied=(0.0, 1.3))
    skeleton.arm(side, wrist, sign * flare * right - forward - 0.25 * up)


def _on_a_raised_bench(body: Body, style: MovementStyle) -> Skeleton:
    """Chest down on the raised back of a bench, legs stretched out behind, arms hanging."""
    lean = style.between("bench_lean", 40, 62)
    leg = 0.97 * body.leg_m
    slope = math.radians(style.between("legs", 12, 30))
    pelvis = vector(0, 0, body.ankle_m + leg * math.cos(slope))
    skeleton = Skeleton(body, pelvis, lean, nod_degrees=-style.between("nod", 0.1, 0.6) * lean)
    for side, sign in SIDES:
        ankle = vector(sign * style.between("stance", 0.6, 1.3) * body.shoulder_m, -leg * math.sin(slope), body.ankle_m)
        skeleton.leg(side, ankle, toes(sign, 0.1))
    _, forward, up = skeleton.frames["chest"]
    front = skeleton.points["waist"] + 0.08 * body.height_m * forward
    skeleton.props.append(Prop("bench", front, up, 0.42 * body.height_m, 0.1))
    return skeleton


def _one_arm_row(body: Body, style: MovementStyle, phase: RepetitionPhase, kind: str) -> Skeleton:
    """The right arm pulls; the left hand is on a bench as the left knee is ('bench'), or on its thigh."""
    bench = style.between("bench", 0.40, 0.48)
    open_ = -style.between("opens", 0, 12, varied=(0, 30)) * phase.depth
    if kind == "bench":
        lean = style.between("bows", 66, 82, varied=(56, 88))
        high = min(bench + 0.05 + 0.96 * body.thigh_m, body.ankle_m + 0.97 * body.leg_m)
        skeleton = Skeleton(
            body, vector(0, 0, high), lean, twist_degrees=open_, nod_degrees=-style.between("nod", 0.0, 0.5) * lean
        )
        skeleton.leg(
            "left", vector(-body.hip_m, -0.92 * body.shank_m, bench + 0.09), -FORWARD - 0.2 * UP, FORWARD - 0.3 * UP
        )
        foot = vector(
            style.between("stance", 1.0, 1.6) * body.shoulder_m, style.between("behind", -0.2, 0.08), body.ankle_m
        )
        skeleton.leg("right", foot, toes(1.0, 0.15), FORWARD)
        shoulder = skeleton.points["left_shoulder"]
        hand = vector(shoulder[0] * 0.9, shoulder[1] + style.between("hand", -0.04, 0.1), bench + 0.05)
        skeleton.arm("left", hand, vector(-0.8, -0.6, 0), FORWARD)
        skeleton.props.append(Prop("bench", vector(-0.9 * body.hip_m, 0.12, bench), FORWARD, 1.15, 0.14))
    else:
        lean = style.between("bows", 38, 60, varied=(26, 72))
        front, back = style.between("front", 0.2, 0.4), style.between("back", 0.25, 0.5)
        high = body.ankle_m + math.sqrt((0.975 * body.leg_m) ** 2 - back**2) - style.between("low", 0.0, 0.1)
        skeleton = Skeleton(
            body, vector(0, -0.03, high), lean, twist_degrees=open_, nod_degrees=-style.between("nod", 0.1, 0.6) * lean
        )
        gap = style.between("stance", 0.6, 1.1) * body.shoulder_m
        skeleton.leg("left", vector(-gap, front, body.ankle_m), toes(-1.0, 0.1))
        skeleton.leg("right", vector(gap, -back, body.ankle_m), toes(1.0, 0.3))
        hip, knee = skeleton.points["left_hip"], skeleton.points["left_knee"]
        skeleton.arm("left", hip + 0.85 * (knee - hip) + 0.07 * UP, vector(-1, -0.5, 0.2), FORWARD - 0.6 * UP)
    _pull(
        skeleton,
        style,
        "right",
        vector(0.02, style.between("ahead", -0.02, 0.2), -1),
        1.1 * body.shoulder_m,
        phase.depth,
    )
    weight = style.choice("weight", ("dumbbell", "dumbbell", "kettlebell"))
    axis = FORWARD if weight == "dumbbell" else UP
    below = 0.1 * UP if weight == "kettlebell" else np.zeros(3)
    skeleton.props.append(Prop(weight, skeleton.grip("right") - below, axis, 0.26, style.between("plate", 0.06, 0.09)))
    return skeleton


def _seated_row(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """On a low seat before a cable, feet against a plate; or on the floor with a band round the feet."""
    band = style.chance("band", 0.25)
    seat = 0.0 if band else style.between("seat", 0.2, 0.42)
    bows, back = style.between("bows", 0, 14, varied=(-6, 28)), style.between("back", -12, -1, varied=(-20, 2))
    lean = bows + (back - bows) * phase.depth
    skeleton = Skeleton(
        body, vector(0, sway(style, phase, "fore", 0.004), seat + 0.055 * body.height_m), lean, nod_degrees=-0.5 * lean
    )
    far = style.between("far", 0.82, 0.96, varied=(0.7, 0.97)) * body.leg_m
    plate = body.ankle_m + 0.03 + (0.0 if band else style.between("plate_high", 0.0, 0.9) * seat)
    for side, sign in SIDES:
        ankle = vector(sign * style.between("stance", 0.5, 1.0) * body.shoulder_m, far, plate)
        skeleton.leg(side, ankle, vector(0.08 * sign, 0.35, 1), UP + 0.1 * sign * RIGHT)
        apart = style.between("grip", 0.3, 0.6, varied=(0.25, 1.6)) * body.shoulder_m
        shoulder = skeleton.points[f"{side}_shoulder"]
        straight = vector((sign * apart - shoulder[0]) / body.arm_m, 1, style.between("down", -0.5, -0.1))
        _pull(skeleton, style, side, straight, apart, phase.depth)
    held = (skeleton.grip("left") + skeleton.grip("right")) / 2
    if band:
        skeleton.pull_cord(vector(0, far + 0.1, plate + 0.05))
        return skeleton
    skeleton.props.append(Prop("rod", held, RIGHT, 2 * apart + 0.15, 0.014))
    skeleton.pull_cord(vector(0, far + style.between("tower", 0.3, 0.6), seat + style.between("pulley", 0.0, 0.5)))
    skeleton.props.append(Prop("bench", vector(0, -0.1, seat), FORWARD, 0.9, 0.13))
    skeleton.props.append(Prop("box", vector(0, far + 0.2, plate + 0.12), RIGHT, 0.5, 0.06))
    return skeleton


def lat_pulldown(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """A bar on a cable comes down from above to the chest. The body stays, the hands move: no pull-up.

    Kinds: seated with a wide or a narrow bar, or with one arm; in varied styles also kneeling before the cable.
    """
    kind = style.choice("kind", ("wide", "wide", "narrow"), varied=("wide", "narrow", "single", "kneeling", "kneeling"))
    lean = -style.between("back", 3, 14, varied=(-3, 26)) - style.between("leans", 0, 8, varied=(-3, 18)) * phase.depth
    nod = style.between("nod", -16, 2)
    ahead = style.between("ahead", 0.04, 0.16)
    if kind == "kneeling":
        bows, up = style.between("bows", 4, 24, varied=(0, 38)), style.between("upright", -8, 6)
        skeleton = _kneeling(body, style, bows + (up - bows) * phase.depth, nod)
        ahead = style.between("before", 0.5, 1.3)
    else:
        seat = style.between("seat", 0.42, 0.52)
        skeleton = Skeleton(body, vector(0, 0, seat + 0.052 * body.height_m), lean, nod_degrees=nod)
        for side, sign in SIDES:
            ankle = vector(
                sign * style.between("gap", 0.6, 1.2) * body.shoulder_m,
                style.between("feet", 0.7, 1.1) * body.thigh_m,
                body.ankle_m,
            )
            skeleton.leg(side, ankle, vector(0.2 * sign, 1, 0), UP + 0.15 * sign * RIGHT)
        skeleton.props.append(Prop("bench", vector(0, -0.05, seat), RIGHT, 0.45, 0.16))
        skeleton.props.append(Prop("rod", vector(0, 0.26, seat + 0.24), RIGHT, 0.55, 0.055))
    wide = style.between("grip", 1.5, 2.1, varied=(1.2, 2.5)) if kind == "wide" else style.between("grip", 0.3, 1.0)
    apart = wide * body.shoulder_m
    _, forward, up = skeleton.frames["chest"]
    behind = kind == "wide" and style.chance("behind_neck", 0.12)
    before = -0.06 if behind else style.between("off", 0.07, 0.11)
    end = (
        skeleton.points["neck"]
        + before * body.height_m * forward
        + (style.between("range", -0.06, 0.03, varied=(-0.09, 0.09)) + 0.02 * behind) * body.height_m * UP
    )
    sides = SIDES if kind != "single" else SIDES[1:]
    for side, sign in sides:
        shoulder = skeleton.points[f"{side}_shoulder"]
        reach = style.between("straight", 0.93, 0.985) * body.arm_m
        towards = unit(vector(0, ahead, 1))
        start = shoulder * (0, 1, 1) + sign * apart * RIGHT
        start = start + math.sqrt(max(reach**2 - (apart - body.shoulder_m) ** 2, 0.04)) * towards
        elbow = vector(sign * 0.8, -0.15, -1) + min(max(1.5 - wide, 0.0), 0.8) * vector(-0.6 * sign, 0.9, 0)
        wrist = start + (end * (0, 1, 1) + sign * apart * RIGHT - start) * phase.depth
        skeleton.arm(side, wrist, elbow, towards)
    names = [side for side, _ in sides]
    if kind == "single":
        rest_arm(skeleton, style, "left")
    else:
        middle = (skeleton.grip("left") + skeleton.grip("right")) / 2
        skeleton.props.append(Prop("rod", middle, RIGHT, 2 * apart + 0.12, 0.014))
    pulley = vector(0, skeleton.points["pelvis"][1] + (0.12 if kind != "kneeling" else ahead), 2.25)
    skeleton.pull_cord(pulley, names)
    return skeleton


def _kneeling(body: Body, style: MovementStyle, lean: float, nod: float) -> Skeleton:
    """A person on both knees, upright or sitting back towards the heels."""
    sits = math.radians(style.between("sits", 4, 50))
    pelvis = vector(0, -body.thigh_m * math.sin(sits), 0.06 + body.thigh_m * math.cos(sits))
    skeleton = Skeleton(body, pelvis, lean, nod_degrees=nod)
    for side, sign in SIDES:
        knees = style.between("knees", 1.0, 1.9) * body.hip_m
        skeleton.leg(side, vector(sign * knees, -0.985 * body.shank_m, 0.085), -FORWARD - 0.15 * UP, FORWARD - 0.3 * UP)
    return skeleton
