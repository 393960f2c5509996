"""JSON lines to the contract, recordings that are whole or not there."""

import dataclasses
import io
import json
import subprocess

import cv2
import numpy as np
import pytest
import videos

from beam_jobs import windows
from beam_jobs.errors import UserError
from beam_jobs.pose import estimator
from beam_jobs.segments import Segment
from live import outputs
from live.recognizer import Recognition, Summary

SOMEONE = estimator.Pose(
    np.zeros((33, 3), np.float32),
    np.full((33, 3), 0.5, np.float32),
    np.ones(33, np.float32),
    np.ones(33, np.float32),
)


SEGMENTS = [
    Segment("squat", 600, 4200, 0.9123456, 19, repetitions=3),
    Segment("plank", 6000, 9000, 0.8, 16, held_s=3.7),
]


def recognition(timestamp_ms, exercise, probability, due=True, hint=None):
    pose = estimator.nobody() if exercise is None else SOMEONE
    probabilities = None if exercise is None else np.array([0.4, 0.6], np.float32)
    features = np.zeros(189, np.float32)
    return Recognition(timestamp_ms, 0, exercise, probability, probabilities, due, pose, features, 100.0, hint)


def test_json_lines_are_the_contracts():
    out = io.StringIO()
    lines = outputs.JsonLines(out)
    lines.show(dataclasses.replace(recognition(4200, "squat", 0.97), repetitions=3))
    lines.show(recognition(4267, "squat", 0.97, due=False))
    lines.show(recognition(4400, None, None))
    lines.show(recognition(4600, "none", 0.8, hint="step back: knees are not in view"))
    lines.summarize(Summary(0, "squat", 0.95, 61, SEGMENTS))
    sure, absent, idle, whole = [json.loads(line) for line in out.getvalue().splitlines()]
    squat = {"person": 0, "exercise": "squat", "status": "exercise"}
    done = {"hint": None, "repetitions": 3, "held_s": None}
    assert sure == {**squat, **done, "timestamp_ms": 4200, "probability": 0.97}
    nothing = {"person": 0, "exercise": None, "probability": None, "status": "no_person", "hint": None}
    assert absent == {**nothing, "timestamp_ms": 4400, "repetitions": None, "held_s": None}
    assert (idle["exercise"], idle["status"], idle["hint"]) == (
        "none",
        "no_exercise",
        "step back: knees are not in view",
    )
    segments = [
        {"exercise": "squat", "start_ms": 600, "end_ms": 4200, "probability": 0.912346, "num_windows": 19}
        | {"repetitions": 3, "held_s": None},
        {"exercise": "plank", "start_ms": 6000, "end_ms": 9000, "probability": 0.8, "num_windows": 16}
        | {"repetitions": None, "held_s": 3.7},
    ]
    assert whole == {"summary": {**squat, "probability": 0.95, "num_predictions": 61, "segments": segments}}


def test_json_without_any_answer():
    out = io.StringIO()
    outputs.JsonLines(out).summarize(Summary(0, None, None, 0))
    assert json.loads(out.getvalue())["summary"] == {
        "person": 0,
        "exercise": None,
        "probability": None,
        "num_predictions": 0,
        "status": "no_person",
        "segments": [],
    }


def test_text_says_how_much_was_done():
    out = io.StringIO()
    lines = outputs.TextLines(out)
    squat, plank = recognition(400, "squat", 0.9), recognition(600, "plank", 0.9)
    for ms, num in ((400, 0), (600, 1), (800, 1), (1000, 2)):
        lines.show(dataclasses.replace(squat, timestamp_ms=ms, repetitions=num))
    # A hold's seconds alone make no new line.
    for ms, held_s in ((1200, 1.0), (1400, 1.2), (2400, 2.2)):
        lines.show(dataclasses.replace(plank, timestamp_ms=ms, held_s=held_s))
    lines.summarize(Summary(0, "squat", 0.8, 2, SEGMENTS))
    assert [line.split() for line in out.getvalue().splitlines()] == [
        ["0.4", "s", "squat", "90%", "0", "repetitions"],
        ["0.6", "s", "squat", "90%", "1", "repetition"],
        ["1.0", "s", "squat", "90%", "2", "repetitions"],
        ["1.2", "s", "plank", "90%", "1", "s"],
        ["0.6", "to", "4.2", "s", "squat", "3", "repetitions"],
        ["6.0", "to", "9.0", "s", "plank", "4", "s"],
        ["whole", "video:", "squat", "80%", "(2", "predictions)"],
    ]


