"""Exercises on a bar overhead and on a bench. Each function is one; catalog.py lists them."""

import math

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, sway
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Prop, Skeleton, frame, unit, vector


def pull_up(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Hanging from a bar by both hands; the chin comes over it."""
    apart = style.between("wide", 1.1, 1.7, varied=(0.7, 2.3)) * body.shoulder_m
    bend = style.between("knees", 4, 75, varied=(2, 110))
    bar = 0.16 + body.leg_m + body.ankle_m + body.torso_m + body.arm_m + 0.06
    hang = bar - 0.985 * math.sqrt(body.arm_m**2 - (apart - body.shoulder_m) ** 2)
    top = bar - style.between("range", 0.02, 0.07, varied=(0.02, 0.13)) * body.height_m
    if style.varied:
        hang += style.between("never_straight", 0.0, 0.05) * body.height_m
    neck = hang + (top - hang) * phase.depth
    lean = style.between("lean", -3, 0) - style.between("arch", 4, 14, varied=(-2, 24)) * phase.depth
    axis = frame(lean)[2]
    swing = sway(style, phase, "swing", style.between("swings", 0.015, 0.015, varied=(0.005, 0.06)))
    pelvis = vector(0, -0.01 - 0.09 * body.height_m * phase.depth + swing, neck) - body.torso_m * axis
    skeleton = Skeleton(body, pelvis, lean, nod_degrees=-style.between("nod", 4, 16, varied=(-6, 26)))
    thigh, shank = math.radians(style.between("thigh", 2, 18, varied=(-12, 34))), math.radians(bend)
    crossed = 0.06 * style.chance("crossed", 0.4)
    kick = style.between("kick", 0, 0, varied=(-6, 22)) * phase.depth
    thigh += math.radians(kick)
    for side, sign in SIDES:
        hip = skeleton.points[f"{side}_hip"]
        knee = hip + body.thigh_m * vector(0.03 * sign, math.sin(thigh), -math.cos(thigh))
        ankle = knee + 0.999 * body.shank_m * vector(0, math.sin(thigh - shank), -math.cos(thigh - shank))
        ankle = ankle - sign * crossed * RIGHT + 0.5 * sign * crossed * FORWARD
        pointed = math.radians(bend + 35)
        skeleton.leg(side, ankle, vector(0.05 * sign, math.cos(pointed), -math.sin(pointed)), FORWARD + 0.5 * UP)
        wrist = vector(sign * apart, 0.0, bar - 0.05 * body.height_m)
        elbow = vector(sign * 0.8, -0.15, -1)
        if style.varied:
            # Elbows before the chest where the grip is narrow.
            narrow = min(max(1.5 - apart / body.shoulder_m, 0.0), 0.8)
            elbow = elbow + narrow * vector(-0.6 * sign, 0.9, 0)
        skeleton.arm(side, wrist, elbow, UP)
    skeleton.props.append(Prop("bar", vector(0, 0, bar), RIGHT, 1.5, 0.03))
    return skeleton


def bench_press(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """On the back on a bench, feet on the floor; a weight goes up from the chest to straight arms."""
    bench = style.between("bench", 0.40, 0.46)
    pelvis = vector(0, 0, bench + body.depth_m + 0.02)
    skeleton = Skeleton(
        body, pelvis, -90, curl_degrees=style.between("arch", -3, 2), nod_degrees=style.between("nod", 0, 12)
    )
    kind = style.choice("kind", ("barbell", "barbell", "dumbbells"), varied=("dumbbells",))
    apart = style.between("wide", 1.5, 1.95, varied=(1.1, 2.2)) * body.shoulder_m
    manner = style.choice("manner", ("flat",), varied=("flat", "flat", "incline", "floor"))
    if manner != "flat":
        return _press_elsewhere(body, style, phase, manner, kind, apart)
    for side, sign in SIDES:
        ankle = vector(
            sign * style.between("feet", 1.0, 1.5) * body.shoulder_m, 0.62 * body.thigh_m + 0.12, body.ankle_m
        )
        skeleton.leg(side, ankle, vector(0.3 * sign, 1, 0), UP + 0.6 * FORWARD + 0.2 * sign * RIGHT)
        shoulder = skeleton.points[f"{side}_shoulder"]
        high = math.sqrt(max((0.985 * body.arm_m) ** 2 - (apart - body.shoulder_m) ** 2, 0.01))
        low = style.between("range", 0.05, 0.09, varied=(0.03, 0.13)) * body.height_m
        end = vector(sign * apart, shoulder[1] + 0.02, shoulder[2] + high)
        down = style.between("down", 0.07, 0.07, varied=(0.02, 0.12)) * body.height_m
        start = vector(sign * apart, shoulder[1] + down, shoulder[2] + low)
        skeleton.arm(side, end + (start - end) * phase.depth, vector(sign, 0.45, -0.9), UP)
    skeleton.props.append(
        Prop("bench", vector(0, -0.42 * body.height_m * 0.62, bench), FORWARD, 0.68 * body.height_m, 0.14)
    )
    if kind == "barbell":
        skeleton.hold_barbell(1.7, style.between("plate", 0.13, 0.2))
    else:
        skeleton.hold_dumbbells(RIGHT, style.between("plate", 0.055, 0.075))
    return skeleton


def _press_elsewhere(
    body: Body, style: MovementStyle, phase: RepetitionPhase, manner: str, kind: str, apart: float
) -> Skeleton:
    """The press on a bench whose back is raised ('incline'), or lying on the floor ('floor')."""
    seat = style.between("bench", 0.40, 0.46) if manner == "incline" else 0.0
    lean = -90 + (style.between("raised", 22, 52) if manner == "incline" else 0.0)
    skeleton = Skeleton(body, vector(0, 0, seat + body.depth_m + 0.02), lean, nod_degrees=style.between("nod", 0, 12))
    _, forward, up = skeleton.frames["chest"]
    feet = (style.between("far", 0.7, 1.05) * body.thigh_m) if seat else style.between("far", 0.55, 0.78) * body.leg_m
    high = math.sqrt((0.975 * body.arm_m) ** 2 - (apart - body.shoulder_m) ** 2)
    low = style.between("range", 0.05, 0.09, varied=(0.03, 0.13)) * body.height_m + (0.0 if seat else 0.09)
    for side, sign in SIDES:
        ankle = vector(sign * style.between("feet", 1.0, 1.5) * body.shoulder_m, feet, body.ankle_m)
        skeleton.leg(side, ankle, vector(0.3 * sign, 1, 0), UP + 0.6 * FORWARD * bool(seat) + 0.2 * sign * RIGHT)
        shoulder = skeleton.points[f"{side}_shoulder"] * (0, 1, 1) + sign * apart * RIGHT
        start = shoulder + low * forward - style.between("down", 0.0, 0.08) * body.height_m * up
        end = shoulder + high * unit(UP + style.between("ahead", -0.05, 0.12) * forward)
        skeleton.arm(side, end + (start - end) * phase.depth, sign * RIGHT - forward - 0.5 * up, UP)
    if seat:
        back = skeleton.points["pelvis"] - (body.depth_m + 0.02) * forward
        length = 0.5 * body.height_m
        skeleton.props.append(Prop("bench", vector(0, 0.1, seat), FORWARD, 0.4, 0.14))
        skeleton.props.append(Prop("bench", back + 0.5 * length * up, up, length, 0.14))
    if kind == "barbell":
        skeleton.hold_barbell(1.7, style.between("plate", 0.13, 0.2))
    else:
        skeleton.hold_dumbbells(RIGHT, style.between("plate", 0.055, 0.075))
    return skeleton
