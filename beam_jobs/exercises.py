"""Every exercise that can be drawn, by name."""

from beam_jobs import floor, standing
from beam_jobs.motions import Exercise

EXERCISES: dict[str, Exercise] = {
    value.name: value for module in (standing, floor) for value in vars(module).values() if isinstance(value, Exercise)
}

# What is drawn unless told otherwise.
DEFAULT_EXERCISES = (
    "squat",
    "push_up",
    "sit_up",
    "lunge",
    "jumping_jack",
    "bicep_curl",
    "shoulder_press",
    "deadlift",
)
