"""Steady answers and segments: hand-written windows, one each 200 ms."""

import numpy as np
import pytest

from beam_jobs.segments import ExerciseLog, SteadyAnswer, is_sure, surer

LABELS = ("none", "squat", "lunge", "plank")


def windows(text: str, probability: float = 0.97) -> list[tuple[int, np.ndarray | None]]:
    """s is squat, l lunge, p plank, n none; a capital letter is not sure; a blank says nothing."""
    found: list[tuple[int, np.ndarray | None]] = []
    for number, letter in enumerate(text):
        if letter == " ":
            found.append((200 * number, None))
            continue
        best = "nslp".index(letter.lower())
        sure = 0.4 if letter.isupper() else probability
        values = np.full(len(LABELS), (1 - sure) / (len(LABELS) - 1), np.float32)
        values[best] = sure
        found.append((200 * number, values))
    return found


def shown(text: str) -> str:
    """The steady answer after each window, by its first letter; a dot for none."""
    answer = SteadyAnswer(LABELS)
    letters = []
    for timestamp_ms, probabilities in windows(text):
        answer.push(timestamp_ms, probabilities)
        letters.append(answer.exercise[0] if answer.exercise else ".")
    return "".join(letters)


def found(text: str) -> list[tuple[str, int, int]]:
    log = ExerciseLog(LABELS, ["plank"])
    for timestamp_ms, probabilities in windows(text):
        log.push_answer(timestamp_ms, probabilities)
    return [(segment.exercise, segment.start_ms, segment.end_ms) for segment in log.segments()]


def test_an_answer_comes_after_three_windows_and_a_change_after_three():
    assert shown("ssssssssllllllll") == "..ssssssssllllll"


@pytest.mark.parametrize("odd", ["l", "n", "L", " "])
def test_one_odd_window_changes_nothing(odd):
    assert shown(f"ssssss{odd}sssss")[2:] == 10 * "s"


@pytest.mark.parametrize("step_ms", [267, 300, 333, 400, 600, 1000])
def test_few_frames_a_second_are_answered_too(step_ms):
    """A slow camera, or a bundle that was trained at 3 to 11 frames a second; one odd window changes nothing."""
    answer = SteadyAnswer(LABELS)
    exercises = []
    for number, (_, probabilities) in enumerate(windows("sssssslssssllll")):
        answer.push(step_ms * number, probabilities)
        exercises.append(answer.exercise)
    assert set(exercises[3:12]) == {"squat"} and exercises[-1] == "lunge"


def test_a_pause_between_long_steps_ends_the_answer():
    answer = SteadyAnswer(LABELS)
    for number, (_, probabilities) in enumerate(windows("ssssss")):
        answer.push(600 * number, probabilities)
    answer.push(3000 + 5000, windows("S")[0][1])
    assert answer.exercise is None


def test_two_answers_in_turn_do_not_flicker():
    assert set(shown("ssssss" + 10 * "sl")[2:]) == {"s"}


def test_an_answer_goes_when_nothing_is_said():
    assert shown("ssssss" + 6 * " ").rstrip(".") in ("..ssss" + num * "s" for num in (1, 2, 3))


def test_with_any_probability_asked_for_a_segment_begins_where_it_does():
    """Four even answers are each below a tenth on average; the likeliest is named all the same."""
    log = ExerciseLog(LABELS, ["plank"], min_probability=0.0)
    for timestamp_ms in range(60_000, 70_000, 200):
        log.push_answer(timestamp_ms, np.array([0.078, 0.082, 0.078, 0.078]))
    (segment,) = log.segments()
    assert 60_000 <= segment.start_ms <= 62_000


def test_what_is_not_told_is_as_what_says_nothing():
    told, untold = SteadyAnswer(LABELS), SteadyAnswer(LABELS)
    given = windows("ssssss      llsss")
    for timestamp_ms, probabilities in given:
        told.push(timestamp_ms, probabilities)
        if probabilities is not None:
            untold.push(timestamp_ms, probabilities)
    assert untold.exercise == told.exercise == "squat"
    assert untold.probability == pytest.approx(told.probability)
    assert untold.start_ms == told.start_ms


