"""People who sit, get up from a chair, or kneel, and do no exercise: labelled none. catalog.py lists them."""

import math

import numpy as np

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, sway
from beam_jobs.athletes.no_exercise.hand_gestures import alternate, gesture, smooth_random_walk
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Prop, Skeleton, ankle_over_ball, unit, vector
from beam_jobs.athletes.stances import bent_legs

_TALKING = (
    ("open", "open"),
    ("before", "open"),
    ("before", "before"),
    ("belly", "point"),
    ("belly", "wave"),
    ("open", "belly"),
    ("belly", "before"),
    ("mouth", "belly"),
    ("belly", "belly"),
)
_PHONE = (("phone", "phone"), ("belly", "phone"), ("phone", "phone"), ("ear", "belly"), ("crown", "phone"))
_DESK = (("before", "before"), ("before", "before"), ("before", "mouth"), ("before", "ear"), ("nape", "before"))


def _trunk(style: MovementStyle, time_s: float, restless: float) -> dict[str, float]:
    """How a person looks about."""
    return {
        "twist_degrees": restless * smooth_random_walk(style, "twist", time_s, -18, 18),
        "nod_degrees": smooth_random_walk(style, "nod", time_s, -8, 26),
        "look_degrees": restless * smooth_random_walk(style, "look", time_s, -50, 50, (0.4, 2.5), (0.3, 0.9)),
        "tilt_degrees": restless * smooth_random_walk(style, "tilt", time_s, -9, 9),
    }


def _hold_phone(skeleton: Skeleton) -> None:
    """A phone in the right hand."""
    skeleton.props.append(Prop("rod", skeleton.grip("right"), skeleton.frames["chest"][2], 0.14, 0.02))


