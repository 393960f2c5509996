"""Exercises done on the floor. Each function is one; `exercises` finds them."""

import math

from beam_jobs.motions import Moment, Style, exercise, smooth, sway
from beam_jobs.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Prop, Skeleton, along, ankle_over_ball, unit


def _on_toes(body: Body, shoulder_height: float, sag_degrees: float, nod_degrees: float) -> Skeleton:
    """A straight body, face down, on the toes, the shoulders at a height; the hands are still free. Toes near y = 0."""
    toes = unit(along(0, 0.42, -0.9))
    ball = along(0, 0, 0.3 * body.ankle_m)
    ankle = ankle_over_ball(body, ball, toes)
    length = 0.998 * body.leg_m + body.torso_m
    rise = math.asin(min(max((shoulder_height - ankle[2]) / length, 0.0), 0.9))
    line = along(0, math.cos(rise), math.sin(rise))
    pelvis = ankle + 0.998 * body.leg_m * line
    pelvis = pelvis - 0.012 * sag_degrees * unit(along(0, -line[2], line[1]))
    skeleton = Skeleton(
        body, pelvis, 90 - math.degrees(rise) - sag_degrees, curl_degrees=2 * sag_degrees, nod_degrees=nod_degrees
    )
    for side, sign in SIDES:
        skeleton.leg(side, ankle + sign * 0.9 * body.hip_m * RIGHT, toes, -UP + 0.2 * FORWARD)
    return skeleton


@exercise(seconds=(1.5, 2.8), yaw_degrees=(40, 100), elevation_degrees=(4, 20))
def push_up(body: Body, style: Style, moment: Moment) -> Skeleton:
    """A straight body on toes and hands; the elbows bend and the chest comes near the floor."""
    top = 0.955 * body.arm_m + 0.02
    bottom = style.between("range", 0.105, 0.15) * body.height_m
    sag = style.between("sag", -1.5, 1.5)
    nod = style.between("nod", -38, -15)
    raised = _on_toes(body, top, sag, nod)
    skeleton = _on_toes(body, top + (bottom - top) * moment.depth, sag, nod)
    wide = style.between("wide", 1.15, 1.55) * body.shoulder_m
    y = raised.points["neck"][1] - style.between("behind", -0.01, 0.05) * body.height_m
    tuck = style.between("tuck", 0.5, 1.1)
    for side, sign in SIDES:
        skeleton.arm(side, along(sign * wide, y, 0.035), along(sign * tuck, -0.9, 0.45), along(sign * 0.12, 1, -0.08))
    return skeleton


@exercise(seconds=(1.8, 3.2), yaw_degrees=(55, 105), elevation_degrees=(4, 22))
def sit_up(body: Body, style: Style, moment: Moment) -> Skeleton:
    """On the back with bent knees and planted feet; the trunk curls up to the thighs and back."""
    pelvis = along(0, 0, body.depth_m + 0.012)
    full = style.between("range", 74, 98)
    up = smooth(moment.depth)
    lean = -88 + (full - 14) * (0.75 * moment.depth + 0.25 * up)
    curl = -2 + 30 * math.sin(math.pi * min(moment.depth * 0.85, 0.75))
    skeleton = Skeleton(
        body, pelvis, lean, curl_degrees=curl, nod_degrees=style.between("nod", 2, 16) + 10 * moment.depth
    )
    bent = style.between("feet", 0.60, 0.78) * body.leg_m
    gap = style.between("stance", 0.6, 1.1) * body.shoulder_m
    right, forward, axis = skeleton.frames["chest"]
    head = skeleton.frames["head"]
    arms = style.choice("arms", ("behind_head", "crossed", "reaching", "behind_head"))
    for side, sign in SIDES:
        skeleton.leg(side, along(sign * gap, bent, body.ankle_m), along(sign * 0.1, 1, 0), UP + 0.08 * sign * RIGHT)
        if arms == "behind_head":
            wrist = skeleton.points["head"] + sign * 0.055 * body.height_m * head[0] - 0.02 * body.height_m * head[1]
            skeleton.arm(
                side, wrist, sign * right + 0.4 * forward + 0.25 * axis, -0.8 * sign * head[0] - 0.35 * head[1]
            )
        elif arms == "crossed":
            wrist = skeleton.points["neck"] - sign * 0.5 * body.shoulder_m * right + 0.1 * body.height_m * forward
            skeleton.arm(
                side,
                wrist - (0.11 + 0.02 * sign) * axis,
                0.5 * sign * right - axis + 0.3 * forward,
                0.8 * axis - 0.35 * sign * right - 0.5 * forward,
            )
        else:
            target = skeleton.points[f"{side}_knee"] + 0.05 * sign * RIGHT + 0.05 * UP
            reach = unit(target - skeleton.points[f"{side}_shoulder"])
            skeleton.arm(
                side,
                skeleton.points[f"{side}_shoulder"] + 0.96 * body.arm_m * reach,
                sign * right - 0.5 * axis,
            )
    return skeleton


