"""What idle hands do, and when: places for the hands, and sequences of them in time."""

import math

import numpy as np

from beam_jobs.athletes.exercise import MovementStyle, smooth
from beam_jobs.athletes.skeleton import SIDES, Skeleton, vector

# Where the wrist is from its shoulder, in arm's lengths, and where the elbow points: outwards, forwards, upwards by the
# chest.
_PLACES = {
    "hanging": ((0.12, 0.08, -0.97), (0.5, -1.0, 0.0)),
    "loose": ((0.16, 0.22, -0.90), (0.5, -1.0, 0.0)),
    "hip": ((0.10, 0.10, -0.66), (1.0, -0.5, 0.0)),
    "crossed": ((-0.46, 0.34, -0.42), (0.8, 0.0, -0.7)),
    "behind": ((-0.22, -0.26, -0.76), (0.8, -0.6, 0.0)),
    "phone": ((-0.12, 0.50, -0.40), (0.5, 0.0, -1.0)),
    "belly": ((-0.20, 0.36, -0.62), (0.8, -0.3, -0.6)),
    "mouth": ((-0.24, 0.36, 0.16), (0.5, 0.4, -1.0)),
    "ear": ((-0.10, 0.18, 0.26), (0.8, 0.5, -0.7)),
    "crown": ((-0.16, 0.06, 0.52), (1.0, 0.4, 0.2)),
    "nape": ((-0.22, -0.16, 0.36), (1.0, 0.3, 0.5)),
    "shoulder": ((-0.56, 0.24, -0.04), (0.3, 0.8, -0.5)),
    "open": ((0.34, 0.52, -0.36), (0.3, -0.5, -1.0)),
    "before": ((-0.06, 0.62, -0.30), (0.4, -0.2, -1.0)),
    "point": ((0.30, 0.72, 0.10), (0.5, 0.0, -1.0)),
    "wave": ((0.42, 0.34, 0.34), (0.6, -0.2, -1.0)),
    "above": ((0.06, 0.06, 0.97), (1.0, 0.2, 0.0)),
    "across": ((-0.70, 0.48, -0.06), (0.2, 0.6, -0.8)),
    "aside": ((0.95, 0.10, -0.04), (0.0, -0.6, -1.0)),
}


def alternate(
    style: MovementStyle, name: str, time_s: float, hold_s: tuple[float, float], change_s: tuple[float, float]
) -> tuple[int, int, float]:
    """Which item of an endless sequence, which follows, and how far the change from one to the other has come.

    Args:
      style: decides how long each is held and how long a change takes.
      name: of the sequence.
      time_s: since the clip's start.
      hold_s: shortest and longest hold.
      change_s: shortest and longest change.

    Returns:
      The item's 0-based number, the next one's, and a share from 0 to 1.
    """
    item, start = 0, -style.between(f"{name}_begun", 0, hold_s[1])
    while True:
        hold = style.between(f"{name}_hold_{item}", *hold_s)
        change = style.between(f"{name}_change_{item}", *change_s)
        if time_s < start + hold + change:
            return item, item + 1, smooth((time_s - start - hold) / change)
        item, start = item + 1, start + hold + change


def smooth_random_walk(
    style: MovementStyle,
    name: str,
    time_s: float,
    low: float,
    high: float,
    hold_s: tuple[float, float] = (0.6, 3.0),
    change_s: tuple[float, float] = (0.5, 1.3),
) -> float:
    """A number that stays for a while, then changes softly to another one between `low` and `high`."""
    item, following, share = alternate(style, name, time_s, hold_s, change_s)
    start, end = (style.between(f"{name}_{number}", low, high) for number in (item, following))
    return start + (end - start) * share


def gesture(
    skeleton: Skeleton, style: MovementStyle, time_s: float, pairs: tuple[tuple[str, str], ...], fidget: float
) -> None:
    """Puts both hands where one pair of places after the other says.

    Args:
      skeleton: gets its arms.
      style: decides which pair when.
      time_s: since the clip's start.
      pairs: for the left and the right hand.
      fidget: how restless hands are, in arm's lengths.
    """
    item, following, share = alternate(style, "hands", time_s, (0.5, 2.6), (0.35, 1.0))
    now, then = (pairs[int(style.between(f"hands_{number}", 0, len(pairs)))] for number in (item, following))
    chest, arm_m = skeleton.frames["chest"], skeleton.body.arm_m
    for index, (side, sign) in enumerate(SIDES):
        outwards = vector(sign, 1, 1)
        places, elbows = zip(*(np.array(_PLACES[pair[index]]) for pair in (now, then)), strict=True)
        place = places[0] + share * (places[1] - places[0])
        # Round the shoulder and the chest on the way from one side of them to the other.
        far = min(float(np.abs(places[1] - places[0]).max()), 1.0)
        place = place + far * math.sin(math.pi * share) * vector(0.2, 0.45, 0)
        restless = [
            smooth_random_walk(style, f"fidget_{side}_{axis}", time_s, -1, 1, (0.0, 0.5), (0.25, 0.7))
            for axis in range(3)
        ]
        place = place + fidget * np.array(restless)
        place = place * max(0.42 / math.sqrt(float(place @ place)), 1.0)
        elbow = elbows[0] + share * (elbows[1] - elbows[0])
        skeleton.arm(
            side, skeleton.points[f"{side}_shoulder"] + arm_m * (place * outwards) @ chest, (elbow * outwards) @ chest
        )
