"""Walking, labelled none."""

import math

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, smooth
from beam_jobs.athletes.no_exercise.hand_gestures import smooth_random_walk
from beam_jobs.athletes.skeleton import FORWARD, SIDES, UP, Body, Prop, Skeleton, ankle_over_ball, vector


def walk(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Walking: the camera following, to and fro past it, or in and then standing there."""
    kind = style.choice("kind", ("followed", "to_and_fro", "to_and_fro", "arriving"))
    time_s = phase.time_s
    speed = style.between("speed", 0.55, 1.35)
    track = style.between("track", 1.2, 2.6)
    if kind == "followed":
        pace, place, heading = speed, 0.0, smooth_random_walk(style, "heading", time_s, -40, 40, (0.5, 2.0), (1.0, 2.0))
    else:
        # Speed up and slow down once a length; half a turn at its end.
        length_s, turn_s = 1.5 * track / speed, style.between("turn", 0.7, 1.2)
        since = time_s + style.between("begun", 0, 0.7 if kind == "arriving" else 2) * length_s
        lap, within = divmod(since, length_s + turn_s)
        if kind == "arriving" and lap > 0:
            lap, within = 0, length_s
        share = min(within / length_s, 1.0)
        pace = 6 * share * (1 - share) * track / length_s
        place = (smooth(share) - 0.5) * track * (1 if lap % 2 == 0 else -1)
        turning = smooth((within - length_s) / turn_s) if kind == "to_and_fro" else 0.0
        heading = 180 * (lap + turning)
        if kind == "to_and_fro":
            pace = max(pace, 0.35)
    cadence = style.between("cadence", 0.75, 1.05)
    gait = (time_s * cadence + style.between("phase", 0, 1)) % 1
    stride = min(pace / cadence, 1.15 * body.leg_m)
    going = min(pace / 0.35, 1.0)
    # Highest in the middle of each stance, over a leg that is nearly straight.
    highest, lowest = 0.982 * body.leg_m, math.sqrt((0.992 * body.leg_m) ** 2 - (0.26 * stride) ** 2)
    lowest = min(highest, lowest)
    high = body.ankle_m + lowest + (highest - lowest) * (0.5 + 0.5 * math.cos(4 * math.pi * (gait - 0.3)))
    skeleton = Skeleton(
        body,
        vector(0.02 * going * math.cos(math.tau * (gait - 0.3)), 0, high),
        style.between("lean", 0, 7),
        curl_degrees=style.between("stoop", 0, 8),
        twist_degrees=-7 * math.cos(math.tau * gait) * min(stride, 1),
        nod_degrees=smooth_random_walk(style, "nod", time_s, -6, 22),
        look_degrees=smooth_random_walk(style, "look", time_s, -45, 45, (0.5, 2.5)),
    )
    carries = style.choice("carries", ("nothing", "nothing", "nothing", "dumbbells", "bottle"))
    apart = style.between("stance", 0.35, 0.7) * body.shoulder_m
    for side, sign in SIDES:
        step = (gait + (0.5 if side == "left" else 0.0)) % 1
        ground = step / 0.6 if step < 0.6 else None
        if ground is not None:
            ahead, lift, pitch = 0.3 * stride * (1 - 2 * ground), 0.0, -38 * smooth((ground - 0.6) / 0.4) * going
        else:
            air = (step - 0.6) / 0.4
            ahead = 0.3 * stride * (2 * smooth(air) - 1)
            lift, pitch = 0.11 * going * math.sin(math.pi * air), (-38 + 46 * smooth(air)) * going
        tip = math.radians(pitch)
        toe = vector(0.12 * sign, math.cos(tip), math.sin(tip))
        flat = vector(sign * apart, ahead, body.ankle_m + lift)
        # The heel comes off the floor over the ball of the foot.
        ankle = ankle_over_ball(body, flat + vector(0, 0.66 * body.foot_m, -0.62 * body.ankle_m), toe)
        if pitch > 0:
            ankle = flat
        skeleton.leg(side, ankle, toe, FORWARD)
        arm = math.radians(style.between("arms", 8, 30) * (0.4 if carries == "dumbbells" else 1.0))
        arm *= -math.cos(math.tau * step) * min(pace, 1)
        elbow = math.radians(style.between("elbows", 4, 28)) + 0.35 * max(arm, 0)
        out = sign * style.between("arms_out", 0.08, 0.2)
        if carries == "bottle" and side == "right":
            arm, elbow = 0.1, math.radians(style.between("bottle", 40, 100))
        skeleton.arm_from_directions(
            side,
            vector(out, math.sin(arm), -math.cos(arm)),
            vector(0.4 * out, math.sin(arm + elbow), -math.cos(arm + elbow)),
        )
    if carries == "dumbbells":
        skeleton.hold_dumbbells(FORWARD, style.between("plate", 0.05, 0.08))
    elif carries == "bottle":
        skeleton.props.append(Prop("bottle", skeleton.grip("right"), UP, 0.2, 0.035))
    return skeleton.moved(heading, place * FORWARD)
