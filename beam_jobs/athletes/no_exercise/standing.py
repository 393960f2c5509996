"""Standing people who do no exercise, labelled none. Each function is one movement; catalog.py lists them."""

import math

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, smooth, sway
from beam_jobs.athletes.no_exercise.hand_gestures import gesture, smooth_random_walk
from beam_jobs.athletes.skeleton import FORWARD, RIGHT, SIDES, UP, Body, Prop, Skeleton, vector
from beam_jobs.athletes.stances import bent_legs, toes

_STANDING = (
    ("hanging", "hanging"),
    ("hanging", "loose"),
    ("hip", "hip"),
    ("crossed", "crossed"),
    ("behind", "behind"),
    ("hanging", "phone"),
    ("phone", "phone"),
    ("hip", "hanging"),
    ("hanging", "mouth"),
    ("hip", "mouth"),
    ("hanging", "crown"),
    ("nape", "nape"),
    ("ear", "hanging"),
    ("belly", "belly"),
)
_TALKING = (
    ("open", "open"),
    ("before", "open"),
    ("before", "before"),
    ("hip", "point"),
    ("hanging", "wave"),
    ("hanging", "point"),
    ("open", "hanging"),
    ("belly", "before"),
    ("hanging", "hanging"),
)
_STRETCHING = (
    ("above", "above"),
    ("across", "shoulder"),
    ("aside", "aside"),
    ("nape", "nape"),
    ("behind", "behind"),
    ("hip", "above"),
    ("hanging", "hanging"),
    ("shoulder", "shoulder"),
)


def on_feet(body: Body, style: MovementStyle, phase: RepetitionPhase, restless: float, **trunk: float) -> Skeleton:
    """A person who stands about: weight on one leg or the other, looking here and there."""
    time_s = phase.time_s
    stance, out = style.between("stance", 0.4, 1.35) * body.shoulder_m, math.radians(style.between("toes_out", 2, 30))
    bend = style.between("soft_knees", 2, 9)
    pelvis, ankles = bent_legs(body, stance, out, bend, bend)
    shift = smooth_random_walk(style, "weight", time_s, -1, 1) * min(0.05, 0.45 * stance)
    pelvis = pelvis + vector(shift, sway(style, phase, "fore", 0.01), -0.012 - 1.5 * shift**2)
    steps = style.between("stagger", -0.09, 0.09)
    look = smooth_random_walk(style, "look", time_s, -55, 55, (0.3, 2.5), (0.3, 0.9)) * restless
    pose = {
        "lean_degrees": style.between("lean", -3, 5) + smooth_random_walk(style, "leaning", time_s, -2, 5) * restless,
        "curl_degrees": style.between("stoop", 0, 12),
        "twist_degrees": smooth_random_walk(style, "twist", time_s, -16, 16) * restless,
        "nod_degrees": smooth_random_walk(style, "nod", time_s, -10, 28, (0.3, 2.0), (0.3, 0.8)),
        "look_degrees": look,
        "tilt_degrees": smooth_random_walk(style, "tilt", time_s, -4, 4),
    }
    skeleton = Skeleton(body, pelvis, **{**pose, **trunk})
    for side, sign in SIDES:
        skeleton.leg(side, ankles[side] + sign * steps * FORWARD, toes(sign, out))
    return skeleton


