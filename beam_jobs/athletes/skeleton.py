"""A body of constant bone lengths, posed by inverse kinematics.

Coordinates are the athlete's own: x to the right, y forward, z up, metres, the floor at z = 0.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

SIDES = (("left", -1.0), ("right", 1.0))
RIGHT, FORWARD, UP = np.eye(3)


@dataclasses.dataclass(frozen=True)
class Body:
    """Bone lengths of one person, in metres. `hip_m` and `shoulder_m` are half the distance between the two joints."""

    height_m: float
    thigh_m: float
    shank_m: float
    ankle_m: float
    foot_m: float
    hip_m: float
    torso_m: float
    shoulder_m: float
    upper_arm_m: float
    forearm_m: float
    hand_m: float
    head_m: float

    @property
    def leg_m(self) -> float:
        """Hip to ankle, straight."""
        return self.thigh_m + self.shank_m

    @property
    def arm_m(self) -> float:
        """Shoulder to wrist, straight."""
        return self.upper_arm_m + self.forearm_m

    @property
    def depth_m(self) -> float:
        """From the middle of the hips to the back's surface, for a person who lies on the back."""
        return 0.062 * self.height_m


def sample_body(rng: np.random.Generator) -> Body:
    """A person's bone lengths. Source of the means: Drillis and Contini's segment lengths, as shares of stature."""
    height = rng.uniform(1.52, 1.95)
    legs, arms, broad = (rng.normal(1, spread) for spread in (0.025, 0.025, 0.05))
    lengths = {
        "thigh_m": 0.245 * legs,
        "shank_m": 0.246 * legs * rng.normal(1, 0.015),
        "ankle_m": 0.042,
        "foot_m": 0.152 * rng.normal(1, 0.02),
        "hip_m": 0.054 * rng.normal(1, 0.06),
        "torso_m": 0.288 * (2 - legs),
        "shoulder_m": 0.108 * broad,
        "upper_arm_m": 0.178 * arms,
        "forearm_m": 0.150 * arms * rng.normal(1, 0.015),
        "hand_m": 0.100 * arms,
        "head_m": 0.068 * rng.normal(1, 0.03),
    }
    return Body(height_m=height, **{name: share * height for name, share in lengths.items()})


@dataclasses.dataclass(frozen=True)
class Prop:
    """A thing that is held, stood at or lain on.

    Attributes:
      kind: in the hands 'barbell', 'dumbbell', 'kettlebell', 'plate' or 'bottle'; 'bar' on two posts; 'bench'; 'box' to
        step onto; 'rod' and 'cord', a bare bar and a piece of rope or cable.
      centre: its middle; of a bench and a box, its top's.
      axis: the direction of its length.
      length_m: from end to end.
      radius_m: of its weights, of a rod or a cord itself; half the width of a bench or a box.
    """

    kind: str
    centre: np.ndarray
    axis: np.ndarray
    length_m: float
    radius_m: float


def cord(start: np.ndarray, end: np.ndarray, radius_m: float = 0.006) -> Prop:
    """A straight piece of rope or cable from one place to another."""
    length = math.sqrt(float((end - start) @ (end - start)))
    return Prop("cord", (start + end) / 2, (end - start) / max(length, 1e-9), length, radius_m)


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector at length 1."""
    return vector / math.sqrt(float(vector @ vector))


def cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The cross product of two vectors; numpy's own takes ten times as long for a single pair."""
    (a, b, c), (x, y, z) = first.tolist(), second.tolist()
    return np.array((b * z - c * y, c * x - a * z, a * y - b * x))


def vector(right: float, forward: float, up: float) -> np.ndarray:
    """A vector from its three parts."""
    return np.array((right, forward, up), float)


def frame(lean_degrees: float, twist_degrees: float = 0.0, roll_degrees: float = 0.0) -> np.ndarray:
    """Axes (rows right, forward, up) of a part that leans forward, is then turned to its left, then tilts right."""
    lean, twist, roll = np.radians((lean_degrees, twist_degrees, roll_degrees))
    up = vector(0, math.sin(lean), math.cos(lean))
    forward = vector(0, math.cos(lean), -math.sin(lean))
    right = math.cos(twist) * RIGHT + math.sin(twist) * forward
    forward = cross(up, right)
    return np.stack(
        [math.cos(roll) * right - math.sin(roll) * up, forward, math.cos(roll) * up + math.sin(roll) * right]
    )