@exercise(seconds=(2.0, 3.5), yaw_degrees=(45, 100), elevation_degrees=(3, 18))
def plank(body: Body, style: Style, moment: Moment) -> Skeleton:
    """Held still on toes and forearms, or on the hands; only breath and effort move."""
    straight = style.choice("kind", ("forearms", "forearms", "hands")) == "hands"
    low = (0.955 * body.arm_m + 0.02) if straight else body.upper_arm_m + 0.075
    sag = style.between("sag", -2.5, 3) + 0.8 * moment.depth
    nod = style.between("nod", -32, -8) + sway(style, moment, "nod_sway", 2)
    held = _on_toes(body, low, style.between("sag", -2.5, 3), nod)
    skeleton = _on_toes(body, low - 0.004 * moment.depth, sag, nod)
    for side, sign in SIDES:
        if straight:
            wrist = along(sign * 1.05 * body.shoulder_m, held.points["neck"][1] - 0.02, 0.035)
            skeleton.arm(side, wrist, along(sign * 0.6, -0.9, 0.3), along(0, 1, -0.12))
        else:
            elbow = held.points[f"{side}_shoulder"] * (1, 1, 0) + 0.05 * UP
            inwards = style.between("inwards", 0.0, 0.5)
            skeleton.swing(side, elbow - skeleton.points[f"{side}_shoulder"], along(-sign * inwards, 1, -0.06))
    return skeleton


@exercise(seconds=(1.2, 2.4), yaw_degrees=(15, 80), elevation_degrees=(2, 18))
def russian_twist(body: Body, style: Style, moment: Moment) -> Skeleton:
    """Sitting, leaning back, knees bent; the hands go together from one side to the other."""
    lean = -style.between("lean", 28, 44)
    lifted = style.choice("feet", ("floor", "lifted")) == "lifted"
    twist = style.between("range", 34, 55) * (1 - 2 * moment.depth)
    skeleton = Skeleton(
        body,
        along(0, 0, body.depth_m + 0.02),
        lean,
        curl_degrees=style.between("curl", 8, 18),
        twist_degrees=twist,
        nod_degrees=style.between("nod", 6, 18),
        look_degrees=-0.5 * twist,
    )
    distance = style.between("reach", 0.64, 0.78) * body.leg_m
    height = body.ankle_m + (style.between("lift", 0.1, 0.22) if lifted else 0.0)
    right, forward, up = skeleton.frames["chest"]
    middle = skeleton.points["neck"] + body.height_m * (style.between("low", -0.16, -0.1) * up + 0.21 * forward)
    middle = middle - 0.05 * math.sin(math.radians(twist)) * right
    for side, sign in SIDES:
        toes = along(0.05 * sign, 1, 0.35 if lifted else 0)
        skeleton.leg(side, along(sign * 0.6 * body.hip_m + 0.02 * sign, distance, height), toes, UP)
        skeleton.arm(side, middle + 0.035 * sign * right, 0.7 * sign * right - up, forward - 0.8 * sign * right)
    if style.choice("weight", ("none", "dumbbell")) == "dumbbell":
        grip = (skeleton.grip("left") + skeleton.grip("right")) / 2
        skeleton.props.append(Prop("dumbbell", grip, right, 0.24, 0.055))
    return skeleton
