"""Exercises done on the back. Each function is one; catalog.py lists them."""

import math

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, smooth, sway
from beam_jobs.athletes.floor_positions import arm_on_floor, lying_arm, raised_leg
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Prop, Skeleton, frame, unit, vector


def crunch(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """On the back; head and shoulders rise, the lower back stays down.

    The feet are on the floor, the legs are lifted, or the calves are on a bench. In varied styles also with a turn of
    one elbow to the other knee ("bicycle").
    """
    legs = style.choice("legs", ("planted", "planted", "lifted"), varied=("planted", "upright", "bench", "bicycle"))
    arms = style.choice("arms", ("behind_head", "behind_head", "crossed", "reaching"), varied=("beside", "overhead"))
    depth = phase.depth
    twist = 0.0
    if legs == "bicycle":
        arms = "behind_head"
        twist = style.between("twist", 18, 42) * depth * (1 - 2 * (phase.repetition % 2))
    curl = style.between("start", -2, 3, varied=(-3, 12)) + style.between("range", 24, 40, varied=(13, 46)) * depth
    skeleton = Skeleton(
        body,
        vector(0, 0, body.depth_m + 0.012),
        -90 + style.between("tuck", 0, 5, varied=(0, 9)) * depth,
        curl_degrees=curl,
        twist_degrees=twist,
        nod_degrees=style.between("nod", 2, 16, varied=(-6, 24)) + style.between("chin", 4, 16) * depth,
    )
    gap = style.between("stance", 0.6, 1.1, varied=(0.3, 1.4)) * body.shoulder_m
    far = style.between("feet", 0.58, 0.74, varied=(0.48, 0.86)) * body.leg_m
    thigh, knee = style.between("thigh", 78, 100, varied=(60, 112)), style.between("knee", 75, 100, varied=(50, 112))
    seat = body.thigh_m * style.between("seat", 0.85, 1.0)
    for index, (side, sign) in enumerate(SIDES):
        if legs == "planted":
            ankle = vector(sign * gap, far, body.ankle_m)
            skeleton.leg(side, ankle, vector(sign * 0.1, 1, 0), UP + 0.08 * sign * RIGHT)
        elif legs == "bench":
            ankle = vector(sign * min(gap, 0.14), body.shank_m + 0.12, seat + 0.06)
            skeleton.leg(side, ankle, vector(0.1 * sign, 0.25, 1), UP, sole=FORWARD)
        elif legs == "bicycle":
            near = index == phase.repetition % 2
            change = depth * style.between("pedal", 0.5, 1.0)
            still = (style.between("still", 65, 85), style.between("still_knee", 70, 95))
            end = (112, 110) if near else (style.between("low", 12, 40), 8)
            raised_leg(skeleton, side, *(a + change * (b - a) for a, b in zip(still, end, strict=True)))
        else:
            upright = legs == "upright"
            raised_leg(
                skeleton,
                side,
                style.between("thigh_up", 78, 92) if upright else thigh + 6 * depth,
                style.between("knee_up", 4, 24) if upright else knee,
                aside=style.between("aside", 0.0, 0.12),
            )
    for side, _ in SIDES:
        lying_arm(skeleton, style, side, arms, depth)
    if legs == "bench":
        skeleton.props.append(Prop("bench", vector(0, body.shank_m + 0.02, seat), RIGHT, 1.0, 0.16))
    if arms == "crossed" and style.chance("weight", 0.35):
        chest = (skeleton.points["left_wrist"] + skeleton.points["right_wrist"]) / 2
        skeleton.props.append(
            Prop("plate", chest, skeleton.frames["chest"][1], 0.05, style.between("plate", 0.1, 0.17))
        )
    return skeleton


def leg_raise(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """The legs rise, straight or bent: lying on the back, hanging from a bar, or on the forearms in a frame."""
    where = style.choice("where", ("floor", "floor", "bar"), varied=("floor", "floor", "frame", "frame", "bench"))
    if where in ("bar", "frame"):
        return _upright_leg_raise(body, style, phase, where)
    depth, high = phase.depth, style.between("bench", 0.40, 0.46) if where == "bench" else 0.0
    tuck = style.between("tuck", 0, 5, varied=(-2, 10)) * depth
    skeleton = Skeleton(
        body,
        vector(0, 0, high + body.depth_m + 0.012),
        -90 + tuck,
        # The pelvis tilts, the shoulders stay where they are.
        curl_degrees=style.between("curl", -2, 6, varied=(-3, 22)) - 1.72 * tuck,
        nod_degrees=style.between("nod", 2, 14, varied=(-4, 30)),
    )
    low = style.between("low", 4, 14, varied=(2, 35))
    top = style.between("range", 68, 92, varied=(42, 108))
    manner = style.choice("manner", ("both",), varied=("both", "both", "both", "one", "turns"))
    for index, (side, _) in enumerate(SIDES):
        still = (manner == "one" and index == 0) or (manner == "turns" and index == phase.repetition % 2)
        raised = 0.0 if still else depth
        bent = style.between("bent", 2, 14, varied=(1, 40)) + style.between("fold", 0, 8, varied=(-6, 75)) * raised
        raised_leg(
            skeleton,
            side,
            max(low + (top - low) * raised, 0.5 * bent + 1),  # the heels stay off the floor
            max(bent, 1.0),
            aside=style.between("aside", 0.0, 0.05, varied=(-0.03, 0.14)),
            pointed_degrees=style.between("pointed", 5, 60),
        )
    arms = style.choice("arms", ("beside", "beside", "under_hips", "behind_head"), varied=("apart", "beyond"))
    for side, sign in SIDES:
        if where == "bench":
            edge = skeleton.points["head"] * (0, 1, 0) + vector(0.14 * sign, -0.1, high - 0.03)
            skeleton.arm(side, edge, vector(0.5 * sign, -0.3, 1))
        elif arms == "under_hips":
            under = skeleton.points[f"{side}_hip"] * (0.9, 1, 0) + vector(0.045 * sign, -0.02, 0.035)
            skeleton.arm(side, under, vector(sign, -0.4, 0.1), vector(-0.4 * sign, 1, 0))
        elif arms == "behind_head":
            lying_arm(skeleton, style, side, arms, 0.0)
        else:
            angles = {"beside": (8, 26), "apart": (35, 90), "beyond": (150, 168)}
            arm_on_floor(skeleton, side, style.between("arms_aside", *angles[arms]))
    if where == "bench":
        middle = vector(0, -0.26 * body.height_m, high)
        skeleton.props.append(Prop("bench", middle, FORWARD, 0.68 * body.height_m, 0.14))
    return skeleton


def _upright_leg_raise(body: Body, style: MovementStyle, phase: RepetitionPhase, where: str) -> Skeleton:
    """The legs rise before a body that hangs from a bar, or is held by its forearms in a frame."""
    depth = phase.depth
    hangs = where == "bar"
    apart = style.between("wide", 1.0, 1.5, varied=(0.8, 1.9)) * body.shoulder_m
    lean = -style.between("back", 3, 14, varied=(0, 28)) * depth if hangs else -style.between("pad", 2, 8)
    arm = 0.985 * math.sqrt(body.arm_m**2 - (apart - body.shoulder_m) ** 2)
    neck = body.leg_m + body.ankle_m + body.torso_m + style.between("clear", 0.1, 0.2)
    swing = sway(style, phase, "swing", style.between("swings", 0.01, 0.02, varied=(0.005, 0.05))) if hangs else 0.0
    skeleton = Skeleton(
        body,
        vector(0, swing - 0.1 * depth * hangs, neck) - body.torso_m * frame(lean)[2],
        lean,
        nod_degrees=style.between("nod", 0, 14, varied=(-8, 30)),
    )
    top, low = style.between("range", 72, 98, varied=(45, 125)), style.between("low", 2, 10, varied=(-8, 25))
    bent = style.between("bent", 4, 16, varied=(2, 40))
    fold = style.choice("knees", ("straight", "bent"), varied=("bent", "bent"))
    folded = style.between("fold", 60, 100, varied=(25, 115)) if fold == "bent" else 0.0
    for side, sign in SIDES:
        # A leg that hangs is one at -90 degrees to the horizontal.
        raised_leg(
            skeleton,
            side,
            -90 + low + (top - low) * depth,
            min(bent + folded * smooth(depth * 1.2), 128),
            aside=style.between("aside", 0.0, 0.06),
            pointed_degrees=style.between("pointed", 10, 55),
        )
        if hangs:
            skeleton.arm(side, vector(sign * apart, 0, neck + arm), vector(sign * 0.8, -0.15, -1), UP)
        else:
            out = sign * style.between("pads", 0.02, 0.09) * RIGHT
            skeleton.arm_from_directions(
                side, vector(0.22 * sign, 0.12, -1), vector(-0.05 * sign, 1, 0.06), UP + 0.4 * FORWARD + out
            )
    if hangs:
        skeleton.props.append(Prop("bar", vector(0, 0, neck + arm + 0.05 * body.height_m), RIGHT, 1.5, 0.03))
        return skeleton
    for side, _ in SIDES:
        middle = (skeleton.points[f"{side}_elbow"] + skeleton.points[f"{side}_wrist"]) / 2
        skeleton.props.append(Prop("bench", middle - 0.05 * UP, FORWARD, 0.36, 0.05))
    behind = skeleton.points["waist"] - (body.depth_m + 0.03) * skeleton.frames["chest"][1]
    skeleton.props.append(Prop("bench", behind + 0.1 * UP, unit(UP - 0.08 * FORWARD), 0.6, 0.13))
    return skeleton


def glute_bridge(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """The hips rise between shoulders and feet: shoulders on the floor ("floor"), or on a bench ("thrust").

    In varied styles also on one leg, with raised feet, or with a weight on the hips.
    """
    depth = phase.depth
    thrust = style.choice("kind", ("floor", "floor", "thrust"), varied=("floor", "thrust")) == "thrust"
    seat = style.between("bench", 0.36, 0.46) if thrust else 0.0
    # The trunk turns about a place that stays: the neck, or the shoulder blades on the edge of the bench.
    share = 0.25 if thrust else 0.0
    if thrust:
        start, end = style.between("bottom", -44, -28, varied=(-48, -20)), style.between("top", -4, 6, varied=(-8, 9))
    else:
        start, end = style.between("bottom", 0, 2, varied=(0, 8)), style.between("range", 22, 36, varied=(18, 40))
    rise = start + (end - start) * depth
    curl = style.between("curl", 0, 6, varied=(-4, 10)) * depth
    chest, pelvis_axis = frame(-90 - rise + curl)[2], frame(-90 - rise)[2]
    pivot = vector(0, -(1 - share) * body.torso_m, seat + body.depth_m + 0.012)
    look = style.between("looks", -88, -72, varied=(-92, -55)) if not thrust else style.between("looks", -70, -40)
    skeleton = Skeleton(
        body,
        pivot - body.torso_m * ((0.58 - share) * chest + 0.42 * pelvis_axis),
        -90 - rise,
        curl_degrees=curl,
        nod_degrees=look + 90 + rise - curl,
    )
    gap = style.between("stance", 0.7, 1.2, varied=(0.4, 1.7)) * body.shoulder_m
    feet = style.between("feet", 0.46, 0.6, varied=(0.4, 0.72)) * body.leg_m
    if thrust:
        feet = style.between("far", 0.8, 1.05, varied=(0.7, 1.15)) * body.thigh_m
    raised = style.between("step", 0.1, 0.3) * style.chance("raised_feet", 0.12)
    one_leg = style.chance("one_leg", 0.18)
    for index, (side, sign) in enumerate(SIDES):
        if one_leg and index == 0:
            tucked = style.choice("free_leg", ("straight", "tucked")) == "tucked"
            raised_leg(skeleton, side, 100 if tucked else 30 + 0.6 * rise, 95 if tucked else 8)
            continue
        toes = vector(0.15 * sign, 1, style.between("toes_up", 0, 0, varied=(0, 0.5)))
        skeleton.leg(side, vector(sign * gap, feet, body.ankle_m + raised), toes, UP + 0.15 * sign * RIGHT)
    if raised:
        skeleton.props.append(Prop("bench", vector(0, feet + 0.05, raised), RIGHT, 0.9, 0.14))
    if thrust:
        edge = vector(0, pivot[1] - 0.08, seat)
        skeleton.props.append(Prop("bench", edge, RIGHT, style.between("bench_length", 0.9, 1.3), 0.14))
    _bridge_arms(skeleton, style, thrust, seat)
    return skeleton


def _bridge_arms(skeleton: Skeleton, style: MovementStyle, thrust: bool, seat: float) -> None:
    """The arms of a bridge: on the floor or the bench, crossed, or at a weight on the hips."""
    body = skeleton.body
    right, forward, axis = skeleton.frames["chest"]
    weight = style.choice("weight", ("none",), varied=("none", "none", "none", "none", "barbell", "plate"))
    if thrust and weight == "none":
        weight = style.choice("thrust_weight", ("none", "barbell"))
    arms = style.choice("arms", ("beside", "beside", "crossed"), varied=("bent", "apart", "hips"))
    lap = skeleton.points["pelvis"] + (body.depth_m + 0.02) * skeleton.frames["pelvis"][1]
    for side, sign in SIDES:
        if weight != "none":
            wide = (1.2 if weight == "barbell" else 0.4) * body.shoulder_m
            skeleton.arm(side, lap + sign * wide * RIGHT + 0.04 * axis, sign * right - 0.5 * forward, -axis)
        elif thrust and arms in ("beside", "apart"):
            wrist = skeleton.points[f"{side}_shoulder"] * (0, 1, 0) + vector(
                sign * 0.88 * body.arm_m, 0.02, seat + 0.06
            )
            skeleton.arm(side, wrist, vector(0, -1, -0.5), vector(sign, 0, 0))
        elif arms == "crossed":
            lying_arm(skeleton, style, side, arms, 0.0)
        elif arms == "hips" or thrust:
            hip = skeleton.points[f"{side}_hip"] + 0.06 * body.height_m * (sign * RIGHT + 0.5 * axis)
            skeleton.arm(side, hip, sign * right - 0.6 * forward, -axis)
        elif arms == "bent":
            elbow = skeleton.points[f"{side}_shoulder"] + vector(0.25 * sign, 0.9, 0) * body.upper_arm_m
            elbow[2] = 0.05
            skeleton.arm_from_directions(
                side, elbow - skeleton.points[f"{side}_shoulder"], vector(-0.1 * sign, 0.1, 1), UP
            )
        else:
            arm_on_floor(skeleton, side, style.between("aside", *((8, 28) if arms == "beside" else (35, 85))))
    if weight == "barbell":
        skeleton.props.append(Prop("barbell", lap + 0.02 * UP, RIGHT, 1.6, style.between("plate", 0.12, 0.2)))
    elif weight == "plate":
        skeleton.props.append(Prop("plate", lap + 0.02 * UP, UP, 0.05, 0.16))
