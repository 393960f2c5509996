"""Exercises of the arms, standing or sitting, that the project does not know: labelled none. catalog.py lists them."""

import math

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase
from beam_jobs.athletes.other_exercises.limbs import (
    ARMS,
    ArmPose,
    arm,
    share_of,
    signed_depth,
    timing,
    turn,
    vary,
)
from beam_jobs.athletes.skeleton import SIDES, Body, Skeleton
from beam_jobs.athletes.stances import stand

# From one position of the arms to another; none is a press, a raise, a curl, an extension or a row.
_BETWEEN = {
    "open_close": ("wide_back", "front"),
    "open_cross": ("wide_back", "across"),
    "turn_forearms": ("elbows_in", "elbows_out"),
    "cactus_turn": ("cactus", "cactus_low"),
    "butterfly": ("cactus", "cactus_front"),
    "low_swing": ("back", "low_across"),
    "swing_to_back": ("front", "back"),
    "folded_open": ("folded", "wide_back"),
    "elbows_to_front": ("head", "cactus_front"),
    "scissor": ("wide_above", "over"),
    "front_to_wide_above": ("front", "wide_above"),
    "low_cross": ("low_across", "wide_above"),
}


def _trunk(style: MovementStyle, phase: RepetitionPhase, twists: float = 0.0) -> dict[str, float]:
    """How the trunk goes with the arms."""
    return {
        "lean_degrees": style.between("lean", -3, 4, varied=(-5, 14)),
        "curl_degrees": style.between("curls", 0, 2, varied=(-4, 8)) * phase.depth,
        "twist_degrees": twists,
        "nod_degrees": style.between("nod", -4, 10, varied=(-12, 24)),
        "look_degrees": style.between("look", -6, 6, varied=(-30, 30)),
    }


def _weights(skeleton: Skeleton, style: MovementStyle) -> None:
    """Dumbbells in some hands."""
    if style.chance("weights", 0.25):
        skeleton.hold_dumbbells(skeleton.frames["chest"][1], style.between("plate", 0.03, 0.055))


