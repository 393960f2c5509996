"""live --num_people: two drawn athletes in one video, of whom one hides for a second."""

import io
import json
import pathlib

import cv2
import numpy as np
import people_videos
import pytest
import videos
from commands import run_command

from beam_jobs import storage, tables, windows
from beam_jobs.pose.estimator import nobody
from live import __main__ as live_main
from live import camera, outputs, overlay, people, recognizer
from live.defaults import DEFAULT_BUNDLE
from model import exported_bundle

# As of test_live_equals_batch.py.
TOLERANCE, FEATURE_TOLERANCE = 1e-5, 1e-4
NUM_FRAMES = 75


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> pathlib.Path:
    """5 s: a person who squats, and one who does jumping jacks and is hidden from 1.5 to 2.5 s."""
    athletes = [
        people_videos.Athlete("squat", people_videos.standing_at(-0.9), seed=1),
        people_videos.Athlete("jumping_jack", lambda s: None if 1.5 <= s < 2.5 else (0.9, 0.0), seed=5),
    ]
    path = tmp_path_factory.mktemp("two") / "two.mp4"
    videos.write(path, list(people_videos.draw(athletes, NUM_FRAMES / 15)), people_videos.FRAME_RATE_HZ)
    return path


@pytest.fixture(scope="module")
def live(clip, pose_model_path) -> tuple[list[list[recognizer.Recognition]], list[recognizer.Summary]]:
    """What is known after each frame, and at the end, as `python -m live --num_people 2` gets it."""
    bundle = exported_bundle.load(DEFAULT_BUNDLE)
    source = camera.open_source(str(clip), windows.SamplingGrid(bundle.frame_rate_hz))
    with people.PeopleRecognizer(bundle, pose_model_path, 2, min_probability=0) as recognizing:
        return [recognizing.update_all(f.image, f.timestamp_ms) for f in source], recognizing.summaries()


@pytest.mark.slow
def test_live_equals_batch_for_each_person(clip, live, tmp_path):
    extract = ("extract", "--videos", clip, "--output", tmp_path / "tables", "--num_people", 2)
    assert run_command("beam_jobs", *extract).returncode == 0
    features = ("--input", tmp_path / "tables", "--output", tmp_path / "tables", "--transform_fn", DEFAULT_BUNDLE)
    assert run_command("beam_jobs", "features", *features).returncode == 0
    table = storage.read_table(str(tmp_path / "tables"), tables.FINAL_FEATURES).to_pandas()
    assert sorted(table.person_id.unique()) == [0, 1]
    rule = exported_bundle.load(DEFAULT_BUNDLE).rule
    for number in (0, 1):
        mine = [one for found in live[0] for one in found if one.person == number]
        theirs = table[table.person_id == number]
        assert [one.timestamp_ms for one in mine] == theirs.timestamp_ms.tolist()
        assert [one.pose.detected for one in mine] == theirs.detected.tolist()
        rows = zip(theirs[list(tables.FEATURE_NAMES)].to_numpy(np.float32), theirs.detected, strict=True)
        batch = dict(windows.windows(rows, rule))
        windowed = {index: one.features for index, one in enumerate(mine) if one.features is not None}
        assert list(windowed) == list(batch) and len(batch) > 10
        assert max(np.abs(windowed[index] - batch[index]).max() for index in batch) < FEATURE_TOLERANCE


@pytest.mark.slow
def test_each_person_has_an_answer_and_a_summary_of_their_own(live):
    rows, summaries = live
    assert [summary.person for summary in summaries] == [0, 1]
    first = {one.person: one.pose.image[:, 0].mean() for one in rows[0]}
    left = min(first, key=first.get)
    # The default bundle has seen drawn athletes.
    by_side = {0 if summary.person == left else 1: summary.exercise for summary in summaries}
    assert sorted(by_side.values()) == ["jumping_jack", "squat"]
    hidden = [one for found in rows[25:36] for one in found if not one.pose.detected]
    assert {one.person for one in hidden} == {next(s.person for s in summaries if s.exercise == "jumping_jack")}


@pytest.mark.slow
def test_the_command_names_people_and_records_their_answers(clip, tmp_path):
    out, record = io.StringIO(), tmp_path / "out.mp4"
    flags = ["--source", str(clip), "--num_people", "2", "--json", "--record", str(record), "--min_probability", "0"]
    assert live_main.run(live_main.parse(flags), out) == 0
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    answers = [line for line in lines if "summary" not in line]
    assert {line["person"] for line in answers} == {0, 1}
    assert [line["summary"]["person"] for line in lines[len(answers) :]] == [0, 1]
    capture = cv2.VideoCapture(str(record))
    pictures = [capture.retrieve()[1] for _ in iter(capture.grab, False)]
    assert len(pictures) == NUM_FRAMES
    # Near both people: dark boxes above their heads.
    dark = (pictures[-1] < 60).all(axis=2)
    assert dark[:, :320].sum() > 500 and dark[:, 320:].sum() > 500


@pytest.mark.slow
def test_nobody_is_said_to_be_there(pose_model_path):
    bundle = exported_bundle.load(DEFAULT_BUNDLE)
    with people.PeopleRecognizer(bundle, pose_model_path, 2) as recognizing:
        grey = np.full((240, 320, 3), 110, np.uint8)
        found = [recognizing.update_all(grey, 67 * index) for index in range(6)]
        assert recognizing.summaries() == [recognizer.Summary(0, None, None, 0)]
    assert [(one.person, one.status, one.due) for (one,) in found] == [
        (None, "no_person", due) for due in (True, False, False, True, False, False)
    ]


def known(person: int, x: float, exercise: str | None = "squat", repetitions: int | None = 4) -> recognizer.Recognition:
    image = np.zeros((33, 3), np.float32)
    image[:, :2] = (x, 0.5)
    ones = np.ones(33, np.float32)
    pose = type(nobody())(image.copy(), image, ones, ones)
    return recognizer.Recognition(
        0, person, exercise, 0.9, np.array([0.9, 0.1], np.float32), True, pose, repetitions=repetitions
    )


def test_answers_stand_near_their_people_also_in_a_mirror():
    for mirrored in (False, True):
        annotator = overlay.PictureAnnotator(("squat", "lunge"), mirrored, several=True)
        grey = np.full((400, 800, 3), 128, np.uint8)
        picture = annotator.annotate(grey.copy(), [known(0, 0.2)])
        columns = np.flatnonzero((picture != 128).any(axis=(0, 2)))
        assert columns.mean() == pytest.approx(800 * (0.8 if mirrored else 0.2), abs=25)
        two = annotator.annotate(grey.copy(), [known(0, 0.2), known(1, 0.8)])
        assert (two[:, :400] != 128).any() and (two[:, 400:] != 128).any()


def test_lines_name_people_and_change_by_person():
    out = io.StringIO()
    lines = outputs.TextLines(out, names_people=True)
    for person in (0, 1, 0, 1):
        lines.show(known(person, 0.5))
    lines.summarize(recognizer.Summary(1, "squat", 0.9, 12))
    assert out.getvalue().splitlines() == [
        "     0.0 s  person 0: squat  90%  4 repetitions",
        "     0.0 s  person 1: squat  90%  4 repetitions",
        "person 1: whole video:  squat  90%  (12 predictions)",
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--num_people", "0"], "expected 1 or more"),
    ],
)
def test_wrong_flags(flags, message, capsys):
    with pytest.raises(SystemExit) as ended:
        live_main.parse(["--source", "0", *flags])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
