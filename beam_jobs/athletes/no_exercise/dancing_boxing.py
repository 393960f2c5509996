"""Lively people who do no exercise, labelled none: dancing, and boxing in the air. catalog.py lists them."""

import math

import numpy as np

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase
from beam_jobs.athletes.no_exercise.hand_gestures import alternate, gesture, smooth_random_walk
from beam_jobs.athletes.skeleton import FORWARD, SIDES, UP, Body, Skeleton, vector
from beam_jobs.athletes.stances import bent_legs, toes

_DANCING = (
    ("open", "open"),
    ("wave", "wave"),
    ("above", "above"),
    ("above", "hip"),
    ("wave", "belly"),
    ("aside", "aside"),
    ("before", "before"),
    ("open", "above"),
    ("hanging", "wave"),
    ("crown", "aside"),
)


def nudge(skeleton: Skeleton, side: str, by: np.ndarray) -> None:
    """Moves a hand that is already in its place, the elbow pointing where it did."""
    shoulder, elbow, wrist = (skeleton.points[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
    pole = elbow - (shoulder + wrist) / 2 - 0.02 * UP
    reach = wrist + by - shoulder
    reach = reach * max(0.42 * skeleton.body.arm_m / math.sqrt(float(reach @ reach)), 1.0)
    skeleton.arm(side, shoulder + reach, pole)


def dance(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Dancing to a beat: hips, bounces, steps, turns and arms, each for a while, then differently."""
    time_s = phase.time_s

    def now(name: str, low: float, high: float) -> float:
        return smooth_random_walk(style, name, time_s, low, high, (0.6, 2.4), (0.3, 0.9))

    rate = style.between("beat", 0.6, 1.3)
    beat = math.tau * rate * time_s + now("off_beat", -1.2, 1.2)
    side_step, bounce = max(now("steps", -0.08, 0.16), 0.0), max(now("bounce", -4, 16), 0.0)
    stance, out = style.between("stance", 0.5, 1.3) * body.shoulder_m, math.radians(style.between("toes_out", 2, 28))
    bend = 8 + bounce * (1 - math.cos(2 * beat)) / 2 + max(now("low", -14, 14), 0.0)
    pelvis, ankles = bent_legs(body, stance, out, bend, bend)
    hips = now("hips", 0.0, 0.09) * math.sin(beat) + side_step * math.sin(beat)
    pelvis = pelvis + vector(hips, 0.3 * now("rocks", -0.1, 0.1) * math.cos(beat), -0.01 - 1.2 * hips**2)
    skeleton = Skeleton(
        body,
        pelvis,
        style.between("lean", -3, 8) + now("leans", -3, 12),
        curl_degrees=now("curls", -4, 10) * math.sin(2 * beat + 1),
        twist_degrees=now("twists", 0, 26) * math.sin(beat + 0.5) + now("turns", -14, 14),
        nod_degrees=now("nods", -6, 14) + now("nods_along", 0, 9) * math.sin(2 * beat),
        look_degrees=now("look", -40, 40),
        tilt_degrees=now("tilts", 0, 9) * math.sin(beat),
    )
    gesture(skeleton, style, time_s, _DANCING, 0.1)
    for index, (side, sign) in enumerate(SIDES):
        # The foot without weight is lifted and set aside.
        free = max(-sign * math.sin(beat), 0.0) ** 2
        step = vector(
            sign * side_step * free, now(f"kick_{side}", -0.5, 0.8) * side_step * free, 0.7 * side_step * free
        )
        skeleton.leg(side, ankles[side] + step, toes(sign, out), FORWARD + 0.1 * sign * vector(1, 0, 0))
        swings = now(f"swings_{side}", 0.0, 0.16) * body.arm_m
        nudge(skeleton, side, swings * vector(sign * math.sin(beat + index), 0.4 * math.cos(beat), math.sin(2 * beat)))
    return skeleton.moved(now("faces", -70, 70), vector(now("wanders", -0.3, 0.3), now("comes", -0.2, 0.2), 0))


def shadow_box(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Boxing in the air: fists at the chin, now and then a straight, a hook or an uppercut, dodging in between."""
    time_s = phase.time_s
    item, _, share = alternate(style, "punch", time_s, (0.02, 1.3), (0.28, 0.6))
    hand = SIDES[int(style.between(f"hand_{item}", 0, 2))][0]
    blow = ("straight", "straight", "hook", "uppercut", "none")[int(style.between(f"blow_{item}", 0, 5))]
    out_by = math.sin(math.pi * share) if blow != "none" else 0.0
    dodge = smooth_random_walk(style, "dodges", time_s, -14, 14, (0.2, 1.6), (0.3, 0.7))
    low = max(smooth_random_walk(style, "ducks", time_s, -26, 24, (0.2, 1.6), (0.3, 0.7)), 0.0)
    stance, out = style.between("stance", 0.8, 1.4) * body.shoulder_m, math.radians(style.between("toes_out", 5, 30))
    bounce = style.between("bounce", 0, 7) * (1 + math.sin(math.tau * style.between("rate", 1.2, 2.4) * time_s)) / 2
    pelvis, ankles = bent_legs(body, stance, out, 10 + bounce + low, 12 + bounce + low)
    ahead = style.between("ahead", 0.08, 0.2)
    turn = out_by * {"left": -1, "right": 1}[hand] * style.between("turns", 14, 36)
    skeleton = Skeleton(
        body,
        pelvis + vector(0.004 * dodge, 0.06 * out_by, -0.01),
        style.between("lean", 4, 16) + 0.6 * low,
        curl_degrees=style.between("stoop", 2, 14),
        twist_degrees=turn + style.between("side_on", -22, 22),
        nod_degrees=style.between("nod", -16, 2) - 0.4 * low,
        look_degrees=-0.8 * turn,
        tilt_degrees=dodge,
    )
    right, forward, up = skeleton.frames["chest"]
    arm = body.arm_m
    for side, sign in SIDES:
        skeleton.leg(side, ankles[side] - sign * ahead * FORWARD, toes(sign, out))
        drop = smooth_random_walk(style, f"drop_{side}", time_s, -0.25, 0.12, (0.4, 2.0), (0.3, 0.8))
        wrist = (0.34 + 0.3 * style.between("guard", 0, 0.3)) * forward - 0.3 * sign * right + (0.12 + drop) * up
        elbow = 0.4 * sign * right - up
        if side == hand and out_by > 0:
            ends = {
                "straight": (0.97 * forward - 0.22 * sign * right + 0.08 * up, 0.3 * sign * right - up),
                "hook": (0.62 * forward - 0.42 * sign * right + 0.1 * up, sign * right + 0.1 * up),
                "uppercut": (0.58 * forward - 0.2 * sign * right + 0.26 * up, 0.2 * sign * right - up),
            }
            end, bends = ends[blow]
            wide = math.sin(math.pi * out_by) * (0.2 * sign * right if blow == "hook" else -0.12 * up)
            wrist = wrist + out_by * (end - wrist) + wide * (blow != "straight")
            elbow = elbow + out_by * (bends - elbow)
        wrist = wrist * max(0.42 / math.sqrt(float(wrist @ wrist)), 1.0)
        skeleton.arm(side, skeleton.points[f"{side}_shoulder"] + arm * wrist, elbow)
    faces = smooth_random_walk(style, "faces", time_s, -35, 35, (0.6, 2.5), (0.6, 1.4))
    return skeleton.moved(faces, vector(smooth_random_walk(style, "wanders", time_s, -0.3, 0.3), 0, 0))