def test_text_lines_show_only_changes():
    out = io.StringIO()
    lines = outputs.TextLines(out)
    for ms, exercise in ((0, None), (200, None), (400, "squat"), (600, "squat"), (800, "lunge")):
        lines.show(recognition(ms, exercise, 0.9 if exercise else None))
    lines.summarize(Summary(0, "squat", 0.8, 2))
    assert [line.split() for line in out.getvalue().splitlines()] == [
        ["0.0", "s", "nobody", "in", "view"],
        ["0.4", "s", "squat", "90%"],
        ["0.8", "s", "lunge", "90%"],
        ["whole", "video:", "squat", "80%", "(2", "predictions)"],
    ]


def test_text_says_each_time_that_all_people_have_left():
    out = io.StringIO()
    lines = outputs.TextLines(out, names_people=True)
    nobody = dataclasses.replace(recognition(0, None, None), person=None)
    squat = recognition(0, "squat", 0.9)
    for ms, seen in enumerate((nobody, nobody, squat, squat, nobody, nobody, squat, nobody)):
        lines.show(dataclasses.replace(seen, timestamp_ms=200 * ms))
    assert [line.split(maxsplit=2)[2] for line in out.getvalue().splitlines()] == [
        "nobody in view",
        "person 0: squat  90%",
        "nobody in view",
        "person 0: squat  90%",
        "nobody in view",
    ]


def test_text_says_not_sure_while_no_answer_is_probable_enough():
    out = io.StringIO()
    lines = outputs.TextLines(out)
    nobody, unsure = recognition(0, None, None), dataclasses.replace(recognition(0, "squat", 0.6), exercise=None)
    for ms, seen in ((0, nobody), (200, nobody), (400, unsure), (600, unsure), (800, nobody)):
        lines.show(dataclasses.replace(seen, timestamp_ms=ms))
    lines.summarize(Summary(0, None, None, 2))
    assert [line.split(maxsplit=2)[1:] for line in out.getvalue().splitlines()] == [
        ["s", "nobody in view"],
        ["s", "not sure"],
        ["s", "nobody in view"],
        ["video:", "not sure  (2 predictions)"],
    ]


def test_text_shows_advice_beside_the_answer():
    out = io.StringIO()
    lines = outputs.TextLines(out)
    for ms, hint in ((0, None), (200, "step back: hips are not in view"), (400, "step back: hips are not in view")):
        lines.show(recognition(ms, "squat", 0.9, hint=hint))
    assert [line.split(maxsplit=2)[2] for line in out.getvalue().splitlines()] == [
        "squat  90%",
        "squat  90%  (step back: hips are not in view)",
    ]


