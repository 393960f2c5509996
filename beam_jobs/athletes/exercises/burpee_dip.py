"""The burpee and the dip. Each function is one exercise; catalog.py lists them."""

import math

import numpy as np

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, smooth, sway
from beam_jobs.athletes.skeleton import (
    FORWARD,
    RIGHT,
    SIDES,
    UP,
    Body,
    Prop,
    Skeleton,
    ankle_over_ball,
    frame,
    unit,
    vector,
)

# Depths of a burpee where its parts end: the hands on the floor, the feet back, and where the push-up begins.
_HANDS_DOWN, _FEET_BACK, _PUSH = 0.26, 0.56, 0.62
# Depth from which on the way up a jump begins.
_JUMP = 0.13


def burpee(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """From standing to the hands, the feet back to a plank, perhaps a push-up; the feet come in again, and a jump.

    Kinds: with a push-up, without, or with the chest on the floor; in varied styles the feet also step instead of
    hopping, and some do not jump.
    """
    depth = phase.depth
    down = smooth(depth / _HANDS_DOWN)
    if phase.returning:
        # Upright before the jump.
        down = smooth((depth - _JUMP) / (_HANDS_DOWN - 0.5 * _JUMP))
    back = smooth((depth - _HANDS_DOWN - 0.02) / (_FEET_BACK - _HANDS_DOWN - 0.02))
    jump, raised = _jump(style, phase)
    hands_y = style.between("hands", 0.24, 0.4, varied=(0.16, 0.5))
    wide = style.between("wide", 0.95, 1.3, varied=(0.8, 1.6)) * body.shoulder_m
    above = math.sqrt((0.965 * body.arm_m) ** 2 - (wide - body.shoulder_m) ** 2) + 0.035
    neck = vector(0, hands_y + style.between("over_hands", -0.03, 0.03), above)
    plank_pelvis, plank_lean, plank_foot, plank_toes = _plank(body, style, phase, neck)
    stoop = style.between("stoop", 66, 92, varied=(58, 106))
    crouch = neck - body.torso_m * frame(stoop)[2]
    soft = style.between("soft", 0.985, 0.995)
    stance = style.between("stance", 0.6, 1.2, varied=(0.4, 1.7)) * body.shoulder_m
    standing = vector(0, 0.02, body.ankle_m + soft * math.sqrt(body.leg_m**2 - max(stance - body.hip_m, 0) ** 2))
    pelvis = standing + down * (crouch - standing)
    lean = 3 + down * (stoop - 3)
    pelvis, lean = pelvis + back * (plank_pelvis - pelvis), lean + back * (plank_lean - lean)
    # Who takes off stands on tiptoe first.
    tip = math.radians(42 * smooth(jump / 0.06))
    pelvis = (
        pelvis + (jump + max(_ankle_height(body, tip) - body.ankle_m, 0.0)) * UP + 0.05 * math.sin(math.pi * back) * UP
    )
    skeleton = Skeleton(
        body,
        pelvis,
        lean,
        curl_degrees=style.between("round", 0, 14) * down * (1 - back),
        nod_degrees=-style.between("nod", 8, 30, varied=(-12, 42)) * down,
    )
    stepping = style.chance("stepping", 0.25)
    for index, (side, sign) in enumerate(SIDES):
        share = smooth(back * 1.6 - 0.6 * index) if stepping else back
        flat = math.radians(64 * share) + tip
        toes = vector(0.15 * sign * (1 - share), math.cos(flat), -math.sin(flat))
        ankle = vector(sign * stance, 0, body.ankle_m)
        ankle = ankle + share * (plank_foot + sign * min(stance, 1.3 * body.hip_m) * RIGHT - ankle)
        ankle = ankle + 0.1 * math.sin(math.pi * share) * UP
        ankle[2] = max(ankle[2], _ankle_height(body, flat)) + jump
        knee = toes + 0.3 * UP * (1 - share) + 0.3 * sign * (1 - share) * RIGHT - share * UP
        skeleton.leg(side, ankle, plank_toes if share == 1 else toes, knee)
    swing = style.between("arms_up", 0.4, 1.0, varied=(0.1, 1.0))
    for side, sign in SIDES:
        on_floor = vector(sign * wide, hands_y, 0.035)
        hanging = skeleton.points[f"{side}_shoulder"] + body.arm_m * vector(0.12 * sign, 0.14, -0.95)
        angle = math.pi * swing * raised
        up = skeleton.points[f"{side}_shoulder"] + 0.95 * body.arm_m * vector(
            0.16 * sign, 0.15 + 0.7 * math.sin(angle), -math.cos(angle)
        )
        free = hanging + smooth(3 * raised) * (up - hanging)
        held = smooth(1.35 * down)
        elbow = vector(sign * (0.4 + 0.3 * held), -0.9, 0.3 * held)
        wrist = free + held * (on_floor - free)
        # The fingers turn forwards near the floor.
        hang = min(max((wrist[2] - 0.03) / body.hand_m, 0.08), 0.95)
        skeleton.arm(side, wrist, elbow, vector(0, math.sqrt(1 - hang**2), -hang) if down > 0.3 else None)
    return skeleton


def _ankle_height(body: Body, pitch: float) -> float:
    """How high the ankle is above the floor when the toes are on it and point down by so much (radians)."""
    return 0.66 * body.foot_m * math.sin(pitch) + 0.62 * body.ankle_m * math.cos(pitch) + 0.003


def _jump(style: MovementStyle, phase: RepetitionPhase) -> tuple[float, float]:
    """How high the feet are above the floor at the end of a burpee (metres), and how far up the arms (0 to 1)."""
    if style.chance("no_jump", 0.2) or not phase.returning or phase.depth >= 1.6 * _JUMP:
        return 0.0, 0.0
    # Depth slows down towards 0; its root runs evenly.
    time = 1 - math.sqrt(phase.depth / (1.6 * _JUMP))
    flight = min(max((time - 0.3) / 0.5, 0.0), 1.0)
    high = style.between("jump", 0.07, 0.15, varied=(0.05, 0.24))
    return high * 4 * flight * (1 - flight), smooth(time / 0.4) * smooth((1 - time) / 0.35)


def _plank(
    body: Body, style: MovementStyle, phase: RepetitionPhase, neck: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    """Pelvis, lean, ankle (in the middle) and toes of the plank, or of the push-up that follows."""
    push = style.choice("push", ("push_up", "none"), varied=("push_up", "chest", "none"))
    low = {"none": neck[2], "push_up": style.between("low", 0.11, 0.16) * body.height_m, "chest": 0.085 * body.height_m}
    lowered = smooth((phase.depth - _PUSH) / (0.9 - _PUSH))
    toes = unit(vector(0, 0.42, -0.9))
    length = 0.995 * body.leg_m + body.torso_m
    foot = ankle_over_ball(body, vector(0, 0, 0.3 * body.ankle_m), toes)
    # The feet stay where the plank's line from the neck meets the floor.
    foot[1] = neck[1] - math.sqrt(length**2 - (neck[2] - foot[2]) ** 2)
    height = neck[2] + lowered * (low[push] - neck[2])
    rise = math.asin(min((height - foot[2]) / length, 0.9))
    hips = style.between("hips", -0.02, 0.03, varied=(-0.05, 0.08)) * (1 - 0.5 * lowered)
    line, square = vector(0, math.cos(rise), math.sin(rise)), vector(0, -math.sin(rise), math.cos(rise))
    pelvis = foot + 0.995 * body.leg_m * unit(line + hips * square)
    lean = 90 - math.degrees(rise) + math.degrees(1.5 * hips)
    return pelvis, lean, foot, toes


def dip(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Held up by both arms, which bend and straighten: between two bars, or before a bench, the feet on the floor."""
    if style.choice("kind", ("bars", "bars", "bench"), varied=("bench",)) == "bench":
        return _bench_dip(body, style, phase)
    depth = phase.depth
    apart = style.between("wide", 1.05, 1.35, varied=(0.95, 1.6)) * body.shoulder_m
    straight = 0.985 * math.sqrt(body.arm_m**2 - (apart - body.shoulder_m) ** 2)
    drop = style.between("range", 0.42, 0.56, varied=(0.22, 0.62)) * body.arm_m
    lean = style.between("lean", 2, 8, varied=(-2, 14)) + style.between("forwards", 4, 24, varied=(0, 36)) * depth
    swing = sway(style, phase, "swing", style.between("swings", 0.0, 0.012, varied=(0.0, 0.04)))
    bent, thigh = style.between("knees", 8, 75, varied=(2, 105)), style.between("thigh", -6, 14, varied=(-16, 34))
    low = body.thigh_m * math.cos(math.radians(thigh)) + body.shank_m * max(math.cos(math.radians(thigh - bent)), 0.1)
    clear = low + body.ankle_m + 0.66 * body.foot_m + style.between("clear", 0.08, 0.2)
    # The shoulders are a little below the neck, the wrists above the bar.
    high = clear + 0.9 * body.torso_m + drop
    bar = high - straight - 0.01 * body.height_m - 0.03
    neck = vector(0, 0.03 + style.between("ahead", 0.02, 0.1) * depth, high - drop * depth)
    skeleton = Skeleton(
        body,
        neck - body.torso_m * frame(lean)[2] + swing * FORWARD,
        lean,
        nod_degrees=style.between("nod", -4, 14, varied=(-18, 30)) - 0.4 * lean * depth,
    )
    crossed = 0.05 * (style.choice("ankles", ("beside", "crossed")) == "crossed") * (bent > 25)
    for side, sign in SIDES:
        upper, lower = math.radians(thigh), math.radians(thigh - bent)
        knee = skeleton.points[f"{side}_hip"] + body.thigh_m * vector(0.02 * sign, math.sin(upper), -math.cos(upper))
        shank = vector(0, math.sin(lower), -math.cos(lower))
        ankle = knee + 0.999 * body.shank_m * shank - sign * crossed * RIGHT + 0.5 * sign * crossed * FORWARD
        shin = vector(0, math.cos(lower), math.sin(lower))
        skeleton.leg(side, ankle, shin + style.between("pointed", 0.5, 2.0) * shank, FORWARD + 0.4 * UP, sole=shank)
        flare = style.between("flare", 0.15, 0.6, varied=(0.05, 1.2))
        wrist = vector(sign * apart, 0.0, bar + 0.03)
        skeleton.arm(side, wrist, vector(flare * sign, -1, 0.3), vector(0, 0.7, -0.5))
        rail = vector(sign * apart, style.between("rail", -0.15, 0.2), bar)
        skeleton.props.append(Prop("bar", rail, FORWARD, style.between("rails", 0.7, 1.3), 0.03))
    return skeleton


def _bench_dip(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """The hands on a bench behind, the hips before it, the heels on the floor or, in varied styles, another bench."""
    depth = phase.depth
    seat = style.between("bench", 0.38, 0.48, varied=(0.3, 0.55))
    apart = style.between("wide", 1.0, 1.3, varied=(0.9, 1.6)) * body.shoulder_m
    away = style.between("away", 0.1, 0.16, varied=(0.09, 0.2))
    straight = math.sqrt((0.985 * body.arm_m) ** 2 - (apart - body.shoulder_m) ** 2 - (away + 0.02) ** 2)
    lean = style.between("lean", -8, 2, varied=(-14, 4)) + 3 * depth
    high = seat + 0.03 + 0.01 * body.height_m + straight
    lowest = max(high - style.between("range", 0.36, 0.5, varied=(0.18, 0.55)) * body.arm_m, body.torso_m + 0.12)
    neck = vector(0, away, high + (lowest - high) * depth)
    pelvis = neck - body.torso_m * frame(lean)[2]
    skeleton = Skeleton(body, pelvis, lean, nod_degrees=style.between("nod", -4, 10, varied=(-14, 24)))
    bent = style.choice("legs", ("straight", "bent")) == "bent"
    raised = style.between("second_bench", 0.3, 0.46) * style.chance("raised_feet", 0.12)
    heel = body.ankle_m + raised + (0.0 if bent else 0.03)
    top = high - body.torso_m
    reach = math.sqrt((0.985 * body.leg_m) ** 2 - (top - heel) ** 2)
    if bent:
        reach = style.between("feet", 0.5, 0.72) * body.leg_m
    gap = style.between("feet_gap", 0.8, 1.3, varied=(0.4, 2.0)) * body.hip_m
    for side, sign in SIDES:
        toes = vector(0.15 * sign, 1, 0.1) if bent and not raised else vector(0.15 * sign, 0.55, 0.85)
        skeleton.leg(side, vector(sign * gap, away + reach, heel), toes, UP + 0.1 * sign * RIGHT, sole=FORWARD - UP)
        wrist = vector(sign * apart, 0.0, seat + 0.03)
        skeleton.arm(side, wrist, vector(0.35 * sign, -1, 0.4), vector(0, 1, -0.5))
    skeleton.props.append(Prop("bench", vector(0, -0.1, seat), RIGHT, style.between("bench_length", 0.9, 1.4), 0.14))
    if raised:
        skeleton.props.append(Prop("bench", vector(0, away + reach + 0.05, raised), RIGHT, 0.9, 0.14))
    return skeleton
