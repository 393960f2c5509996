"""Exercises of the legs, standing, that the project does not know: labelled none. catalog.py lists them."""

import math

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase
from beam_jobs.athletes.other_exercises.limbs import ARMS, ArmPose, arm, keep_above_floor, leg, signed_depth, turn, vary
from beam_jobs.athletes.other_exercises.upright import upright
from beam_jobs.athletes.skeleton import RIGHT, SIDES, Body, Skeleton

_HOLDS = ("hips", "hips", "fists", "hanging", "aside", "head", "crossed", "front")


def _arms(skeleton: Skeleton, style: MovementStyle, swing: float = 0.0) -> None:
    """Arms that wait, or swing against each other by so much."""
    swings = style.choice("arms_swing", ("no", "no", "yes")) == "yes"
    hold = vary(ARMS[style.choice("hold", _HOLDS)], style, "hold", 0.12)
    for side, sign in SIDES:
        to = sign * swing * style.between("swings", 0.3, 0.9)
        arm(skeleton, side, ArmPose((0.15, to, -1), style.between("elbows", 8, 90)) if swings else hold)


def swing_leg(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """One leg, or each in turn, goes to the front, to the side, behind, round, or bends behind the body."""
    kind = style.choice("kind", ("front", "pendulum", "aside", "behind", "round", "heel", "kick", "gate"))
    in_turn = style.choice("turns", ("one", "one", "both")) == "both"
    side = "left" if in_turn and phase.repetition % 2 else "right"
    sign, depth = dict(SIDES)[side], phase.depth
    amount = style.between("amount", 0.7, 1.1, varied=(0.45, 1.3))
    aside_degrees = style.between("tilts", 2, 8) * depth * sign
    skeleton = upright(
        body,
        style,
        phase,
        style.between("lean", -3, 6, varied=(-5, 16)) - 6 * depth * (kind in ("front", "kick")),
        wide=(0.5, 1.0),
        shift=(-0.05 * sign * (1 - 0.5 * (in_turn and depth < 0.2)), 0.0),
        lifted=side,
        tilt_degrees=-aside_degrees,
    )
    soft = style.between("knee", 4, 20, varied=(3, 40))
    round_by = turn(style, phase, (0.9, 2.2))
    hip, knee, aside = {
        "front": (70 * amount * depth, soft, 0.04),
        "pendulum": (amount * (75 * depth - 30), soft, 0.04),
        "aside": (4, soft, 0.7 * amount * depth + 0.04),
        "behind": (-34 * amount * depth, soft, 0.05),
        "round": (18 + 22 * amount * math.cos(round_by), soft, 0.25 + 0.25 * math.sin(round_by)),
        "heel": (2, 8 + 112 * min(amount, 1.0) * depth, 0.04),
        "kick": (78 * amount * depth, 6 + 80 * math.sin(math.pi * min(depth, 1.0)), 0.05),
        "gate": (75 * min(depth * 1.6, 1.0), 20 + 70 * min(depth * 1.6, 1.0), 0.9 * amount * max(depth - 0.4, 0.0)),
    }[kind]
    leg(skeleton, side, hip, knee, aside=aside, shank_aside=0.1 if kind == "gate" else None)
    keep_above_floor(skeleton, side)
    _arms(skeleton, style, depth * sign)
    return skeleton


def step_aside(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Steps from side to side, with or without a bend of the knees, or taps a foot out in every direction."""
    kind = style.choice("kind", ("steps", "skater", "tap", "tap"))
    angle = math.pi * phase.depth * (1 if phase.repetition % 2 else -1)
    to = math.sin(angle) if kind != "tap" else signed_depth(phase, style.choice("ways", ("both", "one")) == "both")
    far = style.between("far", 0.12, 0.3, varied=(0.08, 0.45))
    side = "right" if to > 0 else "left"
    up = 0.1 * math.sin(math.pi * min(abs(to), 1.0)) * style.between("lifts", 0.3, 1.0)
    bend = style.between("bends", 2, 20, varied=(0, 40)) * abs(to) * (kind == "skater")
    steps = {side: (dict(SIDES)[side] * far * abs(to) * (kind == "tap"), up)}
    skeleton = upright(
        body,
        style,
        phase,
        4 + style.between("bows", 0, 30) * abs(to) * (kind == "skater"),
        wide=(0.5, 1.1),
        bend_degrees=bend,
        shift=(0.04 * to * (kind != "tap"), 0.0),
        steps=steps,
        twist_degrees=style.between("twists", 0, 18) * to,
    )
    if kind == "skater":
        other = "left" if side == "right" else "right"
        leg(skeleton, other, -22 * abs(to), 30 + 40 * abs(to), aside=-0.35 * abs(to))
        keep_above_floor(skeleton, other)
    _arms(skeleton, style, to)
    return skeleton if kind == "tap" else skeleton.moved(0, 1.5 * far * to * RIGHT)


def mix_limbs(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Each arm between two places of its own, the trunk and at times a leg as well: as no known exercise does."""
    places = tuple(ARMS)
    twist = style.between("twist", -24, 24) * phase.depth
    lifts = style.choice("lifts", ("no", "no", "left", "right"))
    skeleton = upright(
        body,
        style,
        phase,
        style.between("lean", -4, 8, varied=(-6, 20)) + style.between("bows", 0, 14) * phase.depth,
        wide=(0.5, 1.6),
        bend_degrees=style.between("bends", 0, 8, varied=(0, 18)) * phase.depth,
        shift=(0.05 * {"left": 1, "right": -1}.get(lifts, 0), 0.0),
        lifted=lifts if lifts != "no" else "",
        twist_degrees=twist,
        tilt_degrees=style.between("tilt", -12, 12) * phase.depth,
    )
    for side, _ in SIDES:
        start, end = (style.choice(f"{side}_{when}", places) for when in ("start", "end"))
        late = style.choice("timing", ("together", "opposite")) == "opposite" and side == "left"
        share = 1 - phase.depth if late else phase.depth
        arm(skeleton, side, vary(ARMS[start], style, f"{side}_a"), vary(ARMS[end], style, f"{side}_b"), share)
    if lifts != "no":
        hip, knee = style.between("hip", -25, 80), style.between("knee", 5, 100)
        aside = style.between("out", 0, 0.6)
        leg(skeleton, lifts, hip * phase.depth, 6 + knee * phase.depth, aside=aside * phase.depth)
        keep_above_floor(skeleton, lifts)
    return skeleton
