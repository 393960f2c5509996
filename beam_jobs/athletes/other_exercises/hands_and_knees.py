"""Exercises on hands and knees, on the hands, or hanging, that the project does not know: labelled none."""

import math

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase
from beam_jobs.athletes.exercises.pull_up_bench_press import pull_up
from beam_jobs.athletes.floor_positions import face_down
from beam_jobs.athletes.other_exercises.limbs import keep_above_floor, leg, turn
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Skeleton, unit, vector


def move_on_all_fours(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """On hands and knees: bird dogs, kicks back, a knee lifted aside, a round and a hollow back, rocking, turning."""
    kind = style.choice("kind", ("bird_dog", "bird_dog", "kick", "aside", "back", "rock", "leg", "open"))
    depth, size = phase.depth, style.between("size", 0.7, 1.2)
    round_by = style.between("arch", -6, 6) + 28 * math.sin(turn(style, phase, (2, 5))) * (kind == "back")
    rock = 0.16 * depth * (kind == "rock")
    hips, shoulders = 0.96 * body.thigh_m + 0.06, 0.94 * body.arm_m + 0.03
    lean = 90 - math.degrees(math.asin(min(max((shoulders - hips) / body.torso_m, -0.5), 0.5)))
    active = "right" if style.choice("turns", ("both", "one")) == "one" or phase.repetition % 2 else "left"
    skeleton = Skeleton(
        body,
        vector(0, -rock, hips - 0.5 * rock),
        lean - round_by / 2,
        curl_degrees=round_by,
        nod_degrees=style.between("nod", -30, 0) - round_by * (kind == "back"),
        twist_degrees=(26 if active == "left" else -26) * depth * (kind == "open"),
    )
    for side, sign in SIDES:
        to = depth * size * (side == active)
        if side == active and kind in ("bird_dog", "kick", "leg", "aside"):
            thigh, knee, aside = {
                "bird_dog": (90 - 95 * min(to, 1.1), 92 - 88 * min(to, 1.0), 0.0),
                "kick": (90 - 95 * min(to, 1.1), 90, 0.0),
                "leg": (28 - 38 * to, 8, 0.0),
                "aside": (90, 88, 1.1 * to),
            }[kind]
            leg(skeleton, side, thigh - 90 + lean, knee, aside=aside, shank_aside=0.1 * aside)
            keep_above_floor(skeleton, side)
        else:
            _kneel(skeleton, side)
        shoulder = skeleton.points[f"{side}_shoulder"]
        ahead = vector(0.1 * sign, 1, 0.05) if kind == "bird_dog" else vector(sign, 0, 0.8)
        if kind in ("bird_dog", "open") and side != active:
            way = (depth - 1) * UP + depth * ahead + 0.4 * math.sin(math.pi * depth) * ahead
            skeleton.arm_from_directions(side, way, way)
        else:
            wrist = vector(sign * 1.1 * body.shoulder_m, shoulder[1] + rock, 0.035)
            skeleton.arm(side, wrist, vector(0.3 * sign, -1, 0), FORWARD)
    return skeleton


def _kneel(skeleton: Skeleton, side: str) -> None:
    body, sign = skeleton.body, dict(SIDES)[side]
    hip = skeleton.points[f"{side}_hip"]
    # The knee is on the floor, as far before the hip as the thigh lets it.
    aside, down = sign * 0.1 * body.hip_m, hip[2] - 0.06
    knee = hip + vector(aside, math.sqrt(max(body.thigh_m**2 - down**2 - aside**2, 0.0)), -down)
    shank = unit(vector(0, -1, 0.02))
    skeleton.leg(side, knee + 0.999 * body.shank_m * shank, shank, -UP + 0.5 * FORWARD, sole=UP)


def move_in_plank(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """On the hands and the feet: taps on a shoulder, reaches, opens to the side, lifts a leg, hips up, feet apart."""
    kind = style.choice("kind", ("tap", "reach", "open", "leg", "hips", "jack"))
    depth = phase.depth
    sag = style.between("sag", -4, 3) - 24 * depth * (kind == "hips")
    skeleton = face_down(body, style, 0.955 * body.arm_m + 0.02, sag, style.between("nod", -38, 0))
    y, active = skeleton.points["neck"][1], "right" if phase.repetition % 2 else "left"
    for side, sign in SIDES:
        shoulder = skeleton.points[f"{side}_shoulder"]
        other = skeleton.points[f"{'left' if side == 'right' else 'right'}_shoulder"]
        wrist = vector(sign * style.between("wide", 0.9, 1.3) * body.shoulder_m, y, 0.035)
        if side == active and kind in ("tap", "reach", "open"):
            end = {
                "tap": other + vector(0, 0.02, -0.05),
                "reach": shoulder + 0.95 * body.arm_m * unit(vector(0.1 * sign, 1, 0.1)),
                "open": shoulder + 0.95 * body.arm_m * unit(vector(sign, 0, 0.7)),
            }[kind]
            wrist = wrist + depth * (end - wrist) + 0.1 * math.sin(math.pi * depth) * FORWARD
        skeleton.arm(side, wrist, vector(0.5 * sign, -0.9, 0.2), FORWARD)
        hip, ankle = skeleton.points[f"{side}_hip"], skeleton.points[f"{side}_ankle"]
        if kind == "leg" and side == active:
            along = unit(unit(ankle - hip) + 0.5 * depth * UP)
            skeleton.leg(side, hip + 0.99 * body.leg_m * along, vector(0, -0.3, -0.9), -UP)
        elif kind == "jack":
            skeleton.leg(side, ankle + 0.3 * depth * sign * RIGHT, vector(0, 0.42, -0.9), -UP + 0.2 * FORWARD)
    return skeleton


def hang(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Hanging from a bar with straight arms: still, or the legs swing aside, turn or pedal."""
    skeleton = pull_up(body, style, RepetitionPhase(0.0, 0, phase.time_s))
    kind = style.choice("legs", ("still", "aside", "turn", "pedal"))
    angle = turn(style, phase, (1.2, 3.0))
    for side, sign in SIDES:
        if kind == "aside":
            leg(skeleton, side, 6, 8, aside=sign * 0.45 * math.sin(angle))
        elif kind == "turn":
            leg(skeleton, side, 80, 95, aside=sign * 0.7 * math.sin(angle), shank_aside=0.0)
        elif kind == "pedal":
            share = 0.5 + 0.5 * sign * math.cos(angle)
            leg(skeleton, side, 70 * share, 20 + 70 * share)
    return skeleton
