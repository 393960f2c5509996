"""Exercises done on the floor. Each function is one; catalog.py lists them."""

import math

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, smooth, sway
from beam_jobs.athletes.floor_positions import face_down, lying_arm
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Prop, Skeleton, unit, vector


def push_up(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """A straight body on toes and hands; the elbows bend and the chest comes near the floor."""
    apart = style.between("wide", 1.15, 1.55, varied=(0.75, 2.1)) * body.shoulder_m
    top, bench = 0.955 * body.arm_m + 0.02, 0.0
    on_knees = style.chance("on_knees", 0.22)
    if style.varied:
        top = min(top, 0.97 * math.sqrt(body.arm_m**2 - (apart - body.shoulder_m) ** 2))
        bench = style.between("bench", 0.25, 0.48) * (style.chance("on_bench", 0.15) and not on_knees)
    bottom = style.between("range", 0.105, 0.15, varied=(0.09, 0.2)) * body.height_m
    sag = style.between("sag", -1.5, 1.5, varied=(-6, 6))
    nod = style.between("nod", -38, -15, varied=(-45, 5))
    raised = face_down(body, style, top + bench, sag, nod, on_knees)
    skeleton = face_down(body, style, top + bench + (bottom - top) * phase.depth, sag, nod, on_knees)
    y = raised.points["neck"][1] - style.between("behind", -0.01, 0.05, varied=(-0.02, 0.06)) * body.height_m
    if bench:
        skeleton.props.append(Prop("bench", vector(0, y + 0.02, bench), RIGHT, 1.1, 0.14))
    tuck = style.between("tuck", 0.5, 1.1, varied=(0.2, 1.6))
    for side, sign in SIDES:
        wrist = vector(sign * apart, y, bench + 0.035)
        skeleton.arm(side, wrist, vector(sign * tuck, -0.9, 0.45), vector(sign * 0.12, 1, -0.08))
    return skeleton


def sit_up(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """On the back with bent knees and planted feet; the trunk curls up to the thighs and back."""
    pelvis = vector(0, 0, body.depth_m + 0.012)
    full = style.between("range", 74, 98, varied=(60, 102))
    up = smooth(phase.depth)
    lean = -88 + (full - 14) * (0.75 * phase.depth + 0.25 * up)
    curl = -2 + 30 * math.sin(math.pi * min(phase.depth * 0.85, 0.75))
    skeleton = Skeleton(
        body, pelvis, lean, curl_degrees=curl, nod_degrees=style.between("nod", 2, 16) + 10 * phase.depth
    )
    bent = style.between("feet", 0.60, 0.78, varied=(0.5, 0.9)) * body.leg_m
    gap = style.between("stance", 0.6, 1.1) * body.shoulder_m
    arms = style.choice("arms", ("behind_head", "crossed", "reaching", "behind_head"), varied=("beside", "overhead"))
    for side, sign in SIDES:
        skeleton.leg(side, vector(sign * gap, bent, body.ankle_m), vector(sign * 0.1, 1, 0), UP + 0.08 * sign * RIGHT)
        lying_arm(skeleton, style, side, arms, phase.depth)
    return skeleton


def plank(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Held still on toes and forearms, or on the hands; only breath and effort move."""
    straight = style.choice("kind", ("forearms", "forearms", "hands"), varied=("hands",)) == "hands"
    on_knees = style.chance("on_knees", 0.15)
    low = (0.955 * body.arm_m + 0.02) if straight else body.upper_arm_m + 0.075
    still = style.between("sag", -2.5, 3, varied=(-8, 7))
    sag = still + 0.8 * phase.depth
    if style.varied:
        sag += sway(style, phase, "hips", style.between("unrest", 0.3, 2.0))
        low += sway(style, phase, "shift", 0.012)
    nod = style.between("nod", -32, -8, varied=(-40, 8)) + sway(style, phase, "nod_sway", 2)
    held = face_down(body, style, low, still, nod, on_knees)
    skeleton = face_down(body, style, low - 0.004 * phase.depth, sag, nod, on_knees)
    if style.chance("one_leg", 0.1) and not on_knees:
        up = 0.22 * smooth(0.5 + sway(style, phase, "leg", 0.9))
        lifted = skeleton.points["left_ankle"] + vector(0, 0.06 * up, up)
        skeleton.leg("left", lifted, unit(vector(0, 0.42, -0.9)), -UP + 0.2 * FORWARD)
    for side, sign in SIDES:
        if straight:
            apart = style.between("wide", 1.05, 1.05, varied=(0.8, 1.4)) * body.shoulder_m
            wrist = vector(sign * apart, held.points["neck"][1] - 0.02, 0.035)
            skeleton.arm(side, wrist, vector(sign * 0.6, -0.9, 0.3), vector(0, 1, -0.12))
        else:
            elbow = held.points[f"{side}_shoulder"] * (1, 1, 0) + 0.05 * UP
            inwards = style.between("inwards", 0.0, 0.5, varied=(-0.1, 0.6))
            skeleton.arm_from_directions(
                side, elbow - skeleton.points[f"{side}_shoulder"], vector(-sign * inwards, 1, -0.06)
            )
    return skeleton


def russian_twist(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Sitting, leaning back, knees bent; the hands go together from one side to the other."""
    lean = -style.between("lean", 28, 44, varied=(12, 50))
    lifted = style.choice("feet", ("floor", "lifted")) == "lifted"
    side_on = 1 - 2 * phase.depth
    twist = style.between("range", 34, 55, varied=(12, 62)) * side_on
    skeleton = Skeleton(
        body,
        vector(0, 0, body.depth_m + 0.02),
        lean,
        curl_degrees=style.between("curl", 8, 18, varied=(0, 26)),
        twist_degrees=twist,
        nod_degrees=style.between("nod", 6, 18),
        look_degrees=-0.5 * twist,
    )
    distance = style.between("reach", 0.64, 0.78, varied=(0.55, 0.92)) * body.leg_m
    height = body.ankle_m + (style.between("lift", 0.1, 0.22, varied=(0.08, 0.4)) if lifted else 0.0)
    right, forward, up = skeleton.frames["chest"]
    middle = skeleton.points["neck"] + body.height_m * (style.between("low", -0.16, -0.1) * up + 0.21 * forward)
    middle = middle - 0.05 * math.sin(math.radians(twist)) * right
    if style.varied:
        # The arms go further than the trunk, and down beside the hips.
        reach = style.between("arms_aside", 0.0, 0.17) * body.height_m
        middle = (
            middle - reach * side_on * right - style.between("arms_down", 0.0, 0.1) * side_on**2 * body.height_m * up
        )
        middle = middle - style.between("arms_near", 0.0, 0.05) * body.height_m * forward
    for side, sign in SIDES:
        toes = vector(0.05 * sign, 1, 0.35 if lifted else 0)
        skeleton.leg(side, vector(sign * 0.6 * body.hip_m + 0.02 * sign, distance, height), toes, UP)
        skeleton.arm(side, middle + 0.035 * sign * right, 0.7 * sign * right - up, forward - 0.8 * sign * right)
    if style.choice("weight", ("none", "dumbbell")) == "dumbbell":
        grip = (skeleton.grip("left") + skeleton.grip("right")) / 2
        skeleton.props.append(Prop("dumbbell", grip, right, 0.24, 0.055))
    return skeleton
