"""Exercises done on both feet. Each function is one; catalog.py lists them."""

import dataclasses
import math

from beam_jobs.athletes.arm_positions import HOLDS, pose_arms
from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, smooth, sway
from beam_jobs.athletes.skeleton import RIGHT, SIDES, UP, Body, Prop, Skeleton, vector
from beam_jobs.athletes.stances import bent_legs, feet_apart, toes


def squat(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Hips back and down between the knees, trunk leaning as far as balance asks."""
    stance, out = feet_apart(body, style, 0.85, 1.5)
    deepest = style.between("range", 78, 112, varied=(55, 114))
    thigh = 4 + (deepest - 4) * phase.depth
    shank = 3 + style.between("shank", 24, 34, varied=(15, 32)) * phase.depth
    pelvis, ankles = bent_legs(body, stance, out, shank, thigh)
    pelvis = pelvis + vector(sway(style, phase, "aside", 0.006), 0, 0)
    over_feet = (0.04 - pelvis[1]) / (0.85 * body.torso_m)
    lean = min(math.degrees(math.asin(min(over_feet, 0.8))), 52)
    lean += style.between("stoop", 0, 0, varied=(-8, 7)) * phase.depth
    skeleton = Skeleton(body, pelvis, lean, curl_degrees=3 * phase.depth, nod_degrees=-0.55 * lean)
    right, forward, up = skeleton.frames["chest"]
    arms = style.choice(
        "arms", ("forward", "clasped", "barbell", "crossed", "goblet"), varied=("forward", "back_barbell", *HOLDS)
    )
    for side, sign in SIDES:
        skeleton.leg(side, ankles[side], toes(sign, out))
        if arms in HOLDS:
            continue
        shoulder = skeleton.points[f"{side}_shoulder"]
        if arms == "forward":
            at_rest = style.between("at_rest", 20, 20, varied=(10, 85))
            raised = math.radians(at_rest + (style.between("reach", 62, 78)) * smooth(phase.depth * 1.4))
            down = vector(sign * 0.06, math.sin(raised), -math.cos(raised))
            skeleton.arm_from_directions(side, down + 0.03 * right * sign, down - 0.06 * sign * right + 0.05 * UP)
        elif arms == "barbell":
            bar = skeleton.points["neck"] - 0.055 * body.height_m * forward + 0.005 * body.height_m * up
            wrist = bar + sign * style.between("grip", 1.75, 2.3) * body.shoulder_m * right - 0.05 * up
            skeleton.arm(side, wrist, -up - 0.5 * forward, up - 0.1 * forward)
        elif arms == "crossed":
            wrist = skeleton.points["neck"] - sign * 0.55 * body.shoulder_m * right + 0.1 * body.height_m * forward
            skeleton.arm(
                side,
                wrist - (0.08 + 0.02 * sign) * up,
                forward * 0.6 + 0.3 * sign * right - up,
                0.8 * up - 0.35 * sign * right - 0.5 * forward,
            )
        else:
            front = shoulder - sign * 0.72 * body.shoulder_m * right + 0.155 * body.height_m * forward
            wrist = front - (0.06 if arms == "clasped" else 0.09) * body.height_m * up
            skeleton.arm(side, wrist, 0.55 * sign * right - up, up - 0.6 * sign * right)
    if arms in HOLDS:
        pose_arms(skeleton, style, arms)
    elif arms == "barbell":
        skeleton.hold_barbell(1.7, style.between("plate", 0.12, 0.2))
        bar = skeleton.props[0]
        skeleton.props[0] = dataclasses.replace(
            bar, centre=skeleton.points["neck"] - 0.055 * body.height_m * forward + 0.005 * body.height_m * up
        )
    elif arms == "goblet":
        centre = (skeleton.grip("left") + skeleton.grip("right")) / 2
        skeleton.props.append(Prop("dumbbell", centre, up, 0.3, 0.07))
    return skeleton


def deadlift(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """A hinge in the hips: trunk down, back straight, weight in straight arms close to the legs."""
    stance, out = feet_apart(body, style, 0.6, 0.95)
    kind = style.choice("kind", ("conventional", "romanian", "conventional"), varied=("sumo", "romanian", "stiff"))
    low, high = {"conventional": (48, 62), "romanian": (28, 38), "sumo": (48, 64), "stiff": (14, 24)}[kind]
    if kind == "sumo":
        stance, out = feet_apart(body, style, 1.9, 1.65)
    # A repetition starts with the weight low and turns round at the top in the gym; here depth 1 is low.
    depth = phase.depth
    thigh = 3 + style.between("range", low, high) * depth
    forward = {"conventional": (14, 20), "romanian": (3, 8), "sumo": (6, 13), "stiff": (0, 3)}[kind]
    shank = 2 + style.between("shank", *forward) * depth
    pelvis, ankles = bent_legs(body, stance, out, shank, thigh)
    hinge = {"conventional": (58, 72), "romanian": (66, 82), "sumo": (42, 58), "stiff": (70, 90)}[kind]
    lean = style.between("hinge", *hinge) * depth
    curl = style.between("round", 0, 6, varied=(-4, 18)) * depth
    skeleton = Skeleton(body, pelvis, lean - 1, curl_degrees=curl, nod_degrees=-0.35 * lean)
    weight = style.choice("weight", ("barbell", "barbell", "dumbbells"), varied=("barbell", "dumbbells", "kettlebell"))
    width = style.between("grip", 1.05, 1.35, varied=(0.95, 1.75)) * body.shoulder_m
    if kind == "sumo" or weight == "kettlebell":
        width = (0.25 if weight == "kettlebell" else style.between("grip", 0.7, 1.0)) * body.shoulder_m
    for side, sign in SIDES:
        skeleton.leg(side, ankles[side], toes(sign, out))
        shoulder = skeleton.points[f"{side}_shoulder"]
        wrist = vector(sign * width, 0, shoulder[2] - 0.97 * body.arm_m)
        # Close to the legs, as far as the arms' length lets them.
        wrist[1] = 0.075 * body.height_m * (1 - 0.25 * depth) + 0.02
        wrist[2] = shoulder[2] - math.sqrt(
            max((0.99 * body.arm_m) ** 2 - (wrist[1] - shoulder[1]) ** 2 - (wrist[0] - shoulder[0]) ** 2, 0.01)
        )
        skeleton.arm(side, wrist, vector(sign, -0.6, 0), -UP)
    if weight == "barbell":
        skeleton.hold_barbell(1.7, style.between("plate", 0.14, 0.2))
    elif weight == "kettlebell":
        below = (skeleton.grip("left") + skeleton.grip("right")) / 2 - 0.1 * UP
        skeleton.props.append(Prop("kettlebell", below, UP, 0.22, 0.08))
    else:
        skeleton.hold_dumbbells(RIGHT, style.between("plate", 0.05, 0.08))
    return skeleton
