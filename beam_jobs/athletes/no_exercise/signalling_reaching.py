"""Standing people who do no exercise, labelled none: signs, a shelf, turning round. catalog.py lists them."""

import math

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, smooth
from beam_jobs.athletes.no_exercise.hand_gestures import alternate, gesture, smooth_random_walk
from beam_jobs.athletes.no_exercise.standing import on_feet
from beam_jobs.athletes.skeleton import FORWARD, SIDES, UP, Body, Prop, Skeleton, vector
from beam_jobs.athletes.stances import heel_raised

_RESTING = (
    ("hanging", "hanging"),
    ("hip", "hanging"),
    ("belly", "belly"),
    ("hanging", "loose"),
    ("crossed", "crossed"),
)


def signal(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Waves with both arms or one, claps, or cheers, for a moment each; the hands rest in between."""
    time_s = phase.time_s
    skeleton = on_feet(body, style, phase, 0.7)
    gesture(skeleton, style, time_s, _RESTING, 0.03)
    item, following, share = alternate(style, "signals", time_s, (0.4, 2.2), (0.4, 0.9))
    kinds = [
        ("rest", "wave", "wave_one", "clap", "cheer", "clap_high")[int(style.between(f"kind_{n}", 0, 6))]
        for n in (item, following)
    ]
    right, forward, up = skeleton.frames["chest"]
    beat = math.tau * style.between("beat", 1.2, 2.6) * time_s
    beat += smooth_random_walk(style, "beats", time_s, -2, 2, (0.2, 0.9), (0.3, 0.9))
    for side, sign in SIDES:
        shoulder = skeleton.points[f"{side}_shoulder"]
        resting = (skeleton.points[f"{side}_wrist"] - shoulder) / body.arm_m
        wide, apart = 0.2 + 0.2 * math.sin(beat), body.shoulder_m / body.arm_m - 0.03 - 0.14 * (1 + math.sin(beat))
        # The wrist in arm's lengths from the shoulder: with the whole arm, before the chest, or above the head.
        places = {
            "rest": resting,
            "wave": wide * sign * right + 0.15 * forward + style.between("up", 0.6, 0.88) * up,
            "clap": -apart * sign * right + style.between("before", 0.5, 0.75) * forward - 0.25 * up,
            "clap_high": -apart * sign * right + 0.25 * forward + 0.75 * up,
            "cheer": 0.35 * sign * right + (0.82 + 0.05 * math.sin(beat)) * up,
        }
        places["wave_one"] = places["wave"] if side == "right" else resting
        start, end = (places[kind] for kind in kinds)
        wrist = start + share * (end - start)
        if kinds[0] != kinds[1]:
            # On the way from low to high a hand passes before and beside the body.
            wrist = wrist + math.sin(math.pi * share) * (0.3 * forward + 0.12 * sign * right)
        wrist = wrist * max(0.42 / math.sqrt(float(wrist @ wrist)), 1.0)
        skeleton.arm(side, shoulder + body.arm_m * wrist, 0.8 * sign * right - 0.1 * forward - 0.7 * up)
    return skeleton


def reach(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Takes things from a shelf, or puts them there: up on the toes, at the chest's height, or low; some look first."""
    time_s = phase.time_s
    item, following, share = alternate(style, "places", time_s, (0.15, 1.6), (0.6, 1.5))

    def place(number: int) -> tuple[float, float, float, bool]:
        """How far aside and up a hand goes, in heights and arms; how far ahead; whether it rests instead."""
        rests = style.between(f"rests_{number}", 0, 1) < 0.35
        high = style.between(f"high_{number}", 0.5, style.between("shelf", 0.9, 1.22))
        return style.between(f"aside_{number}", -0.4, 0.5), high, style.between(f"ahead_{number}", 0.3, 0.55), rests

    now, then = place(item), place(following)
    busy = (0.0 if now[3] else 1 - share) + (0.0 if then[3] else share)
    high = now[1] + share * (then[1] - now[1])
    stoops = smooth((0.62 - high) / 0.2) * busy
    tiptoe = 34 * smooth((high - 1.0) / 0.14) * busy
    low = 55 * stoops
    skeleton = on_feet(
        body,
        style,
        phase,
        0.5,
        lean_degrees=4 + low - 4 * smooth((high - 0.9) / 0.2) * busy,
        nod_degrees=(high - 0.85) * -60 * busy,
    )
    feet = {side: (skeleton.points[f"{side}_ankle"], skeleton.points[f"{side}_toe"]) for side, _ in SIDES}
    lifted = {
        side: heel_raised(body, ankle, tiptoe, math.atan2(*(toe - ankle)[:2])) for side, (ankle, toe) in feet.items()
    }
    rise = (lifted["left"][0] - feet["left"][0]) * (0, 1, 1)
    for name in skeleton.points:
        skeleton.points[name] = skeleton.points[name] + rise
    for side, (ankle, direction) in lifted.items():
        skeleton.leg(side, ankle, direction)
    gesture(skeleton, style, time_s, _RESTING, 0.03)
    both = style.choice("hands", ("right", "right", "both")) == "both"
    for side, sign in SIDES:
        if side == "left" and not both:
            continue
        aside = (now[0] + share * (then[0] - now[0])) * (0.5 * body.arm_m) + (0.12 * sign if both else 0.1)
        at = vector(aside, now[2] + share * (then[2] - now[2]) + 0.2 * stoops, high * body.height_m)
        resting = skeleton.points[f"{side}_wrist"]
        shoulder = skeleton.points[f"{side}_shoulder"]
        wrist = resting + busy * (at - resting) + 0.3 * math.sin(math.pi * busy) * FORWARD * body.arm_m - shoulder
        wrist = wrist * max(0.42 * body.arm_m / math.sqrt(float(wrist @ wrist)), 1.0)
        skeleton.arm(side, shoulder + wrist, vector(0.6 * sign, -0.4, -1))
    if style.between("carries", 0, 1) < 0.5:
        skeleton.props.append(Prop("bottle", skeleton.grip("right"), UP, 0.2, 0.035))
    return skeleton


def turn_round(body: Body, style: MovementStyle, phase: RepetitionPhase) -> Skeleton:
    """Turns round on the spot with small steps, stops, and turns on or back."""
    widest = style.between("widest", 70, 190)

    def heading(time_s: float) -> float:
        return smooth_random_walk(style, "heading", time_s, -widest, widest, (0.3, 2.2), (1.2, 2.8))

    time_s = phase.time_s
    faces = heading(time_s)
    moves = min(abs(heading(time_s + 0.08) - heading(time_s - 0.08)) / 0.16 / 50, 1.0)
    skeleton = on_feet(body, style, phase, 0.6)
    gesture(skeleton, style, time_s, _RESTING, 0.05)
    gait = math.sin(math.tau * style.between("steps", 0.9, 1.7) * time_s)
    for side, sign in SIDES:
        ankle, toe = (skeleton.points[f"{side}_{name}"] for name in ("ankle", "toe"))
        lift = 0.09 * moves * max(sign * gait, 0.0)
        skeleton.leg(side, ankle + lift * UP + 0.5 * lift * FORWARD, (toe - ankle) * (1, 1, 0), FORWARD)
    return skeleton.moved(faces, vector(0.15 * moves * gait, 0, 0))
