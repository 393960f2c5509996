"""Every exercise that can be drawn, by name."""

from beam_jobs import floor, hanging, idling, lifting, resting, standing, stepping, walking
from beam_jobs.labels import NO_EXERCISE
from beam_jobs.motions import Exercise

_MODULES = (standing, stepping, lifting, floor, hanging, idling, walking, resting)
EXERCISES: dict[str, Exercise] = {
    value.name: value for module in _MODULES for value in vars(module).values() if isinstance(value, Exercise)
}

# What people do who do no exercise.
OTHER_MOTIONS = tuple(name for name, value in EXERCISES.items() if value.label == NO_EXERCISE)

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