def sit_on_floor(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """On the floor with crossed legs, stretched legs, or the knees up: with a phone, talking, or leaning back."""
    legs = style.choice("legs", ("crossed", "crossed", "stretched", "knees_up", "one_up"))
    busy = style.choice("busy", ("phone", "phone", "talking", "still", "leaning"))
    time_s = phase.time_s
    lean = style.between("slump", -8, 16) if busy != "leaning" else style.between("slump", -34, -16)
    skeleton = Skeleton(
        body,
        vector(0, 0, body.depth_m + 0.01),
        lean + smooth_random_walk(style, "leaning", time_s, -3, 4),
        curl_degrees=style.between("stoop", 4, 28),
        **_trunk(style, time_s, 0.3 if busy == "phone" else 1.0),
    )
    for index, (side, sign) in enumerate(SIDES):
        kind = legs if legs != "one_up" else ("knees_up", "stretched")[index]
        shift = smooth_random_walk(style, f"leg_{side}", time_s, -0.03, 0.03, (1.5, 5.0))
        if kind == "crossed":
            ankle = vector(-0.09 * sign, style.between("near", 0.24, 0.34) + 0.06 * index, 0.07 + 0.02 * index)
            skeleton.leg(side, ankle, vector(-0.8 * sign, 0.5, 0), vector(sign, 0.35, 0.45 + 4 * shift))
        elif kind == "stretched":
            apart = style.between("apart", 0.6, 1.6) * body.shoulder_m
            ankle = vector(sign * apart, (0.95 + shift) * body.leg_m, body.ankle_m + 0.03)
            skeleton.leg(side, ankle, vector(0.2 * sign, 0.35, 1), UP + 0.2 * sign * RIGHT)
        else:
            near = (style.between("feet", 0.42, 0.66) + shift) * body.leg_m
            skeleton.leg(
                side, vector(sign * 0.8 * body.shoulder_m, near, body.ankle_m), FORWARD, UP + 0.2 * sign * RIGHT
            )
    gesture(skeleton, style, time_s, _PHONE if busy == "phone" else _TALKING, 0.02 if busy == "phone" else 0.06)
    for side, sign in SIDES:
        if busy == "leaning":
            rests = skeleton.points["pelvis"] * (1, 1, 0) + vector(sign * 0.24, -0.28, 0.04)
            skeleton.arm(side, rests, vector(0.3 * sign, -1, 0.3), vector(0.7 * sign, -1, -0.05))
        elif busy == "still":
            knee, shoulder = skeleton.points[f"{side}_knee"], skeleton.points[f"{side}_shoulder"]
            on_knee = _within_reach(body, shoulder, knee + 0.07 * UP)
            skeleton.arm(side, on_knee, vector(sign, -0.4, -0.4), FORWARD - 0.3 * UP)
        elif skeleton.points[f"{side}_wrist"][2] < 0.2:
            # The hands stay above the floor.
            wrist = skeleton.points[f"{side}_wrist"] * (1, 1, 0) + 0.2 * UP
            skeleton.arm(side, _within_reach(body, skeleton.points[f"{side}_shoulder"], wrist), vector(sign, -0.4, 0.2))
    if busy == "phone":
        _hold_phone(skeleton)
    return skeleton


def _within_reach(body: Body, shoulder: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The place, or one in its direction where the elbow bends neither too much nor not at all."""
    away = place - shoulder
    distance = math.sqrt(float(away @ away))
    return shoulder + away * min(max(distance, 0.42 * body.arm_m), 0.97 * body.arm_m) / distance


def _chair(style: MovementStyle, seat: float, back_y: float) -> list[Prop]:
    """A chair, a stool or a sofa."""
    kind = style.choice("chair", ("chair", "chair", "stool", "sofa"))
    wide = 1.5 if kind == "sofa" else 0.44
    props = [Prop("bench", vector(0, back_y + 0.2, seat), RIGHT, wide, 0.2)]
    if kind != "stool":
        props.append(Prop("bench", vector(0, back_y - 0.03, seat + 0.3), RIGHT, wide, 0.05))
    return props


def sit_on_chair(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """On a chair: talking with the hands, looking at a phone, or busy at a desk."""
    busy = style.choice("busy", ("talking", "talking", "phone", "desk", "still"))
    time_s, seat = phase.time_s, style.between("seat", 0.40, 0.5)
    lean = style.between("slump", -14, 16) if busy != "desk" else style.between("slump", 0, 18)
    skeleton = Skeleton(
        body,
        vector(sway(style, phase, "aside", 0.006), 0, seat + 0.052 * body.height_m),
        lean + smooth_random_walk(style, "leaning", time_s, -4, 7),
        curl_degrees=style.between("stoop", 0, 20),
        **_trunk(style, time_s, 0.35 if busy in ("phone", "desk") else 1.0),
    )
    legs = style.choice("legs", ("apart", "apart", "crossed", "stretched"))
    for side, sign in SIDES:
        gap = style.between("gap", 0.5, 1.5) * body.shoulder_m
        far = body.thigh_m * (style.between("reach", 0.8, 1.1) + 0.45 * (legs == "stretched"))
        skeleton.leg(side, vector(sign * gap, far, body.ankle_m), vector(0.2 * sign, 1, 0), UP + 0.15 * sign * RIGHT)
    if legs == "crossed":
        hang = smooth_random_walk(style, "hang", time_s, -0.05, 0.08, (0.2, 2.0), (0.3, 0.8))
        ankle = skeleton.points["right_knee"] + vector(0.02, 0.16 + hang, -0.26)
        skeleton.leg("left", ankle, vector(0.1, 0.9, -0.4), UP)
    pairs = {"talking": _TALKING, "phone": _PHONE, "desk": _DESK, "still": (("belly", "belly"),)}[busy]
    gesture(skeleton, style, time_s, pairs, {"talking": 0.09, "desk": 0.05}.get(busy, 0.02))
    skeleton.props += _chair(style, seat, -0.18)
    if busy == "desk":
        top = seat + style.between("desk", 0.24, 0.32)
        skeleton.props.append(Prop("bench", vector(0, 0.62, top), RIGHT, style.between("desk_wide", 0.9, 1.4), 0.24))
    elif busy == "phone":
        _hold_phone(skeleton)
    return skeleton


def get_up(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Sits on a chair, gets up, stands there for a while, and sits down again."""
    time_s, seat = phase.time_s, style.between("seat", 0.40, 0.48)
    item, _, share = alternate(style, "posture", time_s, (0.8, 4.5), (0.9, 2.0))
    first = style.choice("first", ("sits", "stands")) == "sits"
    up = share if (item % 2 == 0) == first else 1 - share
    stance = style.between("stance", 0.6, 1.3) * body.shoulder_m
    standing, ankles = bent_legs(body, stance, 0.0, 4, 4)
    sitting = vector(0, -style.between("reach", 0.82, 0.98) * body.thigh_m, seat + 0.052 * body.height_m)
    pelvis = sitting + up * (standing - sitting)
    bow = math.sin(math.pi * up) * style.between("bow", 22, 46)
    upright = style.between("slump", -8, 12) * (1 - up)
    skeleton = Skeleton(
        body, pelvis, upright + bow, curl_degrees=style.between("stoop", 0, 14), **_trunk(style, time_s, 0.8)
    )
    for side, sign in SIDES:
        skeleton.leg(side, ankles[side], vector(0.25 * sign, 1, 0), FORWARD + 0.4 * UP + 0.15 * sign * RIGHT)
    gesture(skeleton, style, time_s, (("hanging", "hanging"), ("belly", "belly"), ("hanging", "phone")), 0.03)
    pushes = style.choice("hands", ("knees", "free")) == "knees"
    for side, sign in SIDES:
        hip, knee, shoulder = (skeleton.points[f"{side}_{joint}"] for joint in ("hip", "knee", "shoulder"))
        place = hip + style.between("rests", 0.6, 0.95) * (knee - hip) + 0.08 * UP
        held = max(1 - up, 0.0) * pushes
        wrist = skeleton.points[f"{side}_wrist"]
        skeleton.arm(side, _within_reach(body, shoulder, wrist + held * (place - wrist)), vector(sign, -0.6, -0.3))
    skeleton.props += _chair(style, seat, float(sitting[1]) - 0.18)
    return skeleton


def tie_shoe(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """On one knee, or on a bench with a foot drawn near, busy with a shoe; at times looking up."""
    time_s = phase.time_s
    rises = smooth_random_walk(style, "rises", time_s, -1.2, 1.0, (1.5, 4.0), (0.6, 1.2))
    up = min(max(rises, 0.0), 1.0)
    kneels = style.choice("kind", ("kneeling", "kneeling", "seated")) == "kneeling"
    seat = style.between("seat", 0.38, 0.46)
    pelvis = vector(0, 0, body.thigh_m * style.between("high", 0.75, 0.98) + 0.05 if kneels else seat + 0.09)
    skeleton = Skeleton(
        body,
        pelvis,
        style.between("bent", 42, 58) - 34 * up,
        curl_degrees=style.between("stoop", 18, 34) - 12 * up,
        twist_degrees=style.between("turn", -4, 14),
        nod_degrees=style.between("nod", -4, 12) - 8 * up,
        look_degrees=up * smooth_random_walk(style, "look", time_s, -45, 45),
    )
    gap = style.between("gap", 0.8, 1.3) * body.hip_m
    foot = vector(-gap, style.between("ahead", 0.82, 1.02) * body.thigh_m, body.ankle_m)
    skeleton.leg("left", foot, FORWARD, UP - 0.15 * RIGHT)
    if kneels:
        knee = skeleton.points["right_hip"] + vector(0.02, 0, 0.06 - pelvis[2])
        low = (body.thigh_m**2 - (pelvis[2] - 0.06) ** 2) ** 0.5 if pelvis[2] - 0.06 < body.thigh_m else 0.0
        toes = unit(vector(0, 0.42, -0.9))
        knee = knee - low * FORWARD
        ball = vector(knee[0], knee[1] - 0.94 * body.shank_m, 0.3 * body.ankle_m)
        ankle = ankle_over_ball(body, ball, toes)
        skeleton.leg("right", ankle, toes, FORWARD - UP)
    else:
        skeleton.leg("right", vector(gap, 0.9 * body.thigh_m, body.ankle_m), FORWARD, UP + 0.15 * RIGHT)
        skeleton.props += _chair(style, seat, -0.18)
    shoe = skeleton.points["left_ankle"] + vector(0, 0.05, 0.05)
    for side, sign in SIDES:
        shoulder = skeleton.points[f"{side}_shoulder"]
        laces = [
            smooth_random_walk(style, f"{axis}_{side}", time_s, -0.06, 0.06, (0.05, 0.5), (0.2, 0.5)) for axis in "xyz"
        ]
        at_shoe = shoe + sign * 0.045 * RIGHT + np.array(laces)
        at_rest = skeleton.points["left_knee"] + vector(0.05 * sign, 0, 0.08)
        wrist = at_shoe + up * (at_rest - at_shoe)
        # Fingers at the laces point at each other.
        skeleton.arm(
            side, _within_reach(body, shoulder, wrist), vector(sign, -0.3, 0.2), vector(-0.9 * sign, 0.3, -0.1)
        )
    return skeleton
