"""How drawn athletes lie, and hold themselves up on hands and feet: shared by several exercises."""

import math

from beam_jobs.athletes.exercise import MovementStyle
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Skeleton, ankle_over_ball, unit, vector


def face_down(
    body: Body,
    style: MovementStyle,
    shoulder_height: float,
    sag_degrees: float,
    nod_degrees: float,
    on_knees: bool = False,
) -> Skeleton:
    """A straight body, face down, on the toes or the knees, the shoulders at a height; the hands are still free.

    Toes, or knees, are near y = 0.
    """
    toes = unit(vector(0, 0.42, -0.9))
    start = ankle_over_ball(body, vector(0, 0, 0.3 * body.ankle_m), toes)
    legs = 0.998 * body.leg_m
    if on_knees:
        start, legs = vector(0, 0, 0.07), body.thigh_m
    length = legs + body.torso_m
    rise = math.asin(min(max((shoulder_height - start[2]) / length, 0.0), 0.9))
    line = vector(0, math.cos(rise), math.sin(rise))
    pelvis = start + legs * line
    pelvis = pelvis - 0.012 * sag_degrees * unit(vector(0, -line[2], line[1]))
    skeleton = Skeleton(
        body, pelvis, 90 - math.degrees(rise) - sag_degrees, curl_degrees=2 * sag_degrees, nod_degrees=nod_degrees
    )
    gap = style.between("feet_gap", 0.9, 0.9, varied=(0.4, 2.4)) * body.hip_m
    shank = math.radians(style.between("shanks", 8, 75))
    for side, sign in SIDES:
        if on_knees:
            hip = skeleton.points[f"{side}_hip"]
            knee = hip + body.thigh_m * unit(start + sign * max(gap, body.hip_m) * RIGHT - hip)
            ankle = knee + 0.999 * body.shank_m * vector(0, -math.cos(shank), math.sin(shank))
            skeleton.leg(side, ankle, vector(0, -0.8, 0.6) if shank > 0.7 else vector(0, -1, 0.1), -UP + 0.3 * FORWARD)
        else:
            skeleton.leg(side, start + sign * gap * RIGHT, toes, -UP + 0.2 * FORWARD)
    return skeleton


def lying_arm(skeleton: Skeleton, style: MovementStyle, side: str, arms: str, depth: float) -> None:
    """An arm of a person on the back who raises the trunk.

    Args:
      skeleton: gets the arm; has its legs.
      style: decides how far it reaches.
      side: 'left' or 'right'.
      arms: 'behind_head', 'crossed' on the chest, 'reaching' for the knees, 'beside' the body, or from 'overhead'.
      depth: 0 lying, 1 up.
    """
    body, sign = skeleton.body, dict(SIDES)[side]
    right, forward, axis = skeleton.frames["chest"]
    head = skeleton.frames["head"]
    if arms in ("beside", "overhead"):
        # Along the body, or from beyond the head to before the chest.
        beyond = math.radians(style.between("beyond", 14, 26) + (75 if arms == "overhead" else 30) * depth)
        start = axis if arms == "overhead" else -axis
        reach = math.cos(beyond) * start + math.sin(beyond) * forward
        skeleton.arm_from_directions(side, reach + 0.1 * sign * right, reach + 0.02 * sign * right)
    elif arms == "behind_head":
        wrist = skeleton.points["head"] + sign * 0.055 * body.height_m * head[0] - 0.02 * body.height_m * head[1]
        skeleton.arm(side, wrist, sign * right + 0.4 * forward + 0.25 * axis, -0.8 * sign * head[0] - 0.35 * head[1])
    elif arms == "crossed":
        wrist = skeleton.points["neck"] - sign * 0.5 * body.shoulder_m * right + 0.1 * body.height_m * forward
        skeleton.arm(
            side,
            wrist - (0.11 + 0.02 * sign) * axis,
            0.5 * sign * right - axis + 0.3 * forward,
            0.8 * axis - 0.35 * sign * right - 0.5 * forward,
        )
    else:
        target = skeleton.points[f"{side}_knee"] + 0.05 * sign * RIGHT + 0.05 * UP
        reach = unit(target - skeleton.points[f"{side}_shoulder"])
        skeleton.arm(
            side,
            skeleton.points[f"{side}_shoulder"] + 0.96 * body.arm_m * reach,
            sign * right - 0.5 * axis,
        )


def raised_leg(
    skeleton: Skeleton,
    side: str,
    thigh_degrees: float,
    knee_degrees: float,
    *,
    aside: float = 0.0,
    pointed_degrees: float = 25.0,
) -> None:
    """A leg of a person who lies on the back with the feet towards y, by its angles.

    Args:
      skeleton: gets the leg.
      side: 'left' or 'right'.
      thigh_degrees: of the thigh above the horizontal; 90 points up, more towards the head.
      knee_degrees: how far the knee is bent.
      aside: how far the leg goes outwards, in its own lengths.
      pointed_degrees: how far the toes point away from the shin.
    """
    body, outwards = skeleton.body, dict(SIDES)[side] * aside
    thigh, shank = math.radians(thigh_degrees), math.radians(thigh_degrees - knee_degrees)
    along = unit(vector(outwards, math.cos(shank), math.sin(shank)))
    knee = skeleton.points[f"{side}_hip"] + body.thigh_m * unit(vector(outwards, math.cos(thigh), math.sin(thigh)))
    shin = vector(0, -math.sin(shank), math.cos(shank))
    pointed = math.radians(pointed_degrees)
    skeleton.leg(
        side,
        knee + 0.999 * body.shank_m * along,
        math.cos(pointed) * shin + math.sin(pointed) * along,
        vector(0, -math.sin(thigh), math.cos(thigh)),
        sole=along,
    )


def arm_on_floor(skeleton: Skeleton, side: str, angle_degrees: float, straight: float = 0.97) -> None:
    """An arm that lies on the floor beside a person on the back.

    Args:
      skeleton: gets the arm.
      side: 'left' or 'right'.
      angle_degrees: between the arm and the direction of the feet; above 90 it lies beyond the shoulder.
      straight: the distance from shoulder to wrist, in arm's lengths.
    """
    sign, angle = dict(SIDES)[side], math.radians(angle_degrees)
    shoulder = skeleton.points[f"{side}_shoulder"]
    low = 0.035
    flat = math.sqrt(max((straight * skeleton.body.arm_m) ** 2 - (shoulder[2] - low) ** 2, 0.01))
    direction = vector(sign * math.sin(angle), math.cos(angle), 0)
    elbow = vector(sign * math.cos(angle), -math.sin(angle), 0.15)
    skeleton.arm(side, vector(shoulder[0], shoulder[1], low) + flat * direction, elbow, direction)
