"""Exercises with steps and hops. Each function is one; catalog.py lists them."""

import math

from beam_jobs.athletes.arm_positions import pose_arms
from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, smooth, sway
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Skeleton, ankle_over_ball, vector
from beam_jobs.athletes.stances import bent_legs, toes

_ARMS = ("hips", "dumbbells", "hanging", "clasped")
_HOLDS = ("behind_head", "back_barbell", "front_barbell", "racked", "fists")


def lunge(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """A split stance: both knees bend, the rear one towards the floor, the trunk upright.

    Kinds: on the spot (split), stepping forward, or stepping back; the last two change legs. In varied styles also
    walking, the camera going along most of the way.
    """
    kind = style.choice("kind", ("split", "forward", "reverse"), varied=("walking", "walking"))
    if walking := kind == "walking":
        kind = "reverse" if phase.returning else "forward"
    lead, sign = SIDES[0 if kind == "split" else phase.repetition % 2]
    trail = {"left": "right", "right": "left"}[lead]
    step = 1.0 if kind == "split" else smooth(phase.depth / 0.55)
    drop = phase.depth if kind == "split" else smooth((phase.depth - 0.3) / 0.7)
    long = style.between("length", 0.88, 1.02, varied=(0.7, 1.06))
    front, back = 0.9 * body.thigh_m * long, -1.02 * body.thigh_m * long
    ahead = {"split": 0.0, "forward": back * (1 - step), "reverse": front * (1 - step)}[kind]
    # The foot that stays is where it is in the split; the other one starts beside it.
    front_y = back + 0.16 * body.foot_m + (front - back) * step if kind == "forward" else front
    back_y = front + (back - front) * step if kind == "reverse" else back
    if style.varied:
        # Both feet stand side by side between two repetitions.
        apart, start = 0.36 * body.foot_m, 1 - step
        if kind == "forward":
            front_y -= (apart + 0.16 * body.foot_m) * start
            ahead -= apart * start
        elif kind == "reverse":
            front_y += 0.16 * body.foot_m * walking
            back_y += (apart + 0.16 * body.foot_m * walking) * start
            ahead += 0.16 * body.foot_m * walking * start
    lift = 0.09 * math.sin(math.pi * step) if kind != "split" else 0.0
    heel = math.radians(8 + 14 * step + 33 * drop) * (1.0 if kind == "split" else smooth(step * 1.2))
    rear_toes = vector(0, math.cos(heel), -math.sin(heel))
    gap = style.between("stance", 0.55, 0.9) * body.shoulder_m
    ball = vector(-sign * gap, back_y + 0.3 * body.foot_m, 0.4 * body.ankle_m + (lift if kind == "reverse" else 0))
    rear_ankle = ankle_over_ball(body, ball, rear_toes)
    front_ankle = vector(sign * gap, front_y, body.ankle_m + (lift if kind == "forward" else 0))
    y = ahead + 0.012 * (1 - drop)
    reach = min(
        ankle[2] + math.sqrt(max((0.992 * body.leg_m) ** 2 - (ankle[1] - y) ** 2 - (gap - body.hip_m) ** 2, 0.05))
        for ankle in (front_ankle, rear_ankle)
    )
    low = body.ankle_m + body.shank_m * style.between("range", 1.0, 1.16, varied=(1.0, 1.3))
    pelvis = vector(sway(style, phase, "aside", 0.008), y, reach + (low - reach) * drop)
    lean = style.between("lean", 0, 9, varied=(-3, 20)) + 4 * drop
    skeleton = Skeleton(body, pelvis, lean, nod_degrees=style.between("nod", -4, 8))
    skeleton.leg(lead, front_ankle, toes(sign, 0.06))
    skeleton.leg(trail, rear_ankle, rear_toes, FORWARD + 0.5 * rear_toes)
    arms = style.choice("arms", _ARMS, varied=("hips", "dumbbells", *_HOLDS))
    right, forward, up = skeleton.frames["chest"]
    if arms in _HOLDS:
        pose_arms(skeleton, style, arms)
    for side, sign in SIDES:
        if arms in _HOLDS:
            break
        if arms == "hips":
            hip = skeleton.points[f"{side}_hip"] + 0.055 * body.height_m * (sign * right + 0.9 * up) + 0.03 * forward
            skeleton.arm(side, hip, sign * right - 0.45 * forward, forward * 0.8 - sign * 0.6 * right - 0.4 * up)
        elif arms == "clasped":
            wrist = (
                skeleton.points["neck"]
                + sign * 0.05 * right
                + 0.15 * body.height_m * forward
                - 0.07 * body.height_m * up
            )
            skeleton.arm(side, wrist, 0.55 * sign * right - up, up - 0.6 * sign * right)
        else:
            skeleton.arm_from_directions(side, -UP + 0.12 * sign * right, -UP + 0.04 * sign * right + 0.14 * FORWARD)
    if arms == "dumbbells":
        skeleton.hold_dumbbells(FORWARD, style.between("plate", 0.05, 0.07))
    if walking:
        gone = phase.repetition * (front - back + 0.52 * body.foot_m)
        return skeleton.moved(0, vector(0, gone - 0.8 * (gone + y), 0))
    return skeleton


def jumping_jack(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Feet hop apart while the arms go up sideways, and together again."""
    depth = phase.depth
    stepping = style.chance("stepping", 0.2)
    share = 0.5 * depth if stepping else depth
    stance = (0.45 + (style.between("range", 1.5, 2.1, varied=(1.1, 2.4)) - 0.45) * share) * body.shoulder_m
    hop = 0.0 if stepping else style.between("hop", 0.035, 0.08, varied=(0.015, 0.1)) * 4 * depth * (1 - depth)
    out = math.radians(8 + 12 * depth)
    bend = 7 + 9 * (1 - 4 * depth * (1 - depth))
    pelvis, ankles = bent_legs(body, stance, out, bend, bend)
    skeleton = Skeleton(body, pelvis + hop * UP, style.between("lean", 0, 4, varied=(-2, 9)))
    top = style.between("top", 150, 172, varied=(125, 176))
    if style.chance("half", 0.2):
        top = style.between("half_top", 75, 110)
    for side, sign in SIDES:
        skeleton.leg(side, ankles[side] + hop * UP, toes(sign, out))
        raised = math.radians(style.between("bottom", 8, 16, varied=(6, 24)) + (top - 12) * depth)
        fore = raised + math.radians(style.between("bent", 2, 18, varied=(0, 45))) * (2 * depth - 0.6)
        skeleton.arm_from_directions(
            side,
            vector(sign * math.sin(raised), 0.10, -math.cos(raised)),
            vector(sign * math.sin(fore), 0.16, -math.cos(fore)),
        )
    if stepping:
        # One foot stays, the other steps aside.
        aside = stance - 0.45 * body.shoulder_m
        return skeleton.moved(0, (aside if phase.repetition % 2 else -aside) * RIGHT)
    return skeleton
