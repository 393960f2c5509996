"""Arms and legs by their angles, and who moves when: shared by the exercises that the project does not know."""

import dataclasses
import math

import numpy as np

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase
from beam_jobs.athletes.skeleton import SIDES, UP, Skeleton, unit, vector

Direction = tuple[float, float, float]
# Where a forearm goes when its elbow bends, unless a pose says otherwise: inwards, forwards and up.
_BENDS = (-0.5, 0.8, 0.6)


@dataclasses.dataclass(frozen=True)
class ArmPose:
    """An arm in its chest's frame.

    Attributes:
      upper: direction of the upper arm: outwards, forwards, up.
      bend_degrees: of the elbow; 0 is straight.
      bends: direction in which the forearm leaves the upper arm's line.
    """

    upper: Direction
    bend_degrees: float = 8.0
    bends: Direction = _BENDS


ARMS = {
    "hanging": ArmPose((0.12, 0.03, -1), 10),
    "aside": ArmPose((1, 0.05, 0), 6),
    "front": ArmPose((0.08, 1, -0.05), 6),
    "across": ArmPose((-0.5, 1, -0.15), 25),
    "low_across": ArmPose((-0.42, 0.6, -0.75), 12),
    "back": ArmPose((0.2, -0.75, -0.8), 8),
    "wide_back": ArmPose((1, -0.4, -0.05), 6),
    "above": ArmPose((0.12, 0.05, 1), 8),
    "wide_above": ArmPose((0.75, 0.05, 0.75), 8),
    "over": ArmPose((-0.3, 0.05, 1), 25, (-1, 0.1, 0.2)),
    "hips": ArmPose((0.75, -0.45, -0.7), 100, (-0.6, 0.6, -0.3)),
    "head": ArmPose((1, 0.2, 0.35), 125, (-0.2, -0.1, 1)),
    "fists": ArmPose((0.3, 0.25, -1), 125, (-0.4, 0.8, 0.5)),
    "crossed": ArmPose((0.1, 0.75, -0.6), 115, (-1, 0.1, 0.5)),
    "elbows_in": ArmPose((0.1, 0, -1), 90, (-0.6, 0.8, 0)),
    "elbows_out": ArmPose((0.1, 0, -1), 90, (0.9, 0.4, 0)),
    "cactus": ArmPose((1, 0, 0), 90, (0, 0, 1)),
    "cactus_low": ArmPose((1, 0.1, 0), 90, (0, 0.75, -0.6)),
    "cactus_front": ArmPose((0.15, 1, 0), 90, (0, 0, 1)),
    "folded": ArmPose((0.95, 0.35, 0), 130, (-0.3, 1, 0)),
}


