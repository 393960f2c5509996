from beam_jobs.segments import Answer, find_segments


def answers(text: str, probability: float = 0.9) -> list[Answer]:
    """One answer each 200 ms: s is squat, l lunge; a capital letter is not sure."""
    names = {"s": "squat", "l": "lunge"}
    return [
        Answer(200 * number, names[letter.lower()], 0.3 if letter.isupper() else probability)
        for number, letter in enumerate(text)
        if letter != " "
    ]


def found(text: str) -> list[tuple[str, int, int]]:
    return [(segment.exercise, segment.start_ms, segment.end_ms) for segment in find_segments(answers(text))]


def test_one_exercise_after_the_other():
    assert found("ssssssssllllllll") == [("squat", 0, 1400), ("lunge", 1600, 3000)]


def test_a_single_other_answer_or_a_doubt_ends_nothing():
    assert found("sssslssss") == [("squat", 0, 1600)]
    assert found("ssssLLLLssss") == [("squat", 0, 2200)]


def test_a_long_pause_ends_a_segment():
    assert found("ssssss         ssssss") == [("squat", 0, 1000), ("squat", 3000, 4000)]


def test_what_is_short_or_doubtful_is_no_segment():
    assert found("lll") == found("SSSSSSSSSS") == found("") == []


def test_the_mean_probability():
    segment = find_segments(answers("ssssss", 0.8))[0]
    assert (round(segment.probability, 6), segment.num_windows) == (0.8, 6)
