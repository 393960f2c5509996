"""Every exercise that can be drawn: its function, how fast it is done and from where it is filmed."""

from beam_jobs.athletes.exercise import Exercise, Pose
from beam_jobs.athletes.exercises import (
    burpee_dip,
    crunch_leg_raise_glute_bridge,
    curl_press_raise,
    jump_rope_high_knees,
    kettlebell_swing_calf_raise_step_up,
    lunge_jumping_jack,
    pull_up_bench_press,
    push_up_sit_up_plank_twist,
    row_lat_pulldown,
    side_plank_mountain_climber,
    squat_deadlift,
    tricep_extension,
)
from beam_jobs.athletes.no_exercise import (
    dancing_boxing,
    falling,
    lying,
    resting,
    signalling_reaching,
    sitting,
    standing,
    walking,
)
from beam_jobs.athletes.other_exercises import hands_and_knees, standing_arms, standing_legs, standing_trunk
from beam_jobs.athletes.other_exercises import lying as lying_exercises
from beam_jobs.labels import NO_EXERCISE

_EXERCISES = (
    Exercise("squat", squat_deadlift.squat, seconds=(1.8, 3.4)),
    Exercise("deadlift", squat_deadlift.deadlift, seconds=(1.9, 3.4)),
    Exercise("lunge", lunge_jumping_jack.lunge, seconds=(2.0, 3.4), yaw_degrees=(15, 110)),
    Exercise("jumping_jack", lunge_jumping_jack.jumping_jack, seconds=(0.85, 1.4), yaw_degrees=(0, 60)),
    Exercise("bicep_curl", curl_press_raise.bicep_curl, seconds=(1.5, 2.9)),
    Exercise("shoulder_press", curl_press_raise.shoulder_press, seconds=(1.6, 2.9)),
    Exercise("front_lateral_raise", curl_press_raise.front_lateral_raise, seconds=(1.6, 2.9), yaw_degrees=(0, 75)),
    Exercise(
        "push_up",
        push_up_sit_up_plank_twist.push_up,
        seconds=(1.5, 2.8),
        yaw_degrees=(40, 100),
        elevation_degrees=(4, 20),
        varied_yaw_degrees=(5, 150),
    ),
    Exercise(
        "sit_up",
        push_up_sit_up_plank_twist.sit_up,
        seconds=(1.8, 3.2),
        yaw_degrees=(55, 105),
        elevation_degrees=(4, 22),
        varied_yaw_degrees=(5, 150),
    ),
    Exercise(
        "plank",
        push_up_sit_up_plank_twist.plank,
        seconds=(2.0, 3.5),
        yaw_degrees=(45, 100),
        elevation_degrees=(3, 18),
        varied_yaw_degrees=(5, 150),
    ),
    Exercise(
        "russian_twist",
        push_up_sit_up_plank_twist.russian_twist,
        seconds=(1.2, 2.4),
        yaw_degrees=(15, 80),
        elevation_degrees=(2, 18),
        varied_yaw_degrees=(0, 150),
    ),
    Exercise(
        "pull_up", pull_up_bench_press.pull_up, seconds=(1.8, 3.2), yaw_degrees=(0, 65), elevation_degrees=(-14, 4)
    ),
    Exercise(
        "bench_press",
        pull_up_bench_press.bench_press,
        seconds=(1.7, 3.0),
        yaw_degrees=(35, 100),
        elevation_degrees=(4, 22),
    ),
    Exercise("row", row_lat_pulldown.row, seconds=(1.5, 2.9), yaw_degrees=(10, 115)),
    Exercise("tricep_extension", tricep_extension.tricep_extension, seconds=(1.5, 2.9), yaw_degrees=(0, 115)),
    Exercise("lat_pulldown", row_lat_pulldown.lat_pulldown, seconds=(1.7, 3.2), yaw_degrees=(0, 180)),
    Exercise(
        "kettlebell_swing",
        kettlebell_swing_calf_raise_step_up.kettlebell_swing,
        seconds=(1.2, 2.1),
        yaw_degrees=(10, 105),
    ),
    Exercise("jump_rope", jump_rope_high_knees.jump_rope, seconds=(0.45, 0.75), yaw_degrees=(0, 75)),
    Exercise("high_knees", jump_rope_high_knees.high_knees, seconds=(0.4, 0.75)),
    Exercise("calf_raise", kettlebell_swing_calf_raise_step_up.calf_raise, seconds=(1.2, 2.6), yaw_degrees=(0, 180)),
    Exercise("step_up", kettlebell_swing_calf_raise_step_up.step_up, seconds=(1.9, 3.4), yaw_degrees=(10, 120)),
    Exercise(
        "crunch",
        crunch_leg_raise_glute_bridge.crunch,
        seconds=(1.2, 2.6),
        yaw_degrees=(50, 105),
        elevation_degrees=(3, 22),
        varied_yaw_degrees=(5, 160),
    ),
    Exercise(
        "leg_raise",
        crunch_leg_raise_glute_bridge.leg_raise,
        seconds=(1.6, 3.2),
        yaw_degrees=(40, 105),
        elevation_degrees=(2, 20),
        varied_yaw_degrees=(0, 160),
    ),
    Exercise(
        "glute_bridge",
        crunch_leg_raise_glute_bridge.glute_bridge,
        seconds=(1.5, 3.0),
        yaw_degrees=(45, 105),
        elevation_degrees=(2, 20),
        varied_yaw_degrees=(5, 160),
    ),
    Exercise(
        "side_plank",
        side_plank_mountain_climber.side_plank,
        seconds=(2.0, 3.5),
        yaw_degrees=(0, 60),
        elevation_degrees=(2, 18),
        varied_yaw_degrees=(0, 180),
    ),
    Exercise(
        "mountain_climber",
        side_plank_mountain_climber.mountain_climber,
        seconds=(0.6, 1.4),
        yaw_degrees=(30, 100),
        elevation_degrees=(3, 18),
        varied_yaw_degrees=(0, 150),
    ),
    Exercise(
        "burpee",
        burpee_dip.burpee,
        seconds=(2.4, 4.2),
        yaw_degrees=(15, 105),
        elevation_degrees=(2, 16),
        varied_yaw_degrees=(0, 150),
        framed_by_time=True,
    ),
    Exercise(
        "dip",
        burpee_dip.dip,
        seconds=(1.5, 2.8),
        yaw_degrees=(0, 105),
        elevation_degrees=(-6, 10),
        varied_yaw_degrees=(0, 180),
    ),
)


