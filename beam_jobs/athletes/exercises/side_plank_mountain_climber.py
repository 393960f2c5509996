"""Exercises on the hands or forearms and the feet. Each function is one; catalog.py lists them."""

import math

import numpy as np

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, smooth, sway
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Prop, Skeleton, ankle_over_ball, unit, vector


def side_plank(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Held still on one side, on the right forearm or hand and the feet or the knee; only breath and effort move.

    The scene mirrors half of the clips: the left side is as frequent as the right.
    """
    straight = style.choice("kind", ("forearm", "forearm", "hand"), varied=("hand",)) == "hand"
    on_knees = style.chance("on_knees", 0.2)
    sag = style.between("sag", -0.04, 0.04, varied=(-0.1, 0.11)) + 0.004 * phase.depth
    sag += sway(style, phase, "hips", style.between("unrest", 0.002, 0.006, varied=(0.002, 0.016)))
    turned = style.between("turned", -8, 8, varied=(-22, 16))
    # Standing upright first; then it is tilted until the lower foot and the lower hand are on the floor.
    upright = Skeleton(
        body,
        np.zeros(3),
        style.between("fold", -2, 4, varied=(-5, 12)),
        twist_degrees=turned + sway(style, phase, "turn", style.between("turning", 0.3, 1.5)),
        nod_degrees=style.between("nod", -6, 10, varied=(-12, 28)),
        look_degrees=style.between("look", -20, 20, varied=(-40, 55)),
        tilt_degrees=-90 * sag,
    )
    _stacked_legs(upright, style, phase, sag, on_knees)
    lowest = upright.points["right_knee" if on_knees else "right_ankle"]
    shoulder = upright.points["right_shoulder"]
    floor_to_shoulder = (0.95 * body.arm_m + 0.03) if straight else body.upper_arm_m + 0.05
    high = floor_to_shoulder - 0.032 * body.height_m
    across, along = shoulder[0] - lowest[0], shoulder[2] - lowest[2]
    roll = math.acos(min(high / math.hypot(across, along), 1.0)) - math.atan2(across, along)
    skeleton = upright.rolled(math.degrees(roll))
    lowest = skeleton.points["right_knee" if on_knees else "right_ankle"]
    skeleton = skeleton.moved(0, -lowest + 0.032 * body.height_m * UP)
    shoulder = skeleton.points["right_shoulder"]
    if straight:
        wrist = vector(shoulder[0] + style.between("ahead", -0.03, 0.05, varied=(-0.06, 0.12)), shoulder[1], 0.035)
        pointing = math.radians(style.between("fingers", 10, 100))
        hand = vector(math.cos(pointing), math.sin(pointing), -0.05)
        skeleton.arm("right", wrist, vector(0.4, -0.9, 0), hand)
    else:
        aside = math.radians(style.between("forearm", 60, 100, varied=(20, 115)))
        skeleton.arm_from_directions("right", -UP, vector(math.cos(aside), math.sin(aside), -0.05))
    _upper_arm(skeleton, style, phase)
    return skeleton


def _stacked_legs(upright: Skeleton, style: MovementStyle, phase: RepetitionPhase, sag: float, on_knees: bool) -> None:
    """Legs of a body that will lie on its right side: one on the other, one before the other, or on the knee."""
    body = upright.body
    apart = style.between("apart", 0.07, 0.09)
    staggered = style.choice("feet", ("stacked", "stacked", "staggered")) == "staggered"
    ahead = style.between("stagger", 0.12, 0.26) if staggered else 0.0
    lifted = style.chance("leg_lifted", 0.1) * style.between("lift", 0.15, 0.4) * (0.9 + 0.1 * phase.depth)
    far = 0.985 * body.leg_m
    for side, sign in SIDES:
        upper = side == "left"
        # The hips sink towards the floor, which is on the right: the feet stay behind on the left.
        aside = 0.3 * body.hip_m - sag - (apart + lifted) * upper * (not staggered)
        front = ahead * (0.6 if upper else -0.4)
        if on_knees:
            knee = upright.points[f"{side}_hip"] + body.thigh_m * unit(vector(aside - sign * body.hip_m, 0.06, -1))
            bent = math.radians(style.between("knees", 92, 118))
            shank = vector(0, -math.sin(bent), -math.cos(bent))
            upright.leg(side, knee + 0.999 * body.shank_m * shank, shank, FORWARD, sole=UP)
        else:
            ankle = vector(aside, front, -math.sqrt(far**2 - front**2 - aside**2))
            upright.leg(side, ankle, vector(0, 1, -0.1 - 0.4 * style.between("pointed", 0, 1)), FORWARD)


def _upper_arm(skeleton: Skeleton, style: MovementStyle, phase: RepetitionPhase) -> None:
    """The arm that has nothing to hold up: towards the ceiling, on the hip, along the body, or beyond the head."""
    body = skeleton.body
    right, forward, axis = skeleton.frames["chest"]
    arm = style.choice("arm", ("ceiling", "hip", "along"), varied=("ceiling", "hip", "beyond", "before"))
    unrest = 0.03 * sway(style, phase, "arm_sway", 1.0)
    if arm == "hip":
        waist = skeleton.points["left_hip"] + 0.055 * body.height_m * (0.9 * axis - right) + 0.02 * forward
        skeleton.arm("left", waist, -right - 0.35 * forward, 0.8 * forward + 0.4 * right - 0.3 * axis)
    elif arm == "ceiling":
        lean = style.between("arm_lean", -0.15, 0.15, varied=(-0.35, 0.4)) + unrest
        skeleton.arm_from_directions("left", UP + lean * axis + 0.1 * forward, UP + lean * axis)
    elif arm == "before":
        wrist = skeleton.points["neck"] + 0.3 * body.arm_m * forward - 0.1 * body.arm_m * (axis + right)
        skeleton.arm("left", wrist, -right - axis + 0.2 * forward)
    else:
        along = -axis if arm == "along" else axis
        skeleton.arm_from_directions("left", along - 0.12 * right + unrest * forward, along + 0.08 * forward)


def mountain_climber(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """On the hands as in a push-up; one knee after the other comes towards the chest.

    Kinds: "step" (a leg comes in and goes back, then the other), "run" (both change places at once), "cross" (the knee
    goes to the other elbow).
    """
    kind = style.choice("kind", ("step", "run"), varied=("run", "cross", "step"))
    bench = style.between("bench", 0.25, 0.48) * style.chance("on_bench", 0.12)
    depth, crossing = phase.depth, kind == "cross"
    wide = style.between("wide", 0.95, 1.25, varied=(0.8, 1.6)) * body.shoulder_m
    reach = math.sqrt((0.965 * body.arm_m) ** 2 - (wide - body.shoulder_m) ** 2)
    neck = vector(0, style.between("before", -0.02, 0.04, varied=(-0.1, 0.08)), bench + 0.035 + reach)
    ball_toes = unit(vector(0, 0.42, -0.9))
    foot = ankle_over_ball(body, vector(0, 0, 0.3 * body.ankle_m), ball_toes)
    # The trunk's slope where the legs are straight, and how much the hips rise with the knee.
    flat = 90 - math.degrees(math.asin(min((neck[2] - foot[2]) / (body.leg_m + body.torso_m), 0.9)))
    hips = style.between("hips", 4, 14, varied=(0, 24))
    pike = (style.between("pike", 2, 9, varied=(0, 16)) if kind != "run" else 0.0) * depth
    bob = style.between("bob", 0.0, 0.012, varied=(0.0, 0.03)) * math.sin(math.pi * min(depth, 1.0))

    def trunk_axis(lean_degrees: float) -> np.ndarray:
        lean = math.radians(lean_degrees)
        return vector(0, math.sin(lean), math.cos(lean))

    furthest = neck - body.torso_m * trunk_axis(flat + hips)
    back = furthest[1] - math.sqrt((0.985 * body.leg_m) ** 2 - (furthest[2] - foot[2]) ** 2)
    pelvis = neck - (bob + 0.04 * crossing * depth) * UP - body.torso_m * trunk_axis(flat + hips + pike)
    lean = flat + hips + pike
    lead = phase.repetition % 2
    skeleton = Skeleton(
        body,
        pelvis,
        lean,
        nod_degrees=style.between("nod", -34, -8, varied=(-48, 22)),
        twist_degrees=(12 * depth * (1 - 2 * lead)) if crossing else 0.0,
    )
    gap = style.between("feet_gap", 0.7, 1.1, varied=(0.5, 1.6)) * body.hip_m
    inside = furthest[1] + style.between("range", -0.08, 0.12, varied=(-0.18, 0.2))
    # The foot comes down on its ball, or stays in the air, the toes pointing back.
    hovers = style.choice("foot", ("hover", "tap")) == "hover"
    hover = style.between("hover", -0.03, 0.05) if hovers else 0.0
    for index, (side, sign) in enumerate(SIDES):
        share = depth if index == lead else (1 - depth if kind == "run" else 0.0)
        inwards = style.between("inwards", 0.0, 0.1) - (0.45 * crossing * (index == lead))
        lift = hover * smooth(share) + (0.05 if kind == "run" else 0.09) * math.sin(math.pi * share)
        ankle = vector(sign * gap * (1 + inwards * share), back + (inside - back) * share, foot[2] + lift * (share > 0))
        # No knee bends so far that the heel is at the hip: a foot that is high stays behind it.
        hip, near = skeleton.points[f"{side}_hip"], 0.37 * body.leg_m
        drop = hip[2] - ankle[2]
        furthest_in = 3 * (drop - near) if drop > near else -math.sqrt(near**2 - drop**2)
        ankle[1] = min(ankle[1], hip[1] + furthest_in)
        knee = FORWARD - 0.3 * UP + sign * (style.between("knees_out", 0.0, 0.25) - 0.6 * crossing * share) * RIGHT
        toes = ball_toes + hovers * share * (vector(0, -0.6, -0.8) - ball_toes)
        skeleton.leg(side, ankle, toes, knee, sole=-FORWARD)
    for side, sign in SIDES:
        skeleton.arm(side, vector(sign * wide, 0, bench + 0.035), vector(0.6 * sign, -0.9, 0.3), vector(0, 1, -0.1))
    if bench:
        skeleton.props.append(Prop("bench", vector(0, 0.02, bench), RIGHT, 1.1, 0.14))
    return skeleton
