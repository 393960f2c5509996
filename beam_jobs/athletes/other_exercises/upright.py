"""Standing bodies whose pelvis moves over feet that stay: shared by the exercises that the project does not know."""

import math

from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase, sway
from beam_jobs.athletes.skeleton import SIDES, Body, Skeleton, vector
from beam_jobs.athletes.stances import bent_legs, feet_apart, toes


def upright(
    body: Body,
    style: MovementStyle,
    phase: RepetitionPhase,
    lean_degrees: float,
    *,
    wide: tuple[float, float] = (0.8, 1.5),
    bend_degrees: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
    steps: dict[str, tuple[float, float]] | None = None,
    lifted: str = "",
    **trunk: float,
) -> Skeleton:
    """A person who stands, the pelvis moved to the right and forwards by `shift` metres; both legs are posed.

    `steps` moves feet to the right and up. A `lifted` leg does not carry: the pelvis may go beyond its reach.
    """
    stance, out = feet_apart(body, style, *wide)
    soft = style.between("soft_knees", 2, 9, varied=(1, 16)) + bend_degrees
    pelvis, ankles = bent_legs(body, stance, out, soft, soft)
    pelvis = pelvis + vector(
        shift[0] + sway(style, phase, "aside", 0.006), shift[1] + sway(style, phase, "fore", 0.005), 0
    )
    for side, (aside, up) in (steps or {}).items():
        ankles[side] = ankles[side] + vector(aside, 0, up)
    for side, sign in SIDES:
        if side != lifted:
            across, along = pelvis[0] + sign * body.hip_m - ankles[side][0], pelvis[1] - ankles[side][1]
            reach = (0.994 * body.leg_m) ** 2 - across**2 - along**2
            pelvis[2] = min(pelvis[2], ankles[side][2] + math.sqrt(max(reach, 0.04)))
    skeleton = Skeleton(body, pelvis, lean_degrees, **trunk)
    for side, sign in SIDES:
        skeleton.leg(side, ankles[side], toes(sign, out))
    return skeleton
