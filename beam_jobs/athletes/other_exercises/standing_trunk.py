"""Exercises of the trunk, standing or sitting, that the project does not know: labelled none. catalog.py lists them."""

import math

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase
from beam_jobs.athletes.other_exercises.limbs import ARMS, ArmPose, arm, signed_depth, turn, vary
from beam_jobs.athletes.other_exercises.upright import upright
from beam_jobs.athletes.skeleton import SIDES, Body, Prop, Skeleton, unit
from beam_jobs.athletes.stances import stand

_HOLDS = ("hips", "head", "hanging", "aside", "above", "fists", "crossed", "wide_above", "folded")


def bend_sideways(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """The trunk bends to the side, to one or both, one or both arms above, or the hands at hips, head or thighs."""
    to = signed_depth(phase, style.choice("ways", ("both", "one")) == "both")
    tilt = style.between("range", 20, 34, varied=(12, 44)) * to
    skeleton = stand(
        body,
        style,
        phase,
        tilt_degrees=tilt,
        nod_degrees=style.between("nod", -4, 10),
        twist_degrees=style.between("twist", -4, 4, varied=(-12, 12)) * to,
    )
    arms = style.choice("arms", ("one_up", "one_up", "hold", "hold", "hanging"))
    hold = vary(ARMS[style.choice("hold", _HOLDS)], style, "hold", 0.1)
    over = vary(ARMS["over"], style, "over", 0.2)
    rests = ARMS[style.choice("rests", ("hips", "hanging"))]
    for side, sign in SIDES:
        if arms == "one_up":
            # The arm of the side from which the trunk bends away goes over the head.
            arm(skeleton, side, rests, over, max(-sign * to, 0.0))
        else:
            arm(skeleton, side, hold if arms == "hold" else ARMS["hanging"])
    if style.chance("weights", 0.3) and arms == "hanging":
        skeleton.hold_dumbbells(skeleton.frames["chest"][1], 0.06)
    return skeleton


def twist_trunk(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """The trunk turns from side to side, the arms out, folded, at the hips, or with a stick on the shoulders."""
    both = style.choice("ways", ("both", "both", "one")) == "both"
    angle = style.between("range", 28, 50, varied=(18, 68)) * signed_depth(phase, both)
    lean = style.between(
        "lean", -2, 6, varied=(-3, 42) if style.choice("low", ("no", "no", "yes")) == "yes" else (-4, 9)
    )
    eyes = -angle * style.between("eyes", 0, 0.7)
    if lean > 12:
        skeleton = upright(body, style, phase, lean, twist_degrees=angle, look_degrees=eyes)
    else:
        skeleton = stand(body, style, phase, twist_degrees=angle, look_degrees=eyes)
    kind = style.choice("arms", (*_HOLDS, "stick", "loose"))
    # Loose arms fly outwards as the trunk turns.
    loose = ArmPose((0.25 + 0.012 * abs(angle), 0.2, -1), style.between("soft", 8, 40))
    pose = loose if kind == "loose" else vary(ARMS["cactus" if kind == "stick" else kind], style, "hold", 0.1)
    for side, _ in SIDES:
        arm(skeleton, side, pose)
    if kind == "stick":
        grips = skeleton.grip("left"), skeleton.grip("right")
        skeleton.props.append(Prop("rod", (grips[0] + grips[1]) / 2, unit(grips[1] - grips[0]), 1.4, 0.014))
    return skeleton


def circle_hips(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """The hips go round or from side to side, the shoulders staying; or the whole trunk circles over the hips."""
    kind = style.choice("kind", ("hips", "hips", "aside", "trunk"))
    angle = turn(style, phase, (1.2, 3.2))
    c, s = math.cos(angle), math.sin(angle)
    size = style.between("size", 0.05, 0.09, varied=(0.03, 0.12))
    tilt, lean, shift = 0.0, 2.0, (0.0, 0.0)
    if kind == "trunk":
        wide = style.between("wide", 12, 24, varied=(8, 32))
        tilt, lean = wide * s, 4 + wide * c
    elif kind == "hips":
        shift, tilt, lean = (size * s, size * c), -70 * size * s, 2 - 90 * size * c
    else:
        to = 2 * phase.depth - 1
        shift, tilt = (1.2 * size * to, 0.0), -70 * size * to
    skeleton = upright(body, style, phase, lean, shift=shift, tilt_degrees=tilt, curl_degrees=-0.6 * (lean - 2))
    pose = vary(ARMS[style.choice("arms", ("hips", "hips", "head", "aside", "crossed", "above"))], style, "hold", 0.08)
    for side, _ in SIDES:
        arm(skeleton, side, pose)
    return skeleton


def chop(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Both hands together go from low on one side to high on the other, or level from side to side."""
    kind = style.choice("kind", ("rising", "falling", "level", "halo"))
    both = style.choice("ways", ("one", "one", "both")) == "both" and kind != "falling"
    share = 1 - phase.depth if kind == "falling" else phase.depth
    flip = -1.0 if both and phase.repetition % 2 else 1.0
    to = flip * (2 * share - 1) if not both else flip * share
    reach = style.between("reach", 0.55, 0.95, varied=(0.4, 1.1))
    low = style.between("low", 0.5, 0.9) * (1 - share) * (kind in ("rising", "falling"))
    twist = -style.between("twist", 25, 42, varied=(10, 55)) * to
    bend = style.between("squats", 4, 14, varied=(0, 30)) * low
    skeleton = upright(
        body,
        style,
        phase,
        4 + style.between("bows", 8, 24, varied=(4, 38)) * low,
        bend_degrees=bend,
        shift=(0.05 * to, -0.05 * low),
        twist_degrees=twist,
        tilt_degrees=4 * to,
    )
    up = {"level": -0.05}.get(kind, style.between("high", 0.5, 1.0) * share - 1.1 * low)
    soft = style.between("soft", 6, 30, varied=(4, 60))
    for side, sign in SIDES:
        # In the chest's frame the hands stay near the middle: the trunk takes them round.
        if kind == "halo":
            angle = math.pi * to
            pose = ArmPose(
                (0.25 + 0.2 * sign * math.sin(angle), 0.5 * math.cos(angle) + 0.2, 0.9), 90, (-0.8, 0.2, 0.6)
            )
        else:
            pose = ArmPose((-0.22 + 0.4 * reach * sign * to, 0.9, up), soft, (-0.4, 0.3, -0.7))
        arm(skeleton, side, pose)
    if style.chance("weight", 0.5):
        middle = (skeleton.grip("left") + skeleton.grip("right")) / 2
        skeleton.props.append(
            Prop(style.choice("thing", ("plate", "bottle")), middle, skeleton.frames["chest"][0], 0.24, 0.08)
        )
    return skeleton


def touch_toes(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Bent forwards, one hand after the other goes to the other foot: windmills, or up in between."""
    stays_low = style.choice("kind", ("windmill", "upright")) == "windmill"
    to = signed_depth(phase, True)
    bow = style.between("bow", 58, 78, varied=(45, 92))
    down = 1.0 if stays_low else phase.depth
    turn_to = 2 * phase.depth - 1 if stays_low else to
    twist = style.between("twist", 30, 50, varied=(20, 62)) * turn_to
    skeleton = upright(
        body,
        style,
        phase,
        4 + 0.7 * bow * down,
        wide=(1.3, 2.4),
        shift=(0, -0.17 * body.leg_m * down),
        curl_degrees=0.3 * bow * down,
        twist_degrees=twist,
    )
    waits = ARMS[style.choice("waits", ("aside", "above", "hips"))]
    for side, sign in SIDES:
        # Turned to the left, the right hand is low.
        reaches = min(max(0.5 + 0.5 * sign * turn_to, 0.0), 1.0) if stays_low else max(sign * to, 0.0)
        low = ArmPose((-0.1, 1, -0.2 - 0.3 * style.between("far", 0, 1)), 6)
        arm(skeleton, side, ARMS["aside"] if stays_low else waits, low, reaches)
    return skeleton