class TestRecorder:
    @pytest.mark.parametrize("size_px", [(160, 120), (163, 121)])
    def test_gaps_on_the_grid_are_filled(self, tmp_path, size_px):
        path = tmp_path / "new" / "a.mp4"
        with outputs.Recorder(str(path), 15) as recorder:
            for frame_id in (0, 1, 4, 5):
                recorder.write(videos.frame(frame_id, *size_px), frame_id)
        capture = cv2.VideoCapture(str(path))
        assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(15)
        shown = [videos.number(capture.retrieve()[1]) for _ in iter(capture.grab, False)]
        assert shown == [0, 1, 1, 1, 4, 5]

    def test_pictures_of_another_size_are_fitted_into_the_first_ones(self, tmp_path):
        """Wider, higher, and smaller ones: whole, in the middle, with black beside them."""
        path = tmp_path / "a.mp4"
        grey = [np.full((height, width, 3), 200, np.uint8) for height, width in ((120, 160), (120, 320), (240, 160))]
        with outputs.Recorder(str(path), 15) as recorder:
            for frame_id, picture in enumerate([*grey, grey[0][:60, :80]]):
                recorder.write(picture, frame_id)
        capture = cv2.VideoCapture(str(path))
        shown = [capture.retrieve()[1] for _ in iter(capture.grab, False)]
        assert [(picture[:, 80] > 100).all(axis=-1).sum() // 10 for picture in shown] == [12, 6, 12, 12]
        assert [(picture[60] > 100).all(axis=-1).sum() // 10 for picture in shown] == [16, 16, 8, 16]

    def test_an_error_leaves_nothing(self, tmp_path):
        with pytest.raises(RuntimeError), outputs.Recorder(str(tmp_path / "a.mp4"), 15) as recorder:
            recorder.write(videos.frame(0), 0)
            raise RuntimeError
        assert list(tmp_path.iterdir()) == []

    def test_a_full_disk_is_an_error_and_keeps_an_earlier_recording(self, tmp_path):
        """OpenCV itself says nothing: the file that it leaves is looked at."""
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", tmp_path], check=False).returncode:
            pytest.skip("a small disk cannot be mounted here")
        try:
            path = tmp_path / "a.mp4"
            path.write_bytes(b"earlier")
            noise = np.random.default_rng(0)
            with pytest.raises(UserError, match="disk is full"), outputs.Recorder(str(path), 15) as recorder:
                for frame_id in range(60):
                    recorder.write(noise.integers(0, 255, (240, 320, 3), np.uint8), frame_id)
            assert path.read_bytes() == b"earlier"
            assert list(tmp_path.iterdir()) == [path]
        finally:
            subprocess.run(["umount", tmp_path], check=True)

    def test_an_earlier_recording_stays_until_the_new_one_is_whole(self, tmp_path):
        path = tmp_path / "a.mp4"
        path.write_text("earlier")
        with outputs.Recorder(str(path), 15) as recorder:
            recorder.write(videos.frame(0), 0)
            assert path.read_text() == "earlier"
        assert path.read_bytes()[4:8] == b"ftyp"
        assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]

    def test_without_frames_there_is_no_file(self, tmp_path):
        with outputs.Recorder(str(tmp_path / "a.mp4"), 15):
            pass
        assert list(tmp_path.iterdir()) == []

    def test_where_nothing_can_be_written(self, tmp_path):
        (tmp_path / "file").touch()
        with (
            pytest.raises(UserError, match="cannot be written"),
            outputs.Recorder(str(tmp_path / "file" / "a.mp4"), 15) as recorder,
        ):
            recorder.write(videos.frame(0), 0)

    def test_an_encoder_that_fails(self, tmp_path):
        tiny = np.zeros((1, 1, 3), np.uint8)
        with pytest.raises(UserError, match="MPEG-4"), outputs.Recorder(str(tmp_path / "a.mp4"), 0) as recorder:
            recorder.write(tiny, 0)
        assert list(tmp_path.iterdir()) == []


def test_frames_a_second_are_counted_from_the_second_frame_on(monkeypatch):
    now_s = iter([0.0, 0.1, 0.2, 0.3])
    monkeypatch.setattr(outputs.time, "monotonic", lambda: next(now_s))
    rate = outputs.FrameRate()
    assert rate.tick() is None
    assert [rate.tick() for _ in range(3)] == pytest.approx([10, 10, 10])


class TestSlowWarning:
    """Warned of is a rate below 80 % of 15 frames a second that lasts; by the frames' times, whatever the machine."""

    @staticmethod
    def watch(capsys, times_ms, is_live=True):
        warning = outputs.SlowWarning(windows.WindowRule(), 15.0, is_live)
        for ms in times_ms:
            warning.watch(round(ms))
        printed = capsys.readouterr()
        assert printed.out == ""
        return printed.err

    def test_a_slow_camera_is_reported_once_with_both_values(self, capsys):
        warning = self.watch(capsys, np.arange(300) * 125)
        assert warning.startswith("warning: 8.0 frames a second") and " 15" in warning
        # 34 rows at 8 and at 15 a second.
        assert "4.2 s" in warning and "2.3 s" in warning
        assert "camera" in warning
        assert warning.count("warning") == 1

    def test_a_slow_file_has_another_remedy(self, capsys):
        assert "Record" in self.watch(capsys, np.arange(100) * 100, is_live=False)

    @pytest.mark.parametrize("rate_hz", [15, 12.5])
    def test_12_5_frames_a_second_are_not_warned_of(self, capsys, rate_hz):
        assert self.watch(capsys, np.arange(300) * 1000 / rate_hz) == ""

    def test_a_pause_is_not_a_rate(self, capsys):
        times_ms = np.arange(150) * 1000 / 15
        assert self.watch(capsys, [*times_ms, *(times_ms + 13_000), *(times_ms + 26_000)]) == ""

    def test_the_first_five_seconds_are_not_warned_of(self, capsys):
        assert self.watch(capsys, np.arange(0, 4900, 125)) == ""
