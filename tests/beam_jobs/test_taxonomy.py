import collections

import pytest

from beam_jobs import labels, taxonomy
from beam_jobs.athletes import catalog
from model import holds


def test_every_drawn_exercise_is_in_the_table():
    assert set(catalog.LABELS) <= set(taxonomy.known_exercises())


def test_what_is_confused_is_in_the_table_and_not_itself():
    for name, known in taxonomy.known_exercises().items():
        assert set(known.confused_with) <= set(taxonomy.known_exercises()) - {name}, name
        assert known.shown_name and known.position and known.equipment


def test_no_name_stands_for_two_exercises():
    written = [(name, one.name) for one in taxonomy.known_exercises().values() for name in {one.name, *one.other_names}]
    by_letters = collections.defaultdict(set)
    for name, exercise in written:
        by_letters[name.replace("_", "")].add(exercise)
    assert {name: found for name, found in by_letters.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("squats", "squat"),
        ("Push-Ups", "push_up"),
        ("pullup", "pull_up"),
        ("front_raise", "front_lateral_raise"),
        ("Lat Pull Down", "lat_pulldown"),
        ("side_plank", "side_plank"),
        ("my own exercise", "my own exercise"),
        ("", ""),
    ],
)
def test_other_names_become_the_name_of_the_table(written, name):
    assert taxonomy.standard_label(written) == name


def test_a_label_is_shown_in_words():
    assert taxonomy.shown_name("push_up") == "push-up"
    assert taxonomy.shown_name("none") == "no known exercise"
    assert taxonomy.shown_name("my_own_exercise") == "my own exercise"


def test_holds_are_those_of_the_table():
    assert holds.holds_of(["squat", "plank", "side_plank", "none", "unheard_of"]) == ["plank", "side_plank"]


def test_a_labels_file_is_read_by_usual_names_with_a_message(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("video,label\na.mp4,squats\nb.mp4,squat\nc.mp4,Pull-Ups\nd.mp4,squats\n")
    rows = labels.read_label_rows(str(path))
    assert [row.labels.label for row in rows] == ["squat", "squat", "pull_up", "squat"]
    (warning,) = labels.label_warnings(str(path), rows)
    assert "Pull-Ups (1) as pull_up, squats (2) as squat" in warning
    assert "--keep_labels" in warning


def test_labels_stay_as_they_are_where_that_is_asked_for(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("video,label\na.mp4,squats\nb.mp4,lateral_raise\n")
    rows = labels.read_label_rows(str(path), keep_labels=True)
    assert [row.labels.label for row in rows] == ["squats", "lateral_raise"]
    assert labels.label_warnings(str(path), rows) == []