def _no_exercise(pose: Pose, elevation_degrees: tuple[float, float] = (-2, 16)) -> Exercise:
    """A movement that is no exercise, named as its function."""
    return Exercise(pose.__name__, pose, (2, 4), (0, 180), elevation_degrees, is_exercise=False)


# The movements of people who do no exercise: what is labelled none is one of these.
_NO_EXERCISE = (
    _no_exercise(standing.idle),
    _no_exercise(standing.adjust),
    _no_exercise(standing.stretch),
    _no_exercise(walking.walk),
    _no_exercise(resting.rest, (-2, 20)),
    _no_exercise(dancing_boxing.dance),
    _no_exercise(dancing_boxing.shadow_box),
    _no_exercise(signalling_reaching.signal),
    _no_exercise(signalling_reaching.reach),
    _no_exercise(signalling_reaching.turn_round),
    _no_exercise(falling.fall),
    _no_exercise(lying.lie, (2, 24)),
    _no_exercise(sitting.sit_on_floor, (0, 20)),
    _no_exercise(sitting.sit_on_chair),
    _no_exercise(sitting.get_up),
    _no_exercise(sitting.tie_shoe, (0, 18)),
)


def _other(
    pose: Pose,
    seconds: tuple[float, float] = (0.9, 3.0),
    elevation_degrees: tuple[float, float] = (-2, 16),
    yaw_degrees: tuple[float, float] = (0, 180),
) -> Exercise:
    """An exercise that is none of those with a label, named as its function."""
    return Exercise(
        pose.__name__, pose, seconds, yaw_degrees, elevation_degrees, is_exercise=False, framed_by_time=True
    )


# Exercises that the project does not know, labelled none: a network learns from them to say nothing.
_OTHER_EXERCISES = (
    _other(standing_arms.open_arms),
    _other(standing_trunk.twist_trunk, (1.2, 3.0)),
    _other(lying_exercises.move_legs_lying, (0.9, 3.0), (2, 22), (40, 140)),
    _other(standing_arms.circle_arms),
    _other(standing_legs.swing_leg),
    _other(hands_and_knees.move_on_all_fours, (1.2, 3.0), (2, 20)),
    _other(standing_trunk.bend_sideways, (1.5, 3.4)),
    _other(standing_legs.mix_limbs),
    _other(standing_trunk.chop, (1.3, 3.0)),
    _other(lying_exercises.move_arms_lying, (1.2, 3.0), (2, 22), (40, 140)),
    _other(standing_arms.sway_arms),
    _other(standing_legs.step_aside, (1.2, 2.6)),
    _other(hands_and_knees.move_in_plank, (1.0, 2.6), (2, 20)),
    _other(standing_trunk.circle_hips),
    _other(standing_arms.punch, (0.5, 1.6)),
    _other(lying_exercises.lift_from_front, (1.2, 3.0), (2, 14), (50, 90)),
    _other(standing_trunk.touch_toes, (1.5, 3.2)),
    _other(hands_and_knees.hang, (1.2, 3.0), (-14, 4)),
    _other(standing_arms.move_head, (1.2, 3.5)),
)
EXERCISES: dict[str, Exercise] = {value.name: value for value in (*_EXERCISES, *_NO_EXERCISE, *_OTHER_EXERCISES)}

OTHER_MOTIONS = tuple(value.name for value in _NO_EXERCISE)
OTHER_EXERCISES = tuple(value.name for value in _OTHER_EXERCISES)

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

# What --exercises takes, and all of it with `all`. The order decides which person does which exercise: put a new one
# before `none`.
LABELS = (
    *DEFAULT_EXERCISES,
    "bench_press",
    "front_lateral_raise",
    "plank",
    "pull_up",
    "russian_twist",
    "row",
    "tricep_extension",
    "lat_pulldown",
    "kettlebell_swing",
    "jump_rope",
    "high_knees",
    "calf_raise",
    "step_up",
    "crunch",
    "leg_raise",
    "glute_bridge",
    "side_plank",
    "mountain_climber",
    "burpee",
    "dip",
    NO_EXERCISE,
)
