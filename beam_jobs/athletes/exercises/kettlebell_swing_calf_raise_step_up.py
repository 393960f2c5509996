"""Exercises of the legs beside squats and lunges. Each function is one; catalog.py lists them."""

import math

import numpy as np

from beam_jobs.athletes.arm_positions import pose_arms, rest_arm
from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, smooth, sway
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Prop, Skeleton, unit, vector
from beam_jobs.athletes.stances import bent_legs, feet_apart, heel_raised, toes

_ARMS = ("hanging", "hips", "dumbbells", "support")
_BOX_ARMS = ("hanging", "hips", "dumbbells", "fists")


def kettlebell_swing(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """A weight swings from between the legs to before the chest or above the head; the hips throw it.

    Depth 0 is the hinge with the weight behind the knees, 1 is upright with the weight at its highest.
    """
    kind = style.choice("kind", ("chest", "chest", "overhead"), varied=("overhead", "one_hand", "alternating"))
    stance, out = feet_apart(body, style, 1.0, 1.5)
    # The hips are straight before the weight is half way up; arms only hang on it.
    low = 1 - smooth(phase.depth / style.between("snap", 0.5, 0.7))
    squats = style.between("squats", 0.0, 0.4, varied=(0.0, 1.0))
    thigh = 3 + (style.between("thigh", 30, 46) + 26 * squats) * low
    pelvis, ankles = bent_legs(body, stance, out, 2 + (style.between("shank", 3, 12) + 14 * squats) * low, thigh)
    lean = (style.between("hinge", 52, 70, varied=(44, 80)) - 14 * squats) * low - style.between("arch", 0, 6)
    # One hand takes the weight from the other at the top.
    working = "right" if kind == "one_hand" or (phase.repetition + phase.returning) % 2 else "left"
    turn = style.between("turn", 4, 14) * low * {"right": 1, "left": -1}[working]
    skeleton = Skeleton(
        body,
        pelvis + vector(sway(style, phase, "aside", 0.006), 0, 0),
        lean,
        curl_degrees=style.between("round", 0, 5, varied=(-4, 16)) * low,
        twist_degrees=turn if kind in ("one_hand", "alternating") else 0.0,
        nod_degrees=-style.between("nod", 0.3, 0.7) * lean,
    )
    highest = (
        style.between("range", 148, 174) if kind == "overhead" else style.between("range", 80, 104, varied=(58, 120))
    )
    behind = style.between("behind", 14, 30, varied=(6, 38))
    swing = math.radians(-behind + (highest + behind) * phase.depth)
    bent = math.radians(style.between("bent", 2, 14, varied=(0, 40)) * phase.depth)
    hands = [side for side, _ in SIDES if kind in ("chest", "overhead") or side == working]
    for side, sign in SIDES:
        skeleton.leg(side, ankles[side], toes(sign, out))
        shoulder = skeleton.points[f"{side}_shoulder"]
        apart = 0.035 if len(hands) == 2 else 0.3 * body.shoulder_m * phase.depth * (kind == "one_hand")
        reach = math.sqrt((0.985 * body.arm_m) ** 2 - (abs(shoulder[0]) - apart) ** 2) * math.cos(bent)
        wrist = shoulder * (0, 1, 1) + vector(sign * apart, reach * math.sin(swing), -reach * math.cos(swing))
        if side not in hands:
            # The free arm swings along, a little outside.
            free = math.radians(style.between("free", -30, 10) * low + style.between("free_up", 10, 70) * phase.depth)
            swings = shoulder + 0.97 * body.arm_m * unit(vector(0.4 * sign, math.sin(free), -math.cos(free)))
            wrist = swings + smooth((phase.depth - 0.4) / 0.45) * (kind == "alternating") * (wrist - swings)
        skeleton.arm(side, wrist, vector(sign, -0.3, -0.5))
    along = vector(0, math.sin(swing), -math.cos(swing))
    held = np.mean([skeleton.grip(side) for side in hands], axis=0)
    weight = style.choice("weight", ("kettlebell",), varied=("kettlebell", "kettlebell", "dumbbell"))
    skeleton.props.append(Prop(weight, held + 0.1 * along, along, 0.22, style.between("plate", 0.06, 0.09)))
    return skeleton


def calf_raise(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """The heels rise and sink, legs nearly straight: on the floor or on the edge of a step, on both feet or on one."""
    step = style.between("step", 0.1, 0.2) if style.choice("on", ("floor", "floor", "step")) == "step" else 0.0
    single = style.choice("feet", ("both", "both", "one"), varied=("both",)) == "one"
    lowest = -style.between("sink", 4, 16) if step else style.between("low", 0, 3, varied=(0, 12))
    raised = lowest + (style.between("range", 32, 46, varied=(22, 54)) - lowest) * phase.depth
    stance, out = feet_apart(body, style, 0.45, 1.0)
    soft = style.between("soft_knees", 1, 5, varied=(0, 14))
    pelvis, ankles = bent_legs(body, stance, out, soft, soft)
    stands = vector(-ankles["right"][0] * single, 0, step)
    feet = {side: heel_raised(body, ankles[side] + stands, raised, sign * out) for side, sign in SIDES}
    shift = feet["right"][0] - ankles["right"]
    sways = vector(sway(style, phase, "aside", 0.006), sway(style, phase, "fore", 0.004), -0.001)
    skeleton = Skeleton(
        body,
        pelvis + shift * (0, 1, 1) + sways,
        style.between("lean", -2, 5, varied=(-4, 12)),
        nod_degrees=style.between("nod", -4, 12),
    )
    for side, (ankle, direction) in feet.items():
        skeleton.leg(side, ankle, direction, FORWARD)
    if single:
        behind = math.radians(style.between("behind", 48, 100))
        knee = skeleton.points["left_hip"] + body.thigh_m * vector(0, 0.14, -0.99)
        ankle = knee + 0.99 * body.shank_m * vector(0.1, -math.sin(behind), -math.cos(behind))
        skeleton.leg("left", ankle, vector(0, math.cos(behind + 0.25), -math.sin(behind + 0.25)), FORWARD)
    arms = style.choice("arms", _ARMS, varied=("support", "support", "back_barbell", "racked", "behind_head"))
    if arms == "support":
        _hold_on(skeleton, style, step)
    else:
        pose_arms(skeleton, style, arms)
    if step:
        edge = 0.35 * body.foot_m
        skeleton.props.append(Prop("box", vector(0, edge + 0.16, step), RIGHT, style.between("box", 0.5, 0.9), 0.16))
    return skeleton


def _hold_on(skeleton: Skeleton, style: MovementStyle, step: float) -> None:
    """One hand or both on a bar in front, which does not move."""
    body = skeleton.body
    height = style.between("height", 0.55, 0.82) * body.height_m + step
    ahead = style.between("ahead", 0.38, 0.6) * body.arm_m + 0.08
    both = style.choice("hands", ("both", "one")) == "both"
    for side, sign in SIDES:
        if not both and side == "left":
            rest_arm(skeleton, style, side)
            if style.chance("one_dumbbell", 0.5):
                skeleton.props.append(Prop("dumbbell", skeleton.grip(side), FORWARD, 0.26, 0.06))
            continue
        apart = style.between("wide", 0.7, 1.4) * body.shoulder_m
        skeleton.arm(side, vector(sign * apart, ahead, height), vector(0.7 * sign, -0.4, -1), FORWARD - 0.3 * UP)
    skeleton.props.append(Prop("bar", vector(0, ahead + 0.05, height - 0.02), RIGHT, 1.3, 0.03))


def step_up(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """One foot on a box; the body rises onto it and comes down again.

    Kinds: the other foot comes up beside the first one, its knee is lifted high, or it only hangs; in some styles the
    first foot stays on the box throughout.
    """
    kind = style.choice("kind", ("beside", "beside", "knee"), varied=("knee", "hangs"))
    stays = style.choice("lead", ("steps", "stays"), varied=("steps",)) == "stays" or kind == "hangs"
    lead, sign = SIDES[0 if style.choice("legs", ("one", "other")) == "one" or stays else phase.repetition % 2]
    trail = {"left": "right", "right": "left"}[lead]
    box = style.between("box", 0.22, 0.30, varied=(0.15, 0.34)) * 0.9 * body.height_m
    gap, away = style.between("stance", 0.5, 0.9) * body.shoulder_m, style.between("away", 0.2, 0.27) * body.height_m
    floor, top = body.ankle_m, body.ankle_m + box
    step = 1.0 if stays else smooth(phase.depth / 0.4)
    rise = phase.depth if stays else min(max((phase.depth - 0.3) / 0.7, 0.0), 1.0)
    # Up first, then forwards: around the edge of the box.
    lift = 0.1 * math.sin(math.pi * step)
    lead_ankle = vector(sign * gap, away * smooth(step * 1.3 - 0.3), floor + box * smooth(step * 1.4) + lift)
    stand_m = 0.99 * math.sqrt(body.leg_m**2 - (gap - body.hip_m) ** 2)
    lean = style.between("lean", 2, 8) + style.between("bow", 12, 30, varied=(4, 42)) * math.sin(
        math.pi * min(step * 0.5 + 0.5 * rise, 1)
    ) * (1 - 0.3 * rise)
    forwards = (0.35 * away if stays else 0.0) * (1 - rise) + away * smooth(rise * 1.15) * 0.98
    high = floor + stand_m + box * rise - (0.02 if stays else 0.03 * step) * (1 - rise)
    skeleton = Skeleton(
        body, vector(sway(style, phase, "aside", 0.008), forwards, high), lean, nod_degrees=0.3 * lean - 4
    )
    skeleton.leg(lead, lead_ankle, toes(sign, 0.08), FORWARD + 0.15 * sign * RIGHT)
    leaves = smooth((rise - 0.3) / 0.7)
    ground, tip = heel_raised(
        body, vector(-sign * gap, 0, floor), 55 * smooth(rise / 0.35) * (1 - leaves), -sign * 0.06
    )
    end = vector(-sign * gap, away, top)
    knee = FORWARD
    if kind == "knee":
        end = skeleton.points[f"{trail}_hip"] + vector(
            0, style.between("knee", 0.75, 0.95) * body.thigh_m, -0.92 * body.shank_m
        )
        end = end + style.between("high", -0.2, 0.12) * body.thigh_m * UP
    elif kind == "hangs":
        end = vector(-sign * gap, away - style.between("hang", 0.15, 0.4), top + style.between("hang_low", -0.05, 0.1))
    ankle = ground + leaves * (end - ground) + 0.16 * math.sin(math.pi * leaves) * (0.7 * UP - 0.3 * FORWARD)
    skeleton.leg(trail, ankle, tip, knee)
    arms = style.choice("arms", _BOX_ARMS, varied=("dumbbells", "back_barbell", "racked", "behind_head", "hips"))
    pose_arms(skeleton, style, arms)
    depth = style.between("box_depth", 0.18, 0.26)
    skeleton.props.append(
        Prop(
            "box", vector(0, away + depth - 0.35 * body.foot_m, box), RIGHT, style.between("box_wide", 0.5, 0.9), depth
        )
    )
    return skeleton
