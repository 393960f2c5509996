"""Exercises on a bar overhead and on a bench. Each function is one; `exercises` finds them."""

import math

from beam_jobs.motions import Moment, Style, exercise, sway
from beam_jobs.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Prop, Skeleton, along, frame


@exercise(seconds=(1.8, 3.2), yaw_degrees=(0, 65), elevation_degrees=(-14, 4))
def pull_up(body: Body, style: Style, moment: Moment) -> Skeleton:
    """Hanging from a bar by both hands; the chin comes over it."""
    wide = style.between("wide", 1.1, 1.7) * body.shoulder_m
    bend = style.between("knees", 4, 75)
    bar = 0.16 + body.leg_m + body.ankle_m + body.torso_m + body.arm_m + 0.06
    hang = bar - 0.985 * math.sqrt(body.arm_m**2 - (wide - body.shoulder_m) ** 2)
    top = bar - style.between("range", 0.02, 0.07) * body.height_m
    neck = hang + (top - hang) * moment.depth
    lean = style.between("lean", -3, 0) - style.between("arch", 4, 14) * moment.depth
    axis = frame(lean)[2]
    swing = sway(style, moment, "swing", 0.015)
    pelvis = along(0, -0.01 - 0.09 * body.height_m * moment.depth + swing, neck) - body.torso_m * axis
    skeleton = Skeleton(body, pelvis, lean, nod_degrees=-style.between("nod", 4, 16))
    thigh, shank = math.radians(style.between("thigh", 2, 18)), math.radians(bend)
    for side, sign in SIDES:
        hip = skeleton.points[f"{side}_hip"]
        knee = hip + body.thigh_m * along(0.03 * sign, math.sin(thigh), -math.cos(thigh))
        ankle = knee + 0.999 * body.shank_m * along(0, math.sin(thigh - shank), -math.cos(thigh - shank))
        pointed = math.radians(bend + 35)
        skeleton.leg(side, ankle, along(0.05 * sign, math.cos(pointed), -math.sin(pointed)), FORWARD + 0.5 * UP)
        wrist = along(sign * wide, 0.0, bar - 0.05 * body.height_m)
        skeleton.arm(side, wrist, along(sign * 0.8, -0.15, -1), UP)
    skeleton.props.append(Prop("bar", along(0, 0, bar), RIGHT, 1.5, 0.03))
    return skeleton


@exercise(seconds=(1.7, 3.0), yaw_degrees=(35, 100), elevation_degrees=(4, 22))
def bench_press(body: Body, style: Style, moment: Moment) -> Skeleton:
    """On the back on a bench, feet on the floor; a weight goes up from the chest to straight arms."""
    bench = style.between("bench", 0.40, 0.46)
    pelvis = along(0, 0, bench + body.depth_m + 0.02)
    skeleton = Skeleton(
        body, pelvis, -90, curl_degrees=style.between("arch", -3, 2), nod_degrees=style.between("nod", 0, 12)
    )
    kind = style.choice("kind", ("barbell", "barbell", "dumbbells"))
    wide = style.between("wide", 1.5, 1.95) * body.shoulder_m
    for side, sign in SIDES:
        ankle = along(
            sign * style.between("feet", 1.0, 1.5) * body.shoulder_m, 0.62 * body.thigh_m + 0.12, body.ankle_m
        )
        skeleton.leg(side, ankle, along(0.3 * sign, 1, 0), UP + 0.6 * FORWARD + 0.2 * sign * RIGHT)
        shoulder = skeleton.points[f"{side}_shoulder"]
        high = math.sqrt(max((0.985 * body.arm_m) ** 2 - (wide - body.shoulder_m) ** 2, 0.01))
        low = style.between("range", 0.05, 0.09) * body.height_m
        end = along(sign * wide, shoulder[1] + 0.02, shoulder[2] + high)
        start = along(sign * wide, shoulder[1] + 0.07 * body.height_m, shoulder[2] + low)
        skeleton.arm(side, end + (start - end) * moment.depth, along(sign, 0.45, -0.9), UP)
    skeleton.props.append(
        Prop("bench", along(0, -0.42 * body.height_m * 0.62, bench), FORWARD, 0.68 * body.height_m, 0.14)
    )
    if kind == "barbell":
        skeleton.hold_barbell(1.7, style.between("plate", 0.13, 0.2))
    else:
        skeleton.hold_dumbbells(RIGHT, style.between("plate", 0.055, 0.075))
    return skeleton
