"""Every exercise that can be drawn, by name. A new one is a function in exercises/, listed here."""

from beam_jobs.athletes.exercise import Exercise
from beam_jobs.athletes.exercises import (
    curl_press_raise,
    lunge_jumping_jack,
    pull_up_bench_press,
    push_up_sit_up_plank_twist,
    squat_deadlift,
)
from beam_jobs.athletes.no_exercise import resting, standing, walking

_EXERCISES = (
    squat_deadlift.squat,
    squat_deadlift.deadlift,
    lunge_jumping_jack.lunge,
    lunge_jumping_jack.jumping_jack,
    curl_press_raise.bicep_curl,
    curl_press_raise.shoulder_press,
    curl_press_raise.front_lateral_raise,
    push_up_sit_up_plank_twist.push_up,
    push_up_sit_up_plank_twist.sit_up,
    push_up_sit_up_plank_twist.plank,
    push_up_sit_up_plank_twist.russian_twist,
    pull_up_bench_press.pull_up,
    pull_up_bench_press.bench_press,
)
_NO_EXERCISE = (standing.idle, standing.adjust, standing.stretch, walking.walk, resting.rest)
EXERCISES: dict[str, Exercise] = {value.name: value for value in (*_EXERCISES, *_NO_EXERCISE)}

# The movements of people who do no exercise.
OTHER_MOTIONS = tuple(value.name for value in _NO_EXERCISE)

# What is drawn without --exercises.
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
