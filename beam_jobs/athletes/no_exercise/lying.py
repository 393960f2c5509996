"""People who lie and do no exercise, labelled none. catalog.py lists them."""

import math

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, smooth
from beam_jobs.athletes.floor_positions import arm_on_floor, lying_arm, raised_leg
from beam_jobs.athletes.no_exercise.hand_gestures import smooth_random_walk
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Prop, Skeleton, unit, vector


def lie(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """On the floor and moving a little: on the back, on the front with a phone, or on one side, the head on a hand."""
    kind = style.choice("kind", ("back", "back", "front", "side"))
    return {"back": _on_back, "front": _on_front, "side": _on_side}[kind](body, style, phase.time_s)


def _on_back(body: Body, style: MovementStyle, time_s: float) -> Skeleton:
    """Legs straight, bent or crossed, which change at times; hands behind the head, on the belly, or with a phone."""
    skeleton = Skeleton(
        body,
        vector(0, 0, body.depth_m + 0.012),
        -89,
        curl_degrees=style.between("curl", 1, 9),
        nod_degrees=style.between("nod", 6, 26),
        look_degrees=smooth_random_walk(style, "look", time_s, -45, 45, (0.8, 4.0)),
        twist_degrees=smooth_random_walk(style, "twist", time_s, -5, 5),
    )
    legs = style.choice("legs", ("straight", "bent", "one", "crossed"))
    gap = style.between("stance", 0.5, 1.3) * body.shoulder_m
    for index, (side, sign) in enumerate(SIDES):
        bends = legs == "bent" or (legs in ("one", "crossed") and index == 0)
        near = style.between("feet", 0.5, 0.72) + smooth_random_walk(style, f"slide_{side}", time_s, -0.1, 0.16, (1, 4))
        far = min(near, 0.9) if bends else 0.985
        sways = smooth_random_walk(style, f"knee_{side}", time_s, -0.3, 0.4, (0.8, 3.0))
        height = body.ankle_m + 0.03 * (not bends)
        toes = vector(0.1 * sign, 1, 0) if bends else vector(0.35 * sign, 0.4, 1)
        skeleton.leg(side, vector(sign * gap, far * body.leg_m, height), toes, UP + sign * (0.1 + sways) * RIGHT)
    if legs == "crossed":
        # The right shin lies over the left knee.
        raised_leg(skeleton, "right", style.between("over", 66, 82), style.between("shin", 80, 100), aside=-0.12)
    hands = style.choice("hands", ("phone", "behind_head", "belly", "beside", "face"))
    for side, sign in SIDES:
        shoulder = skeleton.points[f"{side}_shoulder"]
        restless = smooth_random_walk(style, f"hand_{side}", time_s, 0, 1, (0.8, 4.0), (0.5, 1.4))
        if hands == "behind_head":
            lying_arm(skeleton, style, side, hands, 0.0)
        elif hands == "phone":
            wrist = vector(0.06 * sign, shoulder[1] + 0.1 + 0.03 * restless, shoulder[2] + 0.62 * body.arm_m)
            skeleton.arm(side, wrist, vector(sign, 0.5, -0.3), UP - 0.2 * FORWARD)
        elif hands == "beside" and side == "left":
            arm_on_floor(skeleton, side, 14 + 40 * restless)
        else:
            belly = shoulder + vector(-0.34 * sign, 0.6, 0.3) * body.arm_m
            face = shoulder + vector(-0.16 * sign, -0.2, 0.42) * body.arm_m
            share = restless if hands in ("face", "beside") else 0.25 * restless
            place = belly + share * (face - belly) + 0.12 * math.sin(math.pi * share) * UP
            skeleton.arm(side, place, vector(sign, 0.1, 0.4))
    if hands == "phone":
        skeleton.props.append(Prop("rod", skeleton.grip("right"), FORWARD, 0.14, 0.02))
    return skeleton


def _on_front(body: Body, style: MovementStyle, time_s: float) -> Skeleton:
    """On the front and the elbows, with a phone or a book; the shins are down, or up and swinging."""
    skeleton = Skeleton(
        body,
        vector(0, 0, 0.9 * body.depth_m + 0.01),
        style.between("lean", 80, 87),
        curl_degrees=-style.between("arch", 22, 34),
        nod_degrees=smooth_random_walk(style, "nod", time_s, -30, 5, (0.8, 3.0)),
        look_degrees=smooth_random_walk(style, "look", time_s, -30, 30, (0.8, 3.0)),
    )
    swings = style.choice("shins", ("up", "up", "down")) == "up"
    for side, sign in SIDES:
        hip = skeleton.points[f"{side}_hip"]
        aside = sign * style.between("apart", 0.02, 0.2)
        knee = hip + body.thigh_m * unit(vector(aside, -1, (0.06 - hip[2]) / body.thigh_m))
        bent = math.radians(
            smooth_random_walk(style, f"shin_{side}", time_s, 35, 110, (0.1, 1.5), (0.5, 1.3)) if swings else 4
        )
        along = vector(0, -math.cos(bent), math.sin(bent))
        toes = unit(along + 0.25 * vector(0, -math.sin(bent), -math.cos(bent)))
        skeleton.leg(side, knee + 0.999 * body.shank_m * along, toes, -UP + 0.2 * FORWARD, sole=vector(0, -0.3, 1))
        shoulder = skeleton.points[f"{side}_shoulder"]
        reach = style.between("reach", 0.05, 0.2)
        elbow = vector(shoulder[0] + 0.03 * sign, shoulder[1] + reach, 0.05)
        fore = smooth_random_walk(style, f"fore_{side}", time_s, 0.15, 0.75, (0.8, 3.0))
        skeleton.arm_from_directions(side, elbow - shoulder, vector(-0.45 * sign, 1, fore))
    skeleton.props.append(Prop("rod", (skeleton.grip("left") + skeleton.grip("right")) / 2, RIGHT, 0.15, 0.02))
    return skeleton


def _on_side(body: Body, style: MovementStyle, time_s: float) -> Skeleton:
    """On the right side and the right elbow, the head on the hand; the left leg is bent, or lies on the other."""
    upright = Skeleton(
        body,
        vector(0, 0, 0),
        style.between("fold", 0, 14),
        nod_degrees=smooth_random_walk(style, "nod", time_s, -4, 16),
        look_degrees=smooth_random_walk(style, "look", time_s, -25, 40, (0.8, 3.0)),
        tilt_degrees=-style.between("propped", 8, 16),
    )
    # Tilted until the hip and the elbow are on the floor.
    hip, shoulder = upright.points["right_hip"], upright.points["right_shoulder"]
    across, along = shoulder[0] - hip[0], shoulder[2] - hip[2]
    high = style.between("elbow", 0.5, 0.78) * body.upper_arm_m + 0.05 - 0.048 * body.height_m
    roll = math.acos(min(high / math.hypot(across, along), 1.0)) - math.atan2(across, along)
    skeleton = upright.rolled(math.degrees(roll))
    skeleton = skeleton.moved(0, 0.048 * body.height_m * UP - skeleton.points["right_hip"])
    bent = style.choice("legs", ("bent", "stacked")) == "bent"
    for side in ("right", "left"):
        hip, upper = skeleton.points[f"{side}_hip"], side == "left"
        draws = smooth_random_walk(style, f"draw_{side}", time_s, -0.05, 0.08, (1.0, 4.0))
        near = (0.62 if bent and upper else style.between("far", 0.9, 0.97)) + draws * (1 if upper else 0.3)
        low = 0.05 + (body.ankle_m + 0.03) * upper
        ahead = style.between("ahead", 0.05, 0.25) + 0.15 * (bent and upper)
        down = hip[2] - low
        flat = math.sqrt(max((min(near, 0.98) * body.leg_m) ** 2 - down**2 - ahead**2, 0.02))
        ankle = vector(hip[0] - flat, hip[1] + ahead, low)
        knee = UP + 0.5 * FORWARD if bent and upper else FORWARD + 0.1 * UP
        skeleton.leg(side, ankle, vector(-0.3, 1, 0.06) if not (bent and upper) else vector(-0.6, 0.8, 0.06), knee)
    head, shoulder = skeleton.points["head"], skeleton.points["right_shoulder"]
    # The elbow is on the floor, as far beyond the shoulder as the upper arm lets it.
    aside = math.sqrt(max(body.upper_arm_m**2 - (shoulder[2] - 0.05) ** 2, 0.0))
    elbow = vector(shoulder[0] + 0.9 * aside, shoulder[1] + 0.44 * aside, 0.05)
    held = head - 0.04 * body.height_m * UP + 0.045 * body.height_m * RIGHT
    skeleton.arm_from_directions("right", elbow - shoulder, held - elbow)
    place = smooth(smooth_random_walk(style, "left_hand", time_s, -0.3, 1.3, (0.8, 4.0), (0.6, 1.4)))
    at_hip = skeleton.points["left_hip"] + vector(-0.06, 0.03, 0.05)
    before = vector(skeleton.points["left_shoulder"][0] - 0.12, skeleton.points["left_shoulder"][1] + 0.34, 0.06)
    wrist = at_hip + place * (before - at_hip) + 0.2 * math.sin(math.pi * place) * FORWARD
    skeleton.arm("left", wrist, UP + 0.4 * FORWARD, vector(1.2 * place - 1, place, -0.1))
    return skeleton
