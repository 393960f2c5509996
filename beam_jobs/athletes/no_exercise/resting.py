"""Resting between sets, labelled none."""

import math

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase
from beam_jobs.athletes.no_exercise.hand_gestures import gesture, smooth_random_walk
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Prop, Skeleton, vector

_SITTING = (("mouth", "belly"), ("phone", "phone"), ("belly", "belly"), ("before", "belly"), ("crown", "belly"))


def rest(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Between two sets: on a bench, on the floor, on a knee, or on the back."""
    kind = style.choice("kind", ("bench", "bench", "floor", "kneeling", "lying"))
    time_s = phase.time_s
    trunk = {
        "twist_degrees": smooth_random_walk(style, "twist", time_s, -12, 12),
        "nod_degrees": smooth_random_walk(style, "nod", time_s, -12, 25),
        "look_degrees": smooth_random_walk(style, "look", time_s, -50, 50),
    }
    if kind == "lying":
        on = style.choice("on", ("floor", "bench"))
        high = 0.0 if on == "floor" else style.between("bench", 0.40, 0.46)
        skeleton = Skeleton(
            body, vector(0, 0, high + body.depth_m + 0.015), -89, nod_degrees=style.between("nod", 0, 14)
        )
        bent = style.between("feet", 0.55, 0.98) if on == "floor" else 0.72
        lifted = body.ankle_m + (0.03 if bent > 0.9 else 0.0)
        for side, sign in SIDES:
            ankle = vector(sign * style.between("stance", 0.6, 1.5) * body.shoulder_m, bent * body.leg_m, lifted)
            up = vector(0, 0.5, 1) if bent > 0.9 else FORWARD
            skeleton.leg(side, ankle, up + 0.2 * sign * RIGHT, UP + 0.1 * sign * RIGHT)
            place = smooth_random_walk(style, f"arm_{side}", time_s, 0, 1, (1.0, 4.0))
            shoulder, arm = skeleton.points[f"{side}_shoulder"], body.arm_m
            beside = shoulder + vector(sign * 0.3, 0.88, -0.05) * arm
            belly = shoulder + vector(-sign * 0.28, 0.66, 0.3) * arm
            wrist = beside + place * (belly - beside) + 0.2 * math.sin(math.pi * place) * arm * UP
            skeleton.arm(side, wrist, vector(sign, 0, 0.1))
        if on == "bench":
            skeleton.props.append(
                Prop("bench", vector(0, -0.26 * body.height_m, high), FORWARD, 0.68 * body.height_m, 0.14)
            )
        return skeleton
    stoop = style.between("stoop", 2, 26)
    if kind == "bench":
        seat = style.between("seat", 0.40, 0.5)
        lean = style.between("slump", -4, 34) + smooth_random_walk(style, "leaning", time_s, -3, 8)
        pelvis = vector(0, 0, seat + 0.052 * body.height_m)
        skeleton = Skeleton(body, pelvis, lean, curl_degrees=stoop, **trunk)
        for side, sign in SIDES:
            gap = style.between("gap", 0.6, 1.7) * body.shoulder_m
            reach = body.thigh_m * style.between(f"reach_{side}", 0.85, 1.2)
            skeleton.leg(
                side, vector(sign * gap, reach, body.ankle_m), vector(0.2 * sign, 1, 0), UP + 0.2 * sign * RIGHT
            )
        if style.choice("astride", ("across", "along")) == "across":
            skeleton.props.append(Prop("bench", vector(0, -0.05, seat), RIGHT, 1.1, 0.14))
        else:
            skeleton.props.append(Prop("bench", vector(0, -0.4, seat), FORWARD, 1.1, 0.14))
    elif kind == "floor":
        pelvis = vector(0, 0, body.depth_m + 0.01)
        skeleton = Skeleton(
            body, pelvis, style.between("slump", -30, 14), curl_degrees=style.between("stoop", 4, 30), **trunk
        )
        for side, sign in SIDES:
            reach = style.between(f"reach_{side}", 0.5, 0.98)
            high = body.ankle_m + (0.03 if reach > 0.9 else 0.0)
            ankle = vector(sign * style.between("gap", 0.5, 1.4) * body.shoulder_m, reach * body.leg_m, high)
            up = vector(0.1 * sign, 0.4, 1) if reach > 0.9 else vector(0.15 * sign, 1, 0)
            skeleton.leg(side, ankle, up, UP + 0.25 * sign * RIGHT)
    else:
        lead = style.choice("lead", ("left", "right", "none"))
        high = body.thigh_m + 0.06
        pelvis = vector(0, 0, high - 0.01)
        skeleton = Skeleton(
            body, pelvis, style.between("slump", -4, 24), curl_degrees=style.between("stoop", 0, 18), **trunk
        )
        for side, sign in SIDES:
            if side == lead:
                ankle = vector(sign * 0.9 * body.hip_m, 0.95 * body.thigh_m, body.ankle_m)
                skeleton.leg(side, ankle, FORWARD, UP)
            else:
                skeleton.leg(
                    side,
                    vector(sign * body.hip_m, -0.97 * body.shank_m, 0.1),
                    -FORWARD - 0.35 * UP,
                    FORWARD - 0.3 * UP,
                )
    gesture(skeleton, style, time_s, _SITTING, 0.03)
    on_knees = smooth_random_walk(style, "on_knees", time_s, -0.6, 1.6, (1.0, 3.0), (0.5, 1.0))
    share = min(max(on_knees, 0.0), 1.0)
    for side, sign in SIDES:
        hip, knee, wrist = (skeleton.points[f"{side}_{name}"] for name in ("hip", "knee", "wrist"))
        if kind == "floor" and skeleton.frames["pelvis"][2][1] < -0.12:
            rests = skeleton.points["pelvis"] + vector(sign * 0.24, -0.3, 0.04 - skeleton.points["pelvis"][2])
            skeleton.arm(side, rests, vector(0.3 * sign, -1, 0.3), vector(0.7 * sign, -1, -0.05))
            continue
        rests = hip + style.between("rests", 0.55, 0.92) * (knee - hip) + 0.075 * UP
        shoulder = skeleton.points[f"{side}_shoulder"]
        reach = wrist + share * (rests - wrist) - shoulder
        reach = reach * max(0.42 * body.arm_m / math.sqrt(float(reach @ reach)), 1.0)
        skeleton.arm(side, shoulder + reach, vector(sign, -0.4, -0.4))
    return skeleton
