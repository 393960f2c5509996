"""Exercises that hop on the spot. Each function is one; catalog.py lists them."""

import itertools
import math

import numpy as np

from beam_jobs.athletes.arm_positions import pose_arms
from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, smooth, sway
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Skeleton, cord, vector
from beam_jobs.athletes.stances import bent_legs, heel_raised


def jump_rope(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Small jumps, one for each turn of the rope; the hands circle beside the hips.

    Kinds: on both feet, from one foot to the other, or from side to side; some varied styles have no rope.
    """
    kind = style.choice("kind", ("both", "both", "turns"), varied=("both", "turns", "sideways"))
    hop = style.between("hop", 0.03, 0.07, varied=(0.015, 0.14)) * phase.depth
    stance, out = (
        style.between("stance", 0.3, 0.6, varied=(0.25, 0.9)) * body.shoulder_m,
        math.radians(style.between("toes_out", 2, 14)),
    )
    bend = style.between("soft_knees", 5, 12) + style.between("absorbs", 3, 9) * (1 - phase.depth)
    pelvis, ankles = bent_legs(body, stance, out, bend, bend)
    heels = style.between("heels", 4, 16) + style.between("pointed", 8, 28) * phase.depth
    feet = {side: heel_raised(body, ankles[side], heels, sign * out) for side, sign in SIDES}
    up = feet["left"][0] - ankles["left"] + hop * UP
    lean = style.between("lean", 0, 6, varied=(-3, 12))
    skeleton = Skeleton(body, pelvis + up * (0, 1, 1) + sway(style, phase, "aside", 0.01) * RIGHT, lean)
    for index, (side, _) in enumerate(SIDES):
        ankle, direction = feet[side]
        ankle = ankle + hop * UP
        if kind == "turns":
            # One foot carries, the other is lifted; they change while both are in the air.
            lifts = 0.5 + (0.5 - smooth(phase.depth) * 0.5) * (
                1 if (phase.repetition + phase.returning) % 2 == index else -1
            )
            lifted = style.between("lifted", 0.06, 0.2, varied=(0.04, 0.32)) * lifts
            ankle = ankle + lifted * (UP - style.between("back", -0.6, 0.9) * FORWARD)
        skeleton.leg(side, ankle, direction, FORWARD)
    out_arm, ahead = style.between("out", 0.1, 0.3, varied=(0.05, 0.5)), style.between("elbows", -0.3, 0.1)
    turn = math.pi * phase.depth if not phase.returning else math.tau - math.pi * phase.depth
    wide, drop = style.between("wide", 0.5, 1.0), style.between("low", 0.3, 0.9, varied=(0.1, 1.1))
    before = style.between("before", 0.35, 0.8, varied=(0.15, 0.9))
    circle = style.between("circle", 0.1, 0.22, varied=(0.05, 0.35))
    for side, sign in SIDES:
        fore = vector(sign * wide, before + 0.3 * circle * math.sin(turn), circle * math.cos(turn) - drop)
        skeleton.arm_from_directions(side, vector(sign * out_arm, ahead, -1), fore)
    if not style.chance("no_rope", 0.2):
        _rope(skeleton, turn)
    if kind == "sideways":
        landing = 0.5 - (0.5 - phase.depth * 0.5) * (-1 if phase.returning else 1)
        aside = (landing - 0.5) * (1 if phase.repetition % 2 else -1) * style.between("sideways", 0.1, 0.3)
        return skeleton.moved(0, aside * RIGHT)
    return skeleton


def _rope(skeleton: Skeleton, turn: float) -> None:
    """A rope from hand to hand: overhead at 0, before the body at pi / 2, under the feet at pi, then behind."""
    left, right = skeleton.grip("left"), skeleton.grip("right")
    middle, half = (left + right) / 2, (right - left) / 2
    reach = (middle[2] - 0.01) * vector(0, math.sin(turn), math.cos(turn))
    places = [left]
    for angle in np.linspace(math.pi, 0, 15)[1:-1]:
        places.append(middle + math.cos(angle) * half + math.sin(angle) ** 0.6 * reach)
    skeleton.props += [cord(*ends) for ends in itertools.pairwise([*places, right])]


def high_knees(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Running or marching on the spot; one knee after the other comes up to the hips.

    A repetition is one knee. A march has a foot on the floor all the time; in a run both are in the air at the change.
    """
    overlap = style.between("overlap", 0.15, 0.4, varied=(0.0, 0.5))
    highest = style.between("range", 72, 98, varied=(48, 112))
    tuck = style.between("tuck", 0, 30, varied=(-8, 55))
    hop = (
        style.between("hop", 0.02, 0.06, varied=(0.0, 0.09)) * smooth(1 - phase.depth / overlap)
        if overlap > 0.01
        else 0.0
    )
    gap = style.between("stance", 0.4, 0.8) * body.shoulder_m
    heels = style.between("heels", 3, 20, varied=(0, 28))
    ankle, _ = heel_raised(body, vector(0, 0, body.ankle_m), heels, 0.0)
    stand_m = math.sqrt((style.between("straight", 0.975, 0.992) * body.leg_m) ** 2 - (gap - body.hip_m) ** 2)
    lean = style.between("lean", -2, 7, varied=(-9, 14))
    aside = sway(style, phase, "aside", 0.015)
    forth = {
        side: (phase.depth if phase.repetition % 2 == index else -phase.depth) for index, (side, _) in enumerate(SIDES)
    }
    skeleton = Skeleton(
        body,
        vector(aside, ankle[1], ankle[2] + stand_m + hop),
        lean,
        twist_degrees=style.between("twist", 0, 8) * forth["left"],
        nod_degrees=style.between("nod", -6, 8),
    )
    for side, sign in SIDES:
        lift = smooth((forth[side] + overlap) / (1 + overlap))
        stands = ankle + vector(sign * gap, 0, hop)
        hip = skeleton.points[f"{side}_hip"]
        thigh = 4 + (highest - 4) * lift
        folded = 4 + tuck * math.sin(math.pi * min(lift, 0.75))
        thigh, shank = math.radians(thigh), math.radians(min(folded, 138 - thigh))
        lifted = hip + body.thigh_m * vector(0.06 * sign, math.sin(thigh), -math.cos(thigh))
        lifted = lifted + body.shank_m * vector(0, -math.sin(shank), -math.cos(shank))
        raised = smooth(lift / 0.3)
        tip = math.radians(heels + raised * lift * (style.between("pointed", 0, 40) - heels))
        toe = vector(0.04 * sign * raised, math.cos(tip), -math.sin(tip))
        skeleton.leg(side, stands + raised * (lifted - stands), toe, FORWARD + 0.4 * lift * UP)
    _running_arms(skeleton, style, forth)
    return skeleton


def _running_arms(skeleton: Skeleton, style: MovementStyle, forth: dict[str, float]) -> None:
    """Arms that swing against the legs; or hands held out for the knees, or resting."""
    arms = style.choice("arms", ("swing", "swing", "palms"), varied=("swing", "swing", "hips", "fists", "behind_head"))
    if arms in ("hips", "fists", "behind_head"):
        pose_arms(skeleton, style, arms)
        return
    for side, sign in SIDES:
        if arms == "palms":
            tap = style.between("taps", 0.0, 0.15) * max(forth[side], 0.0)
            fore = vector(0.05 * sign, 1, style.between("palms", -0.3, 0.35) + tap)
            skeleton.arm_from_directions(side, vector(0.12 * sign, 0.05, -1), fore)
            continue
        swing = math.radians(
            style.between("arms_mid", -12, 4) - style.between("arms_swing", 14, 38, varied=(4, 52)) * forth[side]
        )
        elbow = math.radians(style.between("elbow", 70, 110, varied=(35, 125)))
        upper = vector(sign * style.between("arms_out", 0.06, 0.22), math.sin(swing), -math.cos(swing))
        fore = vector(-sign * style.between("across", 0.0, 0.35), math.sin(swing + elbow), -math.cos(swing + elbow))
        skeleton.arm_from_directions(side, upper, fore)