def open_arms(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """The arms open and close, cross, swing or turn, both or one after the other."""
    first, second = _BETWEEN[style.choice("move", tuple(_BETWEEN))]
    start, end = vary(ARMS[first], style, "start"), vary(ARMS[second], style, "end")
    kind = timing(style, ("together", "together", "opposite", "in_turn", "one"))
    twist = (
        style.between("twists", 0, 4, varied=(0, 16)) * (share_of(kind, phase, "right") - 0.5) * (kind != "together")
    )
    skeleton = stand(body, style, phase, **_trunk(style, phase, twist))
    other = style.choice("other", ("start", "hips", "hanging"))
    for side, _ in SIDES:
        if kind == "one" and side == "left" and other != "start":
            arm(skeleton, side, ARMS[other])
        else:
            arm(skeleton, side, start, end, share_of(kind, phase, side))
    _weights(skeleton, style)
    return skeleton


def circle_arms(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Arms go round: small or large circles of straight arms held aside, before or above; whole turns; or forearms."""
    kind = style.choice("kind", ("aside", "aside", "front", "above", "whole", "whole", "forearms", "rolling"))
    angle = turn(style, phase, (0.8, 2.4))
    in_step = style.choice("step", ("in", "in", "opposite", "one"))
    size = style.between("size", 0.12, 0.5, varied=(0.08, 0.75))
    skeleton = stand(body, style, phase, **_trunk(style, phase))
    for side, sign in SIDES:
        at = angle + math.pi * (in_step == "opposite" and sign > 0)
        if in_step == "one" and sign < 0:
            arm(skeleton, side, ARMS[style.choice("other", ("hips", "hanging", "aside"))])
            continue
        c, s = math.cos(at), math.sin(at)
        if kind == "whole":
            # Round the shoulder's axis: before, above, behind, below; or across the body.
            front = style.choice("plane", ("side", "side", "front")) == "side"
            upper = (0.35, c, s) if front else (c, 0.35, s)
            pose = ArmPose(upper, style.between("soft", 3, 20))
        elif kind == "aside":
            pose = ArmPose((1, size * c, size * s), style.between("soft", 3, 20))
        elif kind == "front":
            pose = ArmPose((0.15 + 0.6 * size * c, 1, size * s), style.between("soft", 3, 20))
        elif kind == "above":
            pose = ArmPose((0.3 + 0.6 * size * c, size * s, 1), style.between("soft", 3, 20))
        elif kind == "forearms":
            pose = ArmPose((0.9, 0.3, -0.1), style.between("elbow", 60, 100), (-0.2, c, s))
        else:
            # The fists roll round each other before the chest.
            pose = ArmPose((0.3, 0.6 + 0.25 * c, -0.7 + 0.3 * s), 95 + 12 * c, (-0.9, 0.3, 0.2))
        arm(skeleton, side, pose)
    _weights(skeleton, style)
    return skeleton


def punch(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Punches at a steady rhythm, one fist after the other: straight, across, upwards or hooks; the guard stays up."""
    ends = {
        "straight": ArmPose((0.05, 1, 0.02), 8),
        "across": ArmPose((-0.3, 1, 0.05), 15),
        "low": ArmPose((0.0, 1, -0.45), 10),
        "hook": ArmPose((0.75, 0.75, 0.0), 85, (-1, 0.4, 0)),
        "uppercut": ArmPose((0.1, 0.95, -0.25), 95, (-0.2, 0.3, 1)),
        "hammer": ArmPose((0.15, 0.75, -0.75), 20),
    }
    name = style.choice("blow", tuple(ends))
    start = vary(ARMS["fists"] if name != "hammer" else ArmPose((0.5, 0.4, 0.6), 90, (-0.2, 0, 1)), style, "guard")
    kind = style.choice("timing", ("in_turn", "in_turn", "in_turn", "opposite", "one"))
    side_share = {side: share_of(kind, phase, side) for side, _ in SIDES}
    twist = style.between("twist", 8, 26, varied=(0, 40)) * (side_share["right"] - side_share["left"])
    skeleton = stand(body, style, phase, **_trunk(style, phase, twist))
    for side, _ in SIDES:
        arm(skeleton, side, start, ends[name], side_share[side])
    return skeleton


def sway_arms(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Both arms go from one side to the other: above the head, before the chest, or low, as pendulums."""
    height = style.choice("height", ("above", "front", "low", "cradle"))
    both = style.choice("ways", ("both", "both", "one")) == "both"
    to = signed_depth(phase, both) if both else 2 * phase.depth - 1
    far = style.between("far", 0.5, 1.0, varied=(0.35, 1.3)) * to
    twist = -style.between("twist", 4, 22, varied=(0, 38)) * to
    tilt = style.between("tilt", 0, 14, varied=(0, 22)) * to * (height == "above")
    skeleton = stand(body, style, phase, tilt_degrees=tilt, **_trunk(style, phase, twist))
    for side, sign in SIDES:
        out = sign * far
        if height == "above":
            pose = ArmPose((out * 0.6 + 0.1, 0.05, 1), style.between("soft", 5, 50), (-1, 0.3, 0.3))
        elif height == "front":
            pose = ArmPose((out + 0.05, 1, -0.1), style.between("soft", 5, 30) + 18 * max(-out, 0))
        elif height == "low":
            pose = ArmPose((out + 0.05, 0.45, -1), style.between("soft", 5, 25))
        else:
            pose = ArmPose((0.3 + 0.5 * out, 0.5, -0.8), 95, (-1, 0.5, 0.1))
        arm(skeleton, side, pose)
    _weights(skeleton, style)
    return skeleton


def move_head(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """The head turns, nods or goes round, or the shoulders twitch; the arms wait."""
    kind = style.choice("kind", ("turn", "nod", "round", "shoulders"))
    amount = style.between("amount", 0.6, 1.0)
    nod, look, curl = 0.0, 0.0, 0.0
    if kind == "turn":
        look = 65 * amount * (signed_depth(phase, True))
    elif kind == "nod":
        nod = amount * (80 * phase.depth - 35)
    elif kind == "round":
        angle = turn(style, phase, (2, 4.5))
        nod, look = 5 + 26 * amount * math.cos(angle), 32 * amount * math.sin(angle)
    else:
        curl = amount * (22 * phase.depth - 8)
    skeleton = stand(body, style, phase, curl_degrees=curl, nod_degrees=nod - 0.5 * curl, look_degrees=look)
    holds = ARMS[style.choice("arms", ("hanging", "hips", "elbows_in", "crossed", "head"))]
    lift = style.between("lift", 0, 0.15) * phase.depth * (kind == "shoulders")
    out, forward, up = holds.upper
    for side, _ in SIDES:
        arm(skeleton, side, ArmPose((out + lift, forward - lift, up), holds.bend_degrees, holds.bends))
    return skeleton