def between_directions(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """The unit vector that lies so far on the way from one direction to another."""
    start, end = unit(start), unit(end)
    angle = math.acos(min(max(float(start @ end), -1.0), 1.0))
    if angle < 1e-6 or angle > math.pi - 1e-6:
        return start
    return (math.sin((1 - share) * angle) * start + math.sin(share * angle) * end) / math.sin(angle)


def arm(skeleton: Skeleton, side: str, start: ArmPose, end: ArmPose | None = None, share: float = 0.0) -> None:
    """Poses an arm, so far on the way from one pose to another."""
    sign = dict(SIDES)[side]
    end = end or start
    axes = skeleton.frames["chest"] * np.array((sign, 1, 1))[:, None]
    upper = between_directions(np.array(start.upper), np.array(end.upper), share)
    bends = unit(np.array(start.bends)) * (1 - share) + unit(np.array(end.bends)) * share
    bends = unit(bends - upper * float(bends @ upper) + 1e-6)
    bend = math.radians(start.bend_degrees + share * (end.bend_degrees - start.bend_degrees))
    fore = math.cos(bend) * upper + math.sin(bend) * bends
    skeleton.arm_from_directions(side, upper @ axes, fore @ axes)


def leg(
    skeleton: Skeleton,
    side: str,
    hip_degrees: float,
    knee_degrees: float,
    *,
    aside: float = 0.0,
    shank_aside: float | None = None,
    pointed_degrees: float = 20.0,
) -> None:
    """A leg that carries nothing, by its angles to the pelvis.

    Args:
      skeleton: gets the leg.
      side: 'left' or 'right'.
      hip_degrees: how far the thigh is before the trunk's line; negative behind it.
      knee_degrees: how far the knee is bent.
      aside: how far the thigh goes outwards, in its own lengths.
      shank_aside: the same of the shank; as the thigh unless given.
      pointed_degrees: how far the toes point away from the shin.
    """
    body, sign = skeleton.body, dict(SIDES)[side]
    right, forward, up = skeleton.frames["pelvis"]
    thigh, shank, pointed = np.radians((hip_degrees, hip_degrees - max(knee_degrees, 2.0), pointed_degrees))
    hip = skeleton.points[f"{side}_hip"]
    along_thigh = math.sin(thigh) * forward - math.cos(thigh) * up + aside * sign * right
    along = math.sin(shank) * forward - math.cos(shank) * up
    along = unit(along + (aside if shank_aside is None else shank_aside) * sign * right)
    knee = hip + body.thigh_m * unit(along_thigh)
    ankle = knee + body.shank_m * along
    shin = math.cos(shank) * forward + math.sin(shank) * up
    toes = math.cos(pointed) * shin + math.sin(pointed) * along
    before = math.cos(thigh) * forward + math.sin(thigh) * up
    pole = knee - (hip + ankle) / 2 + 0.005 * before
    skeleton.leg(side, ankle, toes, pole, sole=along)


def keep_above_floor(skeleton: Skeleton, side: str) -> None:
    """Bends a leg that reaches below the floor until its foot is on it."""
    foot = {name: skeleton.points[f"{side}_{name}"] for name in ("ankle", "heel", "toe")}
    lowest = min(float(point[2]) for point in foot.values())
    if lowest < 0:
        toes = foot["toe"] - foot["heel"]
        knee = skeleton.points[f"{side}_knee"] - (skeleton.points[f"{side}_hip"] + foot["ankle"]) / 2
        pole = knee + 0.02 * skeleton.frames["pelvis"][1]
        sole = foot["heel"] + 0.29 * toes - foot["ankle"]
        skeleton.leg(side, foot["ankle"] - (lowest - 0.005) * UP, toes, pole, sole=sole)


def timing(style: MovementStyle, kinds: tuple[str, ...] = ("together", "opposite", "in_turn", "one")) -> str:
    """When the sides move: 'together', 'opposite' to each other, 'in_turn', or 'one' side only."""
    return style.choice("timing", kinds)


def share_of(kind: str, phase: RepetitionPhase, side: str) -> float:
    """How far a side is on its way: 0 at its start, about 1 at its turning point."""
    right = side == "right"
    if kind == "together":
        return phase.depth
    if kind == "opposite":
        return phase.depth if right else 1 - phase.depth
    if kind == "in_turn":
        return phase.depth * (phase.repetition % 2 == int(right))
    return phase.depth * right


def signed_depth(phase: RepetitionPhase, both_ways: bool) -> float:
    """Depth to the right; where `both_ways`, every other repetition to the left."""
    return -phase.depth if both_ways and phase.repetition % 2 else phase.depth


def turn(style: MovementStyle, phase: RepetitionPhase, seconds: tuple[float, float] = (0.8, 2.6)) -> float:
    """The angle (radians) of what goes round and round, each round as long as the others."""
    period = style.between("round_s", *seconds, varied=(0.7 * seconds[0], 1.3 * seconds[1]))
    way = 1.0 if style.choice("way", ("one", "other")) == "one" else -1.0
    return way * math.tau * phase.time_s / period + style.between("round_start", 0, math.tau)


def vary(pose: ArmPose, style: MovementStyle, name: str, amount: float = 0.16) -> ArmPose:
    """The same pose as another person holds it."""
    off = [style.between(f"{name}_{axis}", -amount, amount) for axis in "xyz"]
    bend = pose.bend_degrees + style.between(f"{name}_bend", -6, 14, varied=(-8, 24))
    upper = unit(vector(*pose.upper)) + np.array(off)
    return ArmPose((float(upper[0]), float(upper[1]), float(upper[2])), min(max(bend, 2.0), 150.0), pose.bends)