def two_bone_ik(
    root: np.ndarray, target: np.ndarray, first_m: float, second_m: float, pole: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The middle joint and the end of two bones that reach from `root` for `target`, bent towards `pole`.

    Bones keep their lengths: where the target is out of reach, the end lies in its direction.
    """
    towards = target - root
    distance = math.sqrt(float(towards @ towards))
    towards = towards / max(distance, 1e-9)
    distance = min(max(distance, abs(first_m - second_m) * 1.02 + 1e-3), (first_m + second_m) * 0.9995)
    share = (first_m**2 - second_m**2 + distance**2) / (2 * distance)
    bend = unit(pole - towards * float(pole @ towards))
    return root + towards * share + bend * math.sqrt(max(first_m**2 - share**2, 0.0)), root + towards * distance


class Skeleton:
    """A posed body: `points` by name, `frames` (rows right, forward, up) of pelvis, chest and head, and props held.

    Points: pelvis, waist, neck, throat, head; and of each side, as 'left_knee': hip, knee, ankle, heel, toe,
    shoulder, elbow, wrist, hand, thumb.
    """

    def __init__(
        self,
        body: Body,
        pelvis: np.ndarray,
        lean_degrees: float,
        *,
        curl_degrees: float = 0.0,
        twist_degrees: float = 0.0,
        nod_degrees: float = 0.0,
        look_degrees: float = 0.0,
        tilt_degrees: float = 0.0,
    ) -> None:
        """Poses the trunk: the pelvis leans, the chest leans `curl_degrees` more, the head nods more than the chest.

        The chest and the head tilt to the right by `tilt_degrees`.
        """
        self.body = body
        self.frames = {
            "pelvis": frame(lean_degrees),
            "chest": frame(lean_degrees + curl_degrees, twist_degrees, tilt_degrees),
            "head": frame(lean_degrees + curl_degrees + nod_degrees, twist_degrees + look_degrees, tilt_degrees),
        }
        self.props: list[Prop] = []
        pelvis_frame, chest, head = self.frames.values()
        waist = pelvis + 0.42 * body.torso_m * pelvis_frame[2]
        neck = waist + 0.58 * body.torso_m * chest[2]
        throat = neck + 0.036 * body.height_m * chest[2] + 0.004 * body.height_m * chest[1]
        self.points: dict[str, np.ndarray] = {
            "pelvis": pelvis,
            "waist": waist,
            "neck": neck,
            "throat": throat,
            "head": throat + 0.075 * body.height_m * head[2] + 0.012 * body.height_m * head[1],
        }
        for side, sign in SIDES:
            self.points[f"{side}_hip"] = pelvis + sign * body.hip_m * pelvis_frame[0]
            self.points[f"{side}_shoulder"] = neck + sign * body.shoulder_m * chest[0] - 0.01 * body.height_m * chest[2]

    def leg(
        self,
        side: str,
        ankle: np.ndarray,
        toes: np.ndarray,
        knee: np.ndarray | None = None,
        *,
        sole: np.ndarray | None = None,
    ) -> None:
        """A leg with its ankle at a place, its foot along `toes`, its knee bent towards `knee` (default: the toes).

        The sole faces the floor, or `sole` as far as the toes let it.
        """
        toes = unit(toes)
        joint, end = two_bone_ik(
            self.points[f"{side}_hip"], ankle, self.body.thigh_m, self.body.shank_m, toes if knee is None else knee
        )
        sole = _sole(toes) if sole is None else unit(sole - toes * float(sole @ toes))
        height, length = self.body.ankle_m * 0.62, self.body.foot_m
        self.points[f"{side}_knee"], self.points[f"{side}_ankle"] = joint, end
        self.points[f"{side}_heel"] = end - 0.27 * length * toes + height * sole
        self.points[f"{side}_toe"] = end + 0.66 * length * toes + height * sole

    def arm(self, side: str, wrist: np.ndarray, elbow: np.ndarray, hand: np.ndarray | None = None) -> None:
        """An arm with its wrist at a place, its elbow bent towards `elbow`, its hand along `hand` (or the forearm)."""
        joint, end = two_bone_ik(
            self.points[f"{side}_shoulder"], wrist, self.body.upper_arm_m, self.body.forearm_m, elbow
        )
        self._hand(side, joint, end, hand)

    def arm_from_directions(
        self, side: str, upper: np.ndarray, fore: np.ndarray, hand: np.ndarray | None = None
    ) -> None:
        """An arm by the directions of its two bones."""
        joint = self.points[f"{side}_shoulder"] + self.body.upper_arm_m * unit(upper)
        self._hand(side, joint, joint + self.body.forearm_m * unit(fore), hand)

    def _hand(self, side: str, elbow: np.ndarray, wrist: np.ndarray, hand: np.ndarray | None) -> None:
        fore = unit(wrist - elbow)
        direction = fore if hand is None else unit(hand)
        inwards = -dict(SIDES)[side] * self.frames["chest"][0] + 0.2 * self.frames["chest"][1]
        thumb = unit(inwards - direction * float(inwards @ direction) + 1e-6)
        self.points[f"{side}_elbow"], self.points[f"{side}_wrist"] = elbow, wrist
        self.points[f"{side}_hand"] = wrist + self.body.hand_m * direction
        self.points[f"{side}_thumb"] = wrist + 0.42 * self.body.hand_m * direction + 0.4 * self.body.hand_m * thumb

    def grip(self, side: str) -> np.ndarray:
        """Where a hand holds a thing."""
        wrist, hand = self.points[f"{side}_wrist"], self.points[f"{side}_hand"]
        return wrist + 0.55 * (hand - wrist)

    def hold_barbell(self, length_m: float = 1.5, radius_m: float = 0.16) -> None:
        """Puts a barbell into both hands."""
        left, right = self.grip("left"), self.grip("right")
        self.props.append(Prop("barbell", (left + right) / 2, unit(right - left), length_m, radius_m))

    def hold_dumbbells(self, axis: np.ndarray = RIGHT, radius_m: float = 0.055) -> None:
        """Puts a dumbbell into each hand."""
        for side, _ in SIDES:
            self.props.append(Prop("dumbbell", self.grip(side), unit(axis), 0.26, radius_m))

    def pull_cord(self, end: np.ndarray, sides: Sequence[str] = ("left", "right")) -> None:
        """A cable or band from the middle between these hands to `end`."""
        self.props.append(cord(np.mean([self.grip(side) for side in sides], axis=0), end))

    def moved(self, turn_degrees: float, by: np.ndarray) -> "Skeleton":
        """The same pose turned to its left about the upright axis, then moved."""
        turn = math.radians(turn_degrees)
        axes = np.array(((math.cos(turn), math.sin(turn), 0), (-math.sin(turn), math.cos(turn), 0), (0, 0, 1)))
        return self._turned(axes, by)

    def rolled(self, roll_degrees: float) -> "Skeleton":
        """The same pose tilted to its right about the forward axis: by 90 it lies on its right side."""
        roll = math.radians(roll_degrees)
        axes = np.array(((math.cos(roll), 0, -math.sin(roll)), (0, 1, 0), (math.sin(roll), 0, math.cos(roll))))
        return self._turned(axes, np.zeros(3))

    def _turned(self, axes: np.ndarray, by: np.ndarray) -> "Skeleton":
        other = object.__new__(Skeleton)
        other.body = self.body
        other.points = {name: point @ axes + by for name, point in self.points.items()}
        other.frames = {name: rows @ axes for name, rows in self.frames.items()}
        other.props = [dataclasses.replace(p, centre=p.centre @ axes + by, axis=p.axis @ axes) for p in self.props]
        return other

    def mirrored(self) -> "Skeleton":
        """The same pose with the sides exchanged."""
        other = object.__new__(Skeleton)
        flip = np.array((-1.0, 1.0, 1.0))
        swap = {"left": "right", "right": "left"}
        other.body = self.body
        other.points = {}
        for name, point in self.points.items():
            side, _, joint = name.partition("_")
            other.points[f"{swap[side]}_{joint}" if side in swap else name] = point * flip
        # The mirrored right axis points left: turn it back, so that axes stay right-handed.
        other.frames = {name: axes * flip * np.array((-1.0, 1.0, 1.0))[:, None] for name, axes in self.frames.items()}
        other.props = [dataclasses.replace(p, centre=p.centre * flip, axis=p.axis * flip) for p in self.props]
        return other


def _sole(toes: np.ndarray) -> np.ndarray:
    """Towards the sole of a foot that points along `toes`: downwards, square to it."""
    down = -UP + toes * float(UP @ toes)
    if float(down @ down) < 1e-4:
        down = FORWARD - toes * float(FORWARD @ toes)
    return unit(down)


def ankle_over_ball(body: Body, ball: np.ndarray, toes: np.ndarray) -> np.ndarray:
    """Where the ankle is when the ball of the foot is on the floor at `ball` and the foot points along `toes`."""
    toes = unit(toes)
    return ball - 0.66 * body.foot_m * toes - 0.62 * body.ankle_m * _sole(toes)
