"""Exercises of the arms, standing or seated. Each function is one; catalog.py lists them."""

import math

from beam_jobs.athletes.arm_positions import rest_arm
from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Skeleton, unit, vector
from beam_jobs.athletes.stances import stand


def bicep_curl(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Elbows at the sides; the forearms come up with a barbell, both dumbbells, or one after the other."""
    kind = style.choice("kind", ("barbell", "dumbbells", "alternating"), varied=("alternating", "single", "barbell"))
    swing = style.between("swing", 0, 5, varied=(-2, 12)) * phase.depth
    skeleton = stand(body, style, phase, lean_degrees=style.between("lean", -2, 2) - swing, nod_degrees=swing + 4)
    most = style.between("range", 118, 142, varied=(85, 140))
    for index, (side, sign) in enumerate(SIDES):
        depth = phase.depth if kind != "alternating" or index == phase.repetition % 2 else 0.0
        if kind == "single" and index == 1:
            rest_arm(skeleton, style, side)
            continue
        straight = style.between("straight", 6, 16, varied=(4, 40))
        flexion = math.radians(min(straight + (most - 10) * depth, 150))
        upper = style.between("elbows", 0, 8, varied=(-10, 28))
        upper = math.radians(upper + style.between("elbow_drift", 2, 12, varied=(-4, 34)) * depth)
        out = sign * style.between("out", 0.05, 0.13, varied=(0.02, 0.3))
        fore_out = sign * (style.between("fore_out", 0.0, 0.1) if kind != "barbell" else 0.0)
        skeleton.arm_from_directions(
            side,
            vector(out, math.sin(upper), -math.cos(upper)),
            vector(fore_out, math.sin(upper + flexion), -math.cos(upper + flexion)),
        )
    if kind == "barbell":
        skeleton.hold_barbell(style.between("bar", 1.1, 1.6), style.between("plate", 0.09, 0.15))
    else:
        hammer = style.chance("hammer", 0.35)
        skeleton.hold_dumbbells(FORWARD if hammer else RIGHT, style.between("plate", 0.045, 0.065))
        if kind == "single":
            del skeleton.props[-1]
    return skeleton


def shoulder_press(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Weights from beside the shoulders to straight above them."""
    kind = style.choice("kind", ("barbell", "dumbbells", "dumbbells"), varied=("barbell",))
    manner = style.choice("manner", ("both",), varied=("both", "both", "both", "alternating", "single"))
    if kind == "barbell":
        manner = "both"
    lean, nod = style.between("lean", -4, 1, varied=(-11, 3)), style.between("nod", -6, 4)
    skeleton = stand(body, style, phase, lean_degrees=lean, nod_degrees=nod)
    right, forward, up = skeleton.frames["chest"]
    apart = style.between("wide", 0.55, 0.8) if kind == "dumbbells" else style.between("wide", 0.3, 0.5)
    behind = 0.11 * body.height_m * style.chance("behind_neck", 0.15) if kind == "barbell" else 0.0
    for index, (side, sign) in enumerate(SIDES):
        if manner == "single" and index == 1:
            rest_arm(skeleton, style, side)
            continue
        depth = phase.depth if manner != "alternating" or index == phase.repetition % 2 else 0.0
        shoulder = skeleton.points[f"{side}_shoulder"]
        ahead = (0.05 if kind == "dumbbells" else 0.085) * body.height_m
        start = (
            shoulder
            + body.upper_arm_m * (apart * sign * right + style.between("start", 0.12, 0.34, varied=(0.02, 0.5)) * up)
            + (ahead - behind) * forward
        )
        inwards = -0.25 if kind == "dumbbells" else apart * 0.75
        straight = unit(
            vector(sign * inwards * body.upper_arm_m, 0.012, style.between("range", 0.93, 0.99) * body.arm_m)
        )
        end = shoulder + style.between("range", 0.93, 0.985) * body.arm_m * straight
        outward = 0.05 * body.height_m * math.sin(math.pi * depth) * (kind == "dumbbells")
        wrist = start + (end - start) * depth + sign * outward * right
        skeleton.arm(side, wrist, -up + 0.75 * sign * right + 0.25 * forward, UP)
    if kind == "barbell":
        skeleton.hold_barbell(style.between("bar", 1.3, 1.7), style.between("plate", 0.1, 0.17))
    else:
        skeleton.hold_dumbbells(RIGHT, style.between("plate", 0.05, 0.07))
        if manner == "single":
            del skeleton.props[-1]
    return skeleton


def front_lateral_raise(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Nearly straight arms come up to shoulder height with dumbbells: forwards, sideways, or in turn."""
    kind = style.choice("kind", ("front", "lateral", "turns"), varied=("front", "lateral"))
    manner = style.choice("manner", ("both",), varied=("both", "both", "alternating", "single"))
    ahead = kind == "front" or (kind == "turns" and phase.repetition % 2 == 0)
    lean = style.between("lean", -2, 3, varied=(-4, 12)) - 2 * phase.depth
    skeleton = stand(body, style, phase, lean_degrees=lean)
    bent = math.radians(style.between("bent", 4, 16, varied=(2, 42)))
    plane = style.between("plane", 4, 12, varied=(-6, 30)) if ahead else style.between("plane", 74, 86, varied=(58, 88))
    side_on = math.radians(plane)
    for index, (side, sign) in enumerate(SIDES):
        if manner == "single" and index == 1:
            rest_arm(skeleton, style, side)
            continue
        still = manner == "alternating" and index == phase.repetition % 2
        highest = style.between("range", 72, 86, varied=(55, 108)) * (0.0 if still else phase.depth)
        raised = math.radians(style.between("bottom", 7, 12) + highest)
        out = vector(sign * math.sin(side_on), math.cos(side_on), 0)
        if ahead:
            fore = vector(0, math.sin(raised + bent), -math.cos(raised + bent))
        else:
            fore = math.sin(raised) * out + vector(0, math.sin(bent), -math.cos(raised))
        skeleton.arm_from_directions(side, math.sin(raised) * out - math.cos(raised) * UP + 0.05 * sign * RIGHT, fore)
    skeleton.hold_dumbbells(RIGHT if ahead else FORWARD, style.between("plate", 0.04, 0.055))
    if manner == "single":
        del skeleton.props[-1]
    return skeleton