def idle(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Standing about; or talking, with the hands too."""
    skeleton = on_feet(body, style, phase, 1.0)
    pairs = _STANDING if style.choice("kind", ("waiting", "waiting", "talking")) == "waiting" else _TALKING
    gesture(skeleton, style, phase.time_s, pairs, 0.03 if pairs is _STANDING else 0.08)
    if style.between("holds", 0, 1) < 0.2:
        skeleton.props.append(Prop("bottle", skeleton.grip("right"), UP, 0.2, 0.035))
    return skeleton


def adjust(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Busy with a bar on its stands, with plates or a lace on the floor, or picking something up once."""
    kind = style.choice("kind", ("rack", "floor", "pick", "pick"))
    time_s = phase.time_s
    if kind == "rack":
        height = style.between("height", 0.42, 0.84) * body.height_m
        low = smooth((0.62 * body.height_m - height) / (0.3 * body.height_m))
        lean = 8 + 50 * low + smooth_random_walk(style, "bends", time_s, -6, 8)
        skeleton = on_feet(
            body, style, phase, 0.6, lean_degrees=lean, nod_degrees=smooth_random_walk(style, "nod", time_s, 0, 30)
        )
        bar = vector(0, style.between("off", 0.30, 0.42) + 0.25 * low, height)
        for side, sign in SIDES:
            at = smooth_random_walk(style, f"at_{side}", time_s, 0.05, 0.5, (0.2, 1.2), (0.3, 0.8))
            off = smooth_random_walk(style, f"off_{side}", time_s, -0.12, 0.14, (0.2, 1.0), (0.3, 0.7))
            wrist = bar + vector(sign * at, -0.04 - 0.06 * abs(off), 0.04 + off)
            skeleton.arm(side, wrist, vector(sign * 0.7, -0.4, -1))
        skeleton.props.append(Prop("bar", bar, RIGHT, 1.6, 0.03))
        return skeleton
    # Down once for a while, not to and fro.
    begins = style.between("begins", -2.5, 3.0)
    stays = style.between("stays", 0.4, 1.2) if kind == "pick" else style.between("stays", 1.5, 6.0)
    down_s, up_s = style.between("down", 0.7, 1.6), style.between("up", 0.8, 1.8)
    down = smooth((time_s - begins) / down_s) * (1 - smooth((time_s - begins - down_s - stays) / up_s))
    manner = style.between("manner", 0, 1)
    stance, out = style.between("stance", 0.5, 1.3) * body.shoulder_m, math.radians(style.between("toes_out", 2, 25))
    pelvis, ankles = bent_legs(body, stance, out, 4 + (10 + 20 * manner) * down, 4 + (18 + 72 * manner) * down)
    lean = 3 + (78 - 28 * manner) * down
    skeleton = Skeleton(
        body,
        pelvis,
        lean,
        curl_degrees=(10 + 22 * style.between("round", 0, 1)) * down,
        twist_degrees=style.between("twist", -28, 28) * down + smooth_random_walk(style, "turns", time_s, -8, 8),
        nod_degrees=smooth_random_walk(style, "nod", time_s, -10, 15) - 15 * down,
        look_degrees=smooth_random_walk(style, "look", time_s, -40, 40) * (1 - 0.7 * down),
        tilt_degrees=style.between("tilt", -10, 10) * down,
    )
    stagger = style.between("stagger", -0.16, 0.16)
    one_hand = style.choice("hands", ("one", "both")) == "one"
    gesture(skeleton, style, time_s, _STANDING[:8], 0.03)
    for side, sign in SIDES:
        skeleton.leg(side, ankles[side] + sign * stagger * FORWARD, toes(sign, out))
        resting = skeleton.points[f"{side}_wrist"]
        if one_hand and side == "left":
            hip, knee = skeleton.points["left_hip"], skeleton.points["left_knee"]
            busy = hip + style.between("leans_on", 0.5, 0.95) * (knee - hip) + 0.08 * UP
        else:
            busy = vector(
                sign * 0.1 + smooth_random_walk(style, f"x_{side}", time_s, -0.12, 0.2, (0.1, 0.8), (0.3, 0.7)) * sign,
                0.3 + smooth_random_walk(style, f"y_{side}", time_s, -0.08, 0.15, (0.1, 0.8), (0.3, 0.7)),
                0.16 + smooth_random_walk(style, f"z_{side}", time_s, 0, 0.22, (0.1, 0.8), (0.3, 0.7)),
            )
        skeleton.arm(side, resting + smooth(down * 1.2) * (busy - resting), vector(sign, -0.5, -0.3))
    if kind == "pick" and time_s > begins + down_s + 0.6 * stays:
        skeleton.props.append(Prop("dumbbell", skeleton.grip("right"), RIGHT, 0.26, style.between("plate", 0.05, 0.09)))
    return skeleton


def stretch(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Loosening up: arms above or across, bends to the side, half turns, a foot held behind, fingers to the toes."""
    kind = style.choice("kind", ("arms", "arms", "side", "turns", "foot", "toes"))
    time_s = phase.time_s
    if kind == "toes":
        down = smooth_random_walk(style, "down", time_s, 0.55, 1.0, (1.5, 4.0), (1.2, 2.5))
        skeleton = on_feet(
            body,
            style,
            phase,
            0.3,
            lean_degrees=95 * down,
            curl_degrees=28 * down,
            nod_degrees=20.0,
            twist_degrees=0.0,
        )
        for side, sign in SIDES:
            ankle = skeleton.points[f"{side}_toe"]
            skeleton.arm(side, ankle + vector(-0.03 * sign, 0.0, 0.12 + 0.5 * (1 - down)), vector(sign, -0.3, 0))
        return skeleton
    trunk: dict[str, float] = {}
    if kind == "side":
        trunk["tilt_degrees"] = smooth_random_walk(style, "bend", time_s, -28, 28, (0.8, 2.5), (0.8, 1.6))
    if kind == "turns":
        trunk["twist_degrees"] = smooth_random_walk(style, "bend", time_s, -50, 50, (0.2, 1.5), (0.5, 1.2))
    skeleton = on_feet(body, style, phase, 0.4, **trunk)
    gesture(skeleton, style, time_s, _STRETCHING if kind != "foot" else _STANDING, 0.02)
    if kind == "foot":
        hip = skeleton.points["right_hip"]
        thigh = math.radians(style.between("thigh", -12, 6))
        knee = hip + body.thigh_m * vector(0, math.sin(thigh), -math.cos(thigh))
        fold = math.radians(style.between("fold", 118, 138))
        ankle = knee + body.shank_m * vector(0, math.sin(thigh - fold), -math.cos(thigh - fold))
        skeleton.leg("right", ankle, vector(0, -0.5, 1.0), FORWARD)
        skeleton.arm("right", ankle + vector(0.03, 0.02, 0.03), vector(1, -0.6, 0))
    return skeleton
