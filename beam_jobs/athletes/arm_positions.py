"""How people hold their arms, and weights, while the legs work: for the varied clips."""

from beam_jobs.athletes.exercise import MovementStyle
from beam_jobs.athletes.skeleton import FORWARD, SIDES, UP, Prop, Skeleton

HOLDS = ("hips", "behind_head", "back_barbell", "front_barbell", "racked", "hanging", "dumbbells", "plate", "fists")


def pose_arms(skeleton: Skeleton, style: MovementStyle, kind: str) -> None:
    """Poses both arms as the kind says, and puts weights into the hands.

    Args:
      skeleton: gets its arms and props.
      style: decides grips and sizes.
      kind: one of HOLDS.
    """
    body, points = skeleton.body, skeleton.points
    height = body.height_m
    right, forward, up = skeleton.frames["chest"]
    head = skeleton.frames["head"]
    bar = points["neck"] - 0.055 * height * forward + 0.005 * height * up
    if kind == "front_barbell":
        bar = points["neck"] + 0.075 * height * forward - 0.005 * height * up
    for side, sign in SIDES:
        shoulder = points[f"{side}_shoulder"]
        out = sign * right
        if kind == "hips":
            waist = points[f"{side}_hip"] + 0.055 * height * (out + 0.9 * up) + 0.03 * forward
            skeleton.arm(side, waist, out - 0.45 * forward, 0.8 * forward - 0.6 * out - 0.4 * up)
        elif kind == "behind_head":
            wrist = points["head"] + 0.06 * height * sign * head[0] - 0.03 * height * head[1]
            skeleton.arm(
                side, wrist, out + style.between("flare", -0.1, 0.7) * forward + 0.3 * up, -out - 0.35 * head[1]
            )
        elif kind == "back_barbell":
            wrist = bar + style.between("grip", 1.45, 2.5) * body.shoulder_m * out - 0.05 * up
            skeleton.arm(side, wrist, -up - 0.5 * forward, up - 0.1 * forward)
        elif kind == "front_barbell":
            wrist = bar + style.between("grip", 0.95, 1.3) * body.shoulder_m * out - 0.02 * up
            skeleton.arm(
                side, wrist, forward + style.between("elbows_up", -0.6, 0.5) * up + 0.2 * out, up - 0.4 * forward
            )
        elif kind == "racked":
            wrist = shoulder + 0.02 * height * out + 0.075 * height * forward + 0.03 * up
            skeleton.arm(side, wrist, 0.5 * forward - up + 0.3 * out, up)
        elif kind in ("plate", "fists"):
            near = style.between("near", 0.13, 0.2) if kind == "plate" else 0.14
            wrist = (
                points["neck"] + 0.07 * height * out + near * height * forward - style.between("low", 0.02, 0.1) * up
            )
            skeleton.arm(side, wrist, 0.6 * out - up, up - 0.4 * out)
        else:
            loose = style.between("loose", 0.05, 0.2)
            skeleton.arm_from_directions(side, -UP + loose * out + 0.04 * forward, -UP + 0.04 * out + loose * FORWARD)
    grip = (skeleton.grip("left") + skeleton.grip("right")) / 2
    if kind in ("back_barbell", "front_barbell"):
        skeleton.props.append(Prop("barbell", bar, right, 1.7, style.between("plate", 0.12, 0.21)))
    elif kind == "plate":
        skeleton.props.append(Prop("plate", grip, up, 0.26, 0.07))
    elif kind in ("dumbbells", "racked"):
        skeleton.hold_dumbbells(FORWARD, style.between("plate", 0.045, 0.075))


def rest_arm(skeleton: Skeleton, style: MovementStyle, side: str) -> None:
    """An arm that has nothing to do: hanging, or its hand on the hip."""
    sign = dict(SIDES)[side]
    right, forward, up = skeleton.frames["chest"]
    if style.choice("other_arm", ("hanging", "hanging", "hip")) == "hip":
        waist = skeleton.points[f"{side}_hip"] + 0.055 * skeleton.body.height_m * (sign * right + 0.9 * up)
        skeleton.arm(side, waist, sign * right - 0.45 * forward, 0.8 * forward - sign * 0.6 * right - 0.4 * up)
    else:
        skeleton.arm_from_directions(side, -up + 0.15 * sign * right, -up + 0.05 * sign * right + 0.12 * forward)
