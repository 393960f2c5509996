"""Falling down, labelled none."""

import math

import numpy as np

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, smooth
from beam_jobs.athletes.no_exercise.hand_gestures import gesture, smooth_random_walk
from beam_jobs.athletes.no_exercise.standing import on_feet
from beam_jobs.athletes.skeleton import FORWARD, SIDES, UP, Body, Skeleton, unit, vector

_STANDING = (("hanging", "hanging"), ("hip", "hanging"), ("belly", "belly"), ("hanging", "phone"))


def fall(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Stands, falls once, backwards or over the knees, and stays on the floor."""
    since = phase.time_s - style.between("begins", -1.0, 3.2)
    first_s, then_s = style.between("first", 0.45, 0.9), style.between("then", 0.5, 1.2)
    # Ever faster down to the seat or the knees; then the trunk goes down.
    first, then = min(max(since / first_s, 0.0), 1.0) ** 1.6, smooth((since - 0.8 * first_s) / then_s)
    if first == 0.0:
        skeleton = on_feet(body, style, phase, 0.8)
        gesture(skeleton, style, phase.time_s, _STANDING, 0.04)
        return skeleton
    backwards = style.choice("kind", ("backwards", "backwards", "knees")) == "backwards"
    return (_backwards if backwards else _over_the_knees)(body, style, phase, first, then)


def _start(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """The standing person at the moment when the fall begins."""
    begins = style.between("begins", -1.0, 3.2)
    skeleton = on_feet(body, style, RepetitionPhase(0.0, 0, begins), 0.8)
    gesture(skeleton, style, begins, _STANDING, 0.04)
    return skeleton


def _trunk(stood: Skeleton) -> dict[str, float]:
    """How the trunk and the head of a standing person are turned, in degrees."""
    pelvis, chest, head = (stood.frames[name] for name in ("pelvis", "chest", "head"))
    lean, bent, nods = (
        math.degrees(math.atan2(float(part[2][1]), float(part[2][2]))) for part in (pelvis, chest, head)
    )
    twist, looks = (math.degrees(math.asin(float(part[0][1]))) for part in (chest, head))
    return {
        "lean_degrees": lean,
        "curl_degrees": bent - lean,
        "twist_degrees": twist,
        "nod_degrees": nods - bent,
        "look_degrees": looks - twist,
        "tilt_degrees": -math.degrees(math.asin(float(chest[0][2]))),
    }


def _falling(stood: Skeleton, pelvis: np.ndarray, first: float, **trunk: float) -> Skeleton:
    """The trunk on its way from standing to what `trunk` says."""
    before = _trunk(stood)
    mixed = {name: value + min(2 * first, 1.0) * (trunk.get(name, 0.0) - value) for name, value in before.items()}
    return Skeleton(stood.body, pelvis, **mixed)


def _backwards(body: Body, style: MovementStyle, phase: RepetitionPhase, first: float, then: float) -> Skeleton:
    """The knees give way, the person sits down hard and rolls onto the back."""
    stood = _start(body, style, phase)
    back = style.between("back", 0.4, 0.6) * body.leg_m
    seat = vector(stood.points["pelvis"][0], -back, body.depth_m + 0.02)
    pelvis = stood.points["pelvis"] + first * (seat - stood.points["pelvis"])
    bow = style.between("bow", 18, 46) * math.sin(math.pi * min(first, 0.8))
    final = style.between("final", -89, -60)
    rolls = smooth_random_walk(style, "rolls", phase.time_s, -4, 4) * then
    skeleton = _falling(
        stood,
        pelvis,
        first,
        lean_degrees=bow * (1 - then) - 8 * first * (1 - then) + final * then,
        curl_degrees=style.between("curl", 4, 22) * first * (1 - then) + 1.0,
        twist_degrees=style.between("twist", -14, 14) * first * (1 - then),
        nod_degrees=style.between("nod", 4, 16) * first,
        tilt_degrees=rolls,
    )
    slides = style.between("slides", 0.0, 0.38) * body.leg_m * then
    for side, sign in SIDES:
        ankle = stood.points[f"{side}_ankle"]
        flat = (stood.points[f"{side}_toe"] - ankle) * (1, 1, 0)
        skeleton.leg(side, ankle + slides * FORWARD, flat, (1 - 0.8 * first) * FORWARD + first * UP)
        _brace(skeleton, stood, style, side, sign, first, then)
    return skeleton


def _brace(
    skeleton: Skeleton, stood: Skeleton, style: MovementStyle, side: str, sign: float, first: float, then: float
) -> None:
    """Arms thrown up and out, then beside the body that lies."""
    body = skeleton.body
    right, forward, up = skeleton.frames["chest"]
    thrown = 0.6 * sign * right + style.between("thrown", 0.4, 0.8) * forward + 0.1 * up
    lies = style.between(f"arm_{side}", 0.25, 0.8) * sign * right - 0.6 * up + 0.12 * forward
    start = (stood.points[f"{side}_wrist"] - stood.points[f"{side}_shoulder"]) / body.arm_m
    reach = start + smooth(first * 1.6) * (thrown - start)
    reach = reach + then * (lies - reach)
    reach = reach * max(0.45 / math.sqrt(float(reach @ reach)), 1.0)
    wrist = skeleton.points[f"{side}_shoulder"] + body.arm_m * 0.97 * reach
    wrist[2] = max(wrist[2], 0.06)
    standing = 1 - then
    _arm_above_floor(
        skeleton, side, wrist, 0.8 * sign * right - standing * (0.6 * forward + 0.5 * up) + 0.4 * then * UP
    )


def _arm_above_floor(skeleton: Skeleton, side: str, wrist: np.ndarray, elbow: np.ndarray) -> None:
    """An arm whose hand lies flat where it would else be in the floor."""
    skeleton.arm(side, wrist, elbow)
    end = skeleton.points[f"{side}_wrist"]
    fore = unit(end - skeleton.points[f"{side}_elbow"])
    steep = min(max(float(fore[2]), (0.03 - float(end[2])) / skeleton.body.hand_m), 0.9)
    level = unit(fore * (1, 1, 0) + 1e-6 * FORWARD)
    skeleton.arm(side, wrist, elbow, math.sqrt(1 - min(steep**2, 1.0)) * level + steep * UP)


def _over_the_knees(body: Body, style: MovementStyle, phase: RepetitionPhase, first: float, then: float) -> Skeleton:
    """Stumbles onto the knees and on over the hands, until the front lies on the floor."""
    stood = _start(body, style, phase)
    ahead = style.between("ahead", 0.1, 0.3)
    # The hips go down over the knees, which stay where they came down.
    over = math.radians(4 + 81 * then)
    kneels = vector(0, ahead, 0.07) + 0.98 * body.thigh_m * vector(0, math.sin(over), math.cos(over))
    start = stood.points["pelvis"]
    pelvis = start + first * (kneels - start)
    lean = style.between("bow", 14, 34)
    lean = lean + then * (style.between("final", 82, 88) - lean)
    nod = -style.between("nod", 20, 50) * then
    skeleton = _falling(stood, pelvis, first, lean_degrees=lean, curl_degrees=2.0, nod_degrees=nod)
    for side, sign in SIDES:
        # The foot rolls over its toes until it points backwards.
        rolled = math.radians(160 * first)
        low = 0.015 + 0.66 * body.foot_m * max(math.sin(rolled), 0.0) + 0.62 * body.ankle_m
        foot = stood.points[f"{side}_ankle"]
        level = stood.points[f"{side}_toe"] * (1, 1, 0) - foot * (1, 1, 0)
        level = unit(unit(level) + 4 * first * FORWARD)
        y = foot[1] + first * (ahead - 0.985 * body.shank_m - foot[1])
        direction = math.cos(rolled) * level - math.sin(rolled) * UP
        skeleton.leg(side, vector(foot[0], y, max(low, body.ankle_m)), direction, level - (0.3 * first + 2 * then) * UP)
        shoulder = skeleton.points[f"{side}_shoulder"]
        stand = stood.points[f"{side}_wrist"] - stood.points[f"{side}_shoulder"]
        out = style.between(f"arm_{side}", 0.25, 0.6) * sign
        floor = vector(out * body.arm_m, style.between(f"reach_{side}", 0.3, 0.7) * body.arm_m, 0.05 - shoulder[2])
        reach = stand + smooth(first) * (floor * min(1.0, 0.98 * body.arm_m / math.sqrt(float(floor @ floor))) - stand)
        reach = reach * max(0.45 * body.arm_m / math.sqrt(float(reach @ reach)), 1.0)
        _arm_above_floor(skeleton, side, shoulder + reach, vector(sign, -0.3, 0.4))
    return skeleton
