"""Exercises lying on the back or the front that the project does not know: labelled none. catalog.py lists them."""

import math

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase
from beam_jobs.athletes.floor_positions import arm_on_floor, lying_arm, raised_leg
from beam_jobs.athletes.other_exercises.limbs import ArmPose, arm, share_of, timing, turn, vary
from beam_jobs.athletes.skeleton import FORWARD, SIDES, UP, Body, Skeleton, unit, vector


def move_legs_lying(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """On the back: bicycle crunches, flutter kicks, scissors, circles, wipers, one knee to the chest, the frog."""
    kind = style.choice("kind", ("bicycle", "bicycle", "flutter", "scissor", "circle", "wipers", "one_knee", "frog"))
    angle = turn(style, phase, (0.8, 2.2))
    raised = style.between("curl", 0, 28) if kind in ("bicycle", "flutter", "scissor") else style.between("flat", -2, 5)
    skeleton = Skeleton(
        body,
        vector(0, 0, body.depth_m + 0.012),
        -89,
        curl_degrees=raised,
        nod_degrees=style.between("nod", 0, 24),
        twist_degrees=style.between("twists", 0, 26) * math.sin(angle) * (kind == "bicycle"),
    )
    height, size = style.between("height", 12, 60), style.between("size", 0.6, 1.2)
    for side, sign in SIDES:
        flip = sign * math.cos(angle)
        share = phase.depth * ((phase.repetition % 2 == 0) == (side == "left"))
        thigh, knee, aside = {
            "bicycle": (62 + 38 * flip, 60 + 46 * size * flip, 0.0),
            "flutter": (10 + 0.6 * height + 12 * size * flip, 6, 0.0),
            "scissor": (8 + height, 6, 0.28 * size * (1 + math.cos(angle))),
            "circle": (20 + height + 16 * size * math.cos(angle), 8, sign * 0.3 * size * math.sin(angle)),
            "wipers": (84, style.between("knee", 8, 90), sign * 0.8 * size * math.sin(angle)),
            "one_knee": (6 + 95 * share * size, 6 + 95 * share, 0.0),
            "frog": (30 + 40 * phase.depth, 10 + 90 * phase.depth, 0.5 * phase.depth),
        }[kind]
        raised_leg(skeleton, side, thigh, max(knee, 4), aside=aside)
    arms = style.choice("arms", ("beside", "behind_head", "beside", "crossed"))
    for side, _ in SIDES:
        if arms == "beside":
            arm_on_floor(skeleton, side, style.between("arm", 8, 60))
        else:
            lying_arm(skeleton, style, side, arms, 0.0)
    return skeleton


def move_arms_lying(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """On the back: pull-overs, arms that open and close, dead bugs, heel touches, arms with ways of their own."""
    kind = style.choice("kind", ("pull_over", "fly", "dead_bug", "heel_touch", "own"))
    touches = math.sin(turn(style, phase, (1.0, 2.4))) * (kind == "heel_touch")
    skeleton = Skeleton(
        body,
        vector(0, 0, body.depth_m + 0.012),
        -89,
        curl_degrees=style.between("curl", 4, 22) if kind == "heel_touch" else style.between("flat", -2, 4),
        nod_degrees=style.between("nod", 0, 20),
        tilt_degrees=14 * touches,
    )
    legs = "up" if kind == "dead_bug" else style.choice("legs", ("bent", "bent", "straight", "up"))
    gap = style.between("stance", 0.5, 1.2) * body.shoulder_m
    when = timing(style, ("together", "together", "opposite", "in_turn"))
    floor = {"bent": style.between("feet", 0.5, 0.72), "straight": 0.985}.get(legs, 0.0)
    for side, sign in SIDES:
        active = phase.depth * (kind == "dead_bug") * ((phase.repetition % 2 == 0) == (side == "left"))
        if legs == "up":
            raised_leg(skeleton, side, 88 - 68 * active, 88 - 78 * active)
        else:
            skeleton.leg(side, vector(sign * gap, floor * body.leg_m, body.ankle_m), vector(0.1 * sign, 1, 0.1), UP)
        before, beyond, out = ArmPose((0.05, 1, 0), 8), ArmPose((0.1, 0.1, 1), 14), ArmPose((1, 0.1, 0), 18)
        if kind == "pull_over":
            arm(skeleton, side, before, beyond, phase.depth * style.between("range", 0.7, 1.0))
        elif kind == "fly":
            arm(
                skeleton,
                side,
                vary(before, style, "start", 0.1),
                vary(out, style, "end", 0.15),
                share_of(when, phase, side),
            )
        elif kind == "dead_bug":
            opposite = phase.depth * ((phase.repetition % 2 == 0) == (side == "right"))
            arm(skeleton, side, before, beyond, opposite)
        elif kind == "heel_touch":
            arm_on_floor(skeleton, side, style.between("arm", 6, 24))
        else:
            ends = [
                ArmPose(
                    (
                        style.between(f"{side}_{n}x", -0.2, 1),
                        style.between(f"{side}_{n}y", 0.2, 1),
                        style.between(f"{side}_{n}z", -1, 1),
                    ),
                    style.between(f"{side}_{n}b", 4, 90),
                )
                for n in "ab"
            ]
            arm(skeleton, side, ends[0], ends[1], share_of(when, phase, side))
    return skeleton


def lift_from_front(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """On the front: the trunk, arms or legs are lifted, all or crosswise; or the shins are curled up."""
    kind = style.choice("kind", ("all", "swim", "legs", "arms", "shins"))
    flip = math.cos(turn(style, phase, (0.6, 1.8)))
    when = timing(style, ("together", "in_turn"))
    lifted = {"all": phase.depth, "arms": phase.depth, "swim": 0.8}.get(kind, 0.3)
    skeleton = Skeleton(
        body,
        vector(0, 0, 0.9 * body.depth_m + 0.012),
        89,
        curl_degrees=-style.between("arch", 10, 30) * lifted,
        nod_degrees=style.between("nod", -30, -5),
    )
    place = style.choice("arms", ("ahead", "ahead", "wide", "back", "cactus"))
    base = {"ahead": (0.15, 1, 0), "wide": (1, 0.2, 0), "back": (0.2, -1, 0), "cactus": (1, 0.1, 0)}[place]
    for side, sign in SIDES:
        high = {"all": phase.depth, "swim": 0.5 + 0.5 * sign * flip, "legs": share_of(when, phase, side)}.get(kind, 0.1)
        rise = 0.02 + 0.4 * high * style.between("high", 0.6, 1.3)
        bend = rise + 1.7 * phase.depth * (kind == "shins")
        thigh = unit(vector(sign * style.between("apart", 0.02, 0.18), -math.cos(rise), math.sin(rise)))
        shank = vector(0, -math.cos(bend), math.sin(bend))
        knee = skeleton.points[f"{side}_hip"] + body.thigh_m * thigh
        skeleton.leg(side, knee + 0.999 * body.shank_m * shank, shank + 0.1 * UP, -UP, sole=UP)
        arms = {"all": phase.depth, "swim": 0.5 - 0.5 * sign * flip, "arms": share_of(when, phase, side)}.get(kind, 0.0)
        upper = vector(base[0] * sign, base[1], 0.04 + 0.45 * arms)
        skeleton.arm_from_directions(side, upper, FORWARD + 0.1 * UP if place == "cactus" else upper - 0.05 * UP)
    return skeleton
