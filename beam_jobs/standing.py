"""Exercises done on the feet. Each function is one; `exercises` finds them."""

import dataclasses
import math

import numpy as np

from beam_jobs.motions import Moment, Style, exercise, smooth, sway
from beam_jobs.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Prop, Skeleton, along, ankle_over_ball, unit


def feet_apart(body: Body, style: Style, least: float, most: float) -> tuple[float, float]:
    """Half the distance between the ankles, and how far the toes turn out (radians)."""
    return style.between("stance", least, most) * body.shoulder_m, math.radians(style.between("toes_out", 4, 26))


def toes(sign: float, out: float) -> np.ndarray:
    """Where a foot points that is turned out by so much (radians)."""
    return along(sign * math.sin(out), math.cos(out), 0)


def bent_legs(
    body: Body, stance: float, out: float, shank_degrees: float, thigh_degrees: float
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Pelvis and ankles of somebody on both feet, the shanks leaning forward and the thighs back by so much."""
    spread = max(stance - body.hip_m, 0.0)
    flat = 0.995 * math.sqrt(1 - (spread / body.leg_m) ** 2)
    shank, thigh = np.radians((shank_degrees, thigh_degrees))
    pelvis = along(
        0,
        flat * (body.shank_m * math.sin(shank) - body.thigh_m * math.sin(thigh)),
        body.ankle_m + flat * (body.shank_m * math.cos(shank) + body.thigh_m * math.cos(thigh)),
    )
    return pelvis, {side: along(sign * stance, 0, body.ankle_m) for side, sign in SIDES}


def stand(body: Body, style: Style, moment: Moment, **trunk: float) -> Skeleton:
    """Somebody who stands, knees soft."""
    stance, out = feet_apart(body, style, 0.6, 1.25)
    soft = style.between("soft_knees", 2, 9)
    pelvis, ankles = bent_legs(body, stance, out, soft, soft)
    pelvis = pelvis + along(sway(style, moment, "aside", 0.008), sway(style, moment, "fore", 0.006), -0.001)
    skeleton = Skeleton(body, pelvis, **{"lean_degrees": style.between("lean", -2, 4), **trunk})
    for side, sign in SIDES:
        skeleton.leg(side, ankles[side], toes(sign, out))
    return skeleton


@exercise(seconds=(1.8, 3.4))
def squat(body: Body, style: Style, moment: Moment) -> Skeleton:
    """Hips back and down between the knees, trunk leaning as far as balance asks."""
    stance, out = feet_apart(body, style, 0.85, 1.5)
    deepest = style.between("range", 78, 112)
    thigh = 4 + (deepest - 4) * moment.depth
    shank = 3 + style.between("shank", 24, 34) * moment.depth
    pelvis, ankles = bent_legs(body, stance, out, shank, thigh)
    pelvis = pelvis + along(sway(style, moment, "aside", 0.006), 0, 0)
    over_feet = (0.04 - pelvis[1]) / (0.85 * body.torso_m)
    lean = min(math.degrees(math.asin(min(over_feet, 0.8))), 52)
    skeleton = Skeleton(body, pelvis, lean, curl_degrees=3 * moment.depth, nod_degrees=-0.55 * lean)
    right, forward, up = skeleton.frames["chest"]
    arms = style.choice("arms", ("forward", "clasped", "barbell", "crossed", "goblet"))
    for side, sign in SIDES:
        skeleton.leg(side, ankles[side], toes(sign, out))
        shoulder = skeleton.points[f"{side}_shoulder"]
        if arms == "forward":
            raised = math.radians(20 + (style.between("reach", 62, 78)) * smooth(moment.depth * 1.4))
            down = along(sign * 0.06, math.sin(raised), -math.cos(raised))
            skeleton.swing(side, down + 0.03 * right * sign, down - 0.06 * sign * right + 0.05 * UP)
        elif arms == "barbell":
            bar = skeleton.points["neck"] - 0.055 * body.height_m * forward + 0.005 * body.height_m * up
            wrist = bar + sign * style.between("grip", 1.75, 2.3) * body.shoulder_m * right - 0.05 * up
            skeleton.arm(side, wrist, -up - 0.5 * forward, up - 0.1 * forward)
        elif arms == "crossed":
            wrist = skeleton.points["neck"] - sign * 0.55 * body.shoulder_m * right + 0.1 * body.height_m * forward
            skeleton.arm(
                side,
                wrist - (0.08 + 0.02 * sign) * up,
                forward * 0.6 + 0.3 * sign * right - up,
                0.8 * up - 0.35 * sign * right - 0.5 * forward,
            )
        else:
            front = shoulder - sign * 0.72 * body.shoulder_m * right + 0.155 * body.height_m * forward
            wrist = front - (0.06 if arms == "clasped" else 0.09) * body.height_m * up
            skeleton.arm(side, wrist, 0.55 * sign * right - up, up - 0.6 * sign * right)
    if arms == "barbell":
        skeleton.hold_barbell(1.7, style.between("plate", 0.12, 0.2))
        bar = skeleton.props[0]
        skeleton.props[0] = dataclasses.replace(
            bar, centre=skeleton.points["neck"] - 0.055 * body.height_m * forward + 0.005 * body.height_m * up
        )
    elif arms == "goblet":
        centre = (skeleton.grip("left") + skeleton.grip("right")) / 2
        skeleton.props.append(Prop("dumbbell", centre, up, 0.3, 0.07))
    return skeleton


@exercise(seconds=(1.9, 3.4))
def deadlift(body: Body, style: Style, moment: Moment) -> Skeleton:
    """A hinge in the hips: trunk down, back straight, weight in straight arms close to the legs."""
    stance, out = feet_apart(body, style, 0.6, 0.95)
    kind = style.choice("kind", ("conventional", "romanian", "conventional"))
    low, high = (48, 62) if kind == "conventional" else (28, 38)
    # A repetition starts with the weight low and turns round at the top in the gym; here depth 1 is low.
    depth = moment.depth
    thigh = 3 + style.between("range", low, high) * depth
    shank = 2 + (style.between("shank", 14, 20) if kind == "conventional" else style.between("shank", 3, 8)) * depth
    pelvis, ankles = bent_legs(body, stance, out, shank, thigh)
    lean = (style.between("hinge", 58, 72) if kind == "conventional" else style.between("hinge", 66, 82)) * depth
    skeleton = Skeleton(
        body, pelvis, lean - 1, curl_degrees=style.between("round", 0, 6) * depth, nod_degrees=-0.35 * lean
    )
    weight = style.choice("weight", ("barbell", "barbell", "dumbbells"))
    width = style.between("grip", 1.05, 1.35) * body.shoulder_m
    for side, sign in SIDES:
        skeleton.leg(side, ankles[side], toes(sign, out))
        shoulder = skeleton.points[f"{side}_shoulder"]
        wrist = along(sign * width, 0, shoulder[2] - 0.97 * body.arm_m)
        # Close to the legs, as far as the arms' length lets them.
        wrist[1] = 0.075 * body.height_m * (1 - 0.25 * depth) + 0.02
        wrist[2] = shoulder[2] - math.sqrt(
            max((0.99 * body.arm_m) ** 2 - (wrist[1] - shoulder[1]) ** 2 - (wrist[0] - shoulder[0]) ** 2, 0.01)
        )
        skeleton.arm(side, wrist, along(sign, -0.6, 0), -UP)
    if weight == "barbell":
        skeleton.hold_barbell(1.7, style.between("plate", 0.14, 0.2))
    else:
        skeleton.hold_dumbbells(RIGHT, style.between("plate", 0.05, 0.08))
    return skeleton


@exercise(seconds=(2.0, 3.4), yaw_degrees=(15, 110))
def lunge(body: Body, style: Style, moment: Moment) -> Skeleton:
    """A split stance: both knees bend, the rear one towards the floor, the trunk upright.

    Kinds: on the spot (split), stepping forward, or stepping back; the last two change legs.
    """
    kind = style.choice("kind", ("split", "forward", "reverse"))
    lead, sign = SIDES[0 if kind == "split" else moment.repetition % 2]
    trail = {"left": "right", "right": "left"}[lead]
    step = 1.0 if kind == "split" else smooth(moment.depth / 0.55)
    drop = moment.depth if kind == "split" else smooth((moment.depth - 0.3) / 0.7)
    long = style.between("length", 0.88, 1.02)
    front, back = 0.9 * body.thigh_m * long, -1.02 * body.thigh_m * long
    ahead = {"split": 0.0, "forward": back * (1 - step), "reverse": front * (1 - step)}[kind]
    # The foot that stays is where it is in the split; the other one starts beside it.
    front_y = back + 0.16 * body.foot_m + (front - back) * step if kind == "forward" else front
    back_y = front + (back - front) * step if kind == "reverse" else back
    lift = 0.09 * math.sin(math.pi * step) if kind != "split" else 0.0
    heel = math.radians(8 + 14 * step + 33 * drop) * (1.0 if kind == "split" else smooth(step * 1.2))
    rear_toes = along(0, math.cos(heel), -math.sin(heel))
    gap = style.between("stance", 0.55, 0.9) * body.shoulder_m
    ball = along(-sign * gap, back_y + 0.3 * body.foot_m, 0.4 * body.ankle_m + (lift if kind == "reverse" else 0))
    rear_ankle = ankle_over_ball(body, ball, rear_toes)
    front_ankle = along(sign * gap, front_y, body.ankle_m + (lift if kind == "forward" else 0))
    y = ahead + 0.012 * (1 - drop)
    reach = min(
        ankle[2] + math.sqrt(max((0.992 * body.leg_m) ** 2 - (ankle[1] - y) ** 2 - (gap - body.hip_m) ** 2, 0.05))
        for ankle in (front_ankle, rear_ankle)
    )
    low = body.ankle_m + body.shank_m * style.between("range", 1.0, 1.16)
    pelvis = along(sway(style, moment, "aside", 0.008), y, reach + (low - reach) * drop)
    skeleton = Skeleton(body, pelvis, style.between("lean", 0, 9) + 4 * drop, nod_degrees=style.between("nod", -4, 8))
    skeleton.leg(lead, front_ankle, toes(sign, 0.06))
    skeleton.leg(trail, rear_ankle, rear_toes, FORWARD + 0.5 * rear_toes)
    arms = style.choice("arms", ("hips", "dumbbells", "hanging", "clasped"))
    right, forward, up = skeleton.frames["chest"]
    for side, sign in SIDES:
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
            skeleton.swing(side, -UP + 0.12 * sign * right, -UP + 0.04 * sign * right + 0.14 * FORWARD)
    if arms == "dumbbells":
        skeleton.hold_dumbbells(FORWARD, style.between("plate", 0.05, 0.07))
    return skeleton


@exercise(seconds=(0.85, 1.4), yaw_degrees=(0, 60))
def jumping_jack(body: Body, style: Style, moment: Moment) -> Skeleton:
    """Feet hop apart while the arms go up sideways, and together again."""
    depth = moment.depth
    stance = (0.45 + (style.between("range", 1.5, 2.1) - 0.45) * depth) * body.shoulder_m
    hop = style.between("hop", 0.035, 0.08) * 4 * depth * (1 - depth)
    out = math.radians(8 + 12 * depth)
    bend = 7 + 9 * (1 - 4 * depth * (1 - depth))
    pelvis, ankles = bent_legs(body, stance, out, bend, bend)
    skeleton = Skeleton(body, pelvis + hop * UP, style.between("lean", 0, 4))
    top = style.between("top", 150, 172)
    for side, sign in SIDES:
        skeleton.leg(side, ankles[side] + hop * UP, toes(sign, out))
        raised = math.radians(style.between("bottom", 8, 16) + (top - 12) * depth)
        fore = raised + math.radians(style.between("bent", 2, 18)) * (2 * depth - 0.6)
        skeleton.swing(
            side,
            along(sign * math.sin(raised), 0.10, -math.cos(raised)),
            along(sign * math.sin(fore), 0.16, -math.cos(fore)),
        )
    return skeleton


@exercise(seconds=(1.5, 2.9))
def bicep_curl(body: Body, style: Style, moment: Moment) -> Skeleton:
    """Elbows at the sides; the forearms come up with a barbell, both dumbbells, or one after the other."""
    kind = style.choice("kind", ("barbell", "dumbbells", "alternating"))
    swing = style.between("swing", 0, 5) * moment.depth
    skeleton = stand(body, style, moment, lean_degrees=style.between("lean", -2, 2) - swing, nod_degrees=swing + 4)
    most = style.between("range", 118, 142)
    for index, (side, sign) in enumerate(SIDES):
        depth = moment.depth if kind != "alternating" or index == moment.repetition % 2 else 0.0
        flexion = math.radians(style.between("straight", 6, 16) + (most - 10) * depth)
        upper = math.radians(style.between("elbows", 0, 8) + style.between("elbow_drift", 2, 12) * depth)
        out = sign * style.between("out", 0.05, 0.13)
        fore_out = sign * (style.between("fore_out", 0.0, 0.1) if kind != "barbell" else 0.0)
        skeleton.swing(
            side,
            along(out, math.sin(upper), -math.cos(upper)),
            along(fore_out, math.sin(upper + flexion), -math.cos(upper + flexion)),
        )
    if kind == "barbell":
        skeleton.hold_barbell(style.between("bar", 1.1, 1.6), style.between("plate", 0.09, 0.15))
    else:
        skeleton.hold_dumbbells(RIGHT, style.between("plate", 0.045, 0.065))
    return skeleton


@exercise(seconds=(1.6, 2.9))
def shoulder_press(body: Body, style: Style, moment: Moment) -> Skeleton:
    """Weights from beside the shoulders to straight above them."""
    kind = style.choice("kind", ("barbell", "dumbbells", "dumbbells"))
    skeleton = stand(
        body, style, moment, lean_degrees=style.between("lean", -4, 1), nod_degrees=style.between("nod", -6, 4)
    )
    right, forward, up = skeleton.frames["chest"]
    wide = style.between("wide", 0.55, 0.8) if kind == "dumbbells" else style.between("wide", 0.3, 0.5)
    for side, sign in SIDES:
        shoulder = skeleton.points[f"{side}_shoulder"]
        ahead = (0.05 if kind == "dumbbells" else 0.085) * body.height_m
        start = (
            shoulder
            + body.upper_arm_m * (wide * sign * right + style.between("start", 0.12, 0.34) * up)
            + ahead * forward
        )
        inwards = -0.25 if kind == "dumbbells" else wide * 0.75
        straight = unit(
            along(sign * inwards * body.upper_arm_m, 0.012, style.between("range", 0.93, 0.99) * body.arm_m)
        )
        end = shoulder + style.between("range", 0.93, 0.985) * body.arm_m * straight
        outward = 0.05 * body.height_m * math.sin(math.pi * moment.depth) * (kind == "dumbbells")
        wrist = start + (end - start) * moment.depth + sign * outward * right
        skeleton.arm(side, wrist, -up + 0.75 * sign * right + 0.25 * forward, UP)
    if kind == "barbell":
        skeleton.hold_barbell(style.between("bar", 1.3, 1.7), style.between("plate", 0.1, 0.17))
    else:
        skeleton.hold_dumbbells(RIGHT, style.between("plate", 0.05, 0.07))
    return skeleton


@exercise(seconds=(1.6, 2.9), yaw_degrees=(0, 75))
def front_lateral_raise(body: Body, style: Style, moment: Moment) -> Skeleton:
    """Nearly straight arms come up to shoulder height with dumbbells: forwards, sideways, or in turn."""
    kind = style.choice("kind", ("front", "lateral", "turns"))
    ahead = kind == "front" or (kind == "turns" and moment.repetition % 2 == 0)
    skeleton = stand(body, style, moment, lean_degrees=style.between("lean", -2, 3) - 2 * moment.depth)
    raised = math.radians(style.between("bottom", 7, 12) + style.between("range", 72, 86) * moment.depth)
    bent = math.radians(style.between("bent", 4, 16))
    side_on = math.radians(style.between("plane", 4, 12) if ahead else style.between("plane", 74, 86))
    for side, sign in SIDES:
        out = along(sign * math.sin(side_on), math.cos(side_on), 0)
        if ahead:
            fore = along(0, math.sin(raised + bent), -math.cos(raised + bent))
        else:
            fore = math.sin(raised) * out + along(0, math.sin(bent), -math.cos(raised))
        skeleton.swing(side, math.sin(raised) * out - math.cos(raised) * UP + 0.05 * sign * RIGHT, fore)
    skeleton.hold_dumbbells(RIGHT if ahead else FORWARD, style.between("plate", 0.04, 0.055))
    return skeleton