def test_a_threshold_of_zero_always_names_the_likeliest():
    answer = SteadyAnswer(LABELS, min_probability=0)
    answer.push(0, np.array([0.3, 0.25, 0.25, 0.2], np.float32))
    assert answer.exercise == "none"


def test_one_exercise_after_the_other():
    assert found("ssssssssllllllll") == [("squat", 0, 1400), ("lunge", 1800, 3000)]


def test_a_single_other_answer_or_a_doubt_ends_nothing():
    assert found("ssssslssss") == [("squat", 0, 1800)]
    assert found("ssssLLLLssss") == [("squat", 0, 2200)]


def test_a_short_pause_is_part_of_a_set_and_a_long_one_ends_it():
    assert found("sssssss" + 15 * "n" + "sssssss") == [("squat", 0, 5600)]
    assert [start_ms for _, start_ms, _ in found("sssssss" + 30 * "n" + "sssssss")] == [0, 7600]
    assert [name for name, *_ in found("sssssss" + 10 * "l" + "sssssss")] == ["squat", "lunge", "squat"]


def test_a_short_other_exercise_is_dropped_and_the_set_goes_on():
    assert found("sssssss" + "llll" + "sssssss") == [("squat", 0, 3400)]


def test_what_is_short_or_doubtful_or_no_exercise_is_no_segment():
    assert found("lll") == found("SSSSSSSSSS") == found("nnnnnnnnnn") == found("") == []


def test_the_mean_probability():
    log = ExerciseLog(LABELS, [])
    for timestamp_ms, probabilities in windows("ssssssss", 0.8):
        log.push_answer(timestamp_ms, probabilities)
    (segment,) = log.segments()
    assert segment.probability == pytest.approx(0.8)
    # It is known from its fourth window on.
    assert segment.num_windows == 8 - 3


def test_a_hold_has_seconds_and_no_repetitions():
    log = ExerciseLog(LABELS, ["plank"])
    for timestamp_ms, probabilities in windows(" " * 5 + "p" * 26):
        log.push_answer(timestamp_ms, probabilities)
    (segment,) = log.segments()
    # From the first window at 1.0 s to the last one at 6.0 s, and 0.7 s before.
    assert (segment.held_s, segment.repetitions) == (5.7, None)
    assert log.current is segment


def test_repetitions_are_those_of_the_segment_alone():
    log = ExerciseLog(LABELS, [])
    say = dict(windows("n" * 25 + "s" * 50 + "n" * 25))
    for timestamp_ms in range(0, 20_000, 67):
        # A knee that bends once in two seconds, all the time.
        degrees = 130 + 40 * np.cos(2 * np.pi * timestamp_ms / 2000)
        log.push_angles(np.array([170, 170, 170, degrees]), timestamp_ms)
        if timestamp_ms // 200 != (timestamp_ms - 67) // 200:
            log.push_answer(timestamp_ms, say[timestamp_ms // 200 * 200])
    (segment,) = log.segments()
    assert segment.end_ms - segment.start_ms == pytest.approx(10_000, abs=500)
    assert segment.repetitions == 5


def test_a_sure_window_counts_without_its_last_second():
    assert is_sure(np.array([0.1, 0.9]))
    assert not is_sure(np.array([0.11, 0.89]))


def test_at_the_limit_a_window_is_sure_as_in_javascript():
    """float32's 0.9 is a little below 0.9: tests/live/page/test_static_page.py has the same values."""
    below = np.float32(0.9)
    assert not is_sure(np.array([0.1, below], np.float32))
    assert is_sure(np.array([0.1, np.nextafter(below, np.float32(1))], np.float32))


def test_the_surer_of_a_window_and_its_last_second_counts():
    whole, recent = np.array([0.6, 0.4]), np.array([0.1, 0.9])
    assert surer(whole, recent) is recent
    assert surer(whole, np.array([0.5, 0.5])) is whole
    assert surer(whole, None) is whole
