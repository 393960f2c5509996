"""Every exercise that can be drawn, by name."""

from beam_jobs.athletes.exercise import Exercise
from beam_jobs.athletes.exercises import (
    curl_press_raise,
    lunge_jumping_jack,
    pull_up_bench_press,
    push_up_sit_up_plank_twist,
    squat_deadlift,
)
from beam_jobs.athletes.no_exercise import resting, standing, walking
from beam_jobs.labels import NO_EXERCISE

_MODULES = (
    squat_deadlift,
    lunge_jumping_jack,
    curl_press_raise,
    push_up_sit_up_plank_twist,
    pull_up_bench_press,
    standing,
    walking,
    resting,
)
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
