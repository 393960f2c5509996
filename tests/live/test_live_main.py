"""`python -m live` as a user meets it: what it prints, writes and returns."""

import dataclasses
import io
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import servers
import videos
from commands import REPOSITORY, run_command, run_python

from beam_jobs.errors import INTERRUPTED, UserError
from beam_jobs.video.frames import Frame
from live import __main__ as live_main
from live import camera, recognizer
from model import bundle as bundles
from model import exported_bundle

# Few clips, few epochs: the test bundle is sure of nothing.
ALL = ("--min_probability", "0")


@pytest.fixture(scope="module")
def clip(athlete_videos):
    return str(sorted(athlete_videos.rglob("squat*.mp4"))[0])


@pytest.fixture(scope="module")
def frames(clip):
    capture = cv2.VideoCapture(clip)
    return [capture.retrieve()[1] for _ in iter(capture.grab, False)]


def run(*flags, min_probability=0):
    """The JSON objects that a run in this process writes, and its exit code or error."""
    out = io.StringIO()
    try:
        argv = [*map(str, flags), "--min_probability", f"{min_probability:.9f}", "--json"]
        result = live_main.run(live_main.parse(argv), out)
    except UserError as error:
        result = error
    return [json.loads(line) for line in out.getvalue().splitlines()], result


def test_json_and_a_recording(athlete_bundle, clip, tmp_path):
    """Nothing but JSON on standard output, nothing at all on standard error, a recording as long as the clip."""
    record = tmp_path / "out.mp4"
    done = run_command("live", "--bundle", athlete_bundle, "--source", clip, "--json", "--record", record, *ALL)
    assert done.returncode == 0
    assert done.stderr == ""
    *lines, last = [json.loads(line) for line in done.stdout.splitlines()]
    keys = ["timestamp_ms", "person", "exercise", "probability", "status", "hint", "repetitions", "held_s"]
    assert all(list(line) == keys for line in lines)
    labels = bundles.read_metadata(str(athlete_bundle))["labels"]
    assert {line["exercise"] for line in lines} <= {*labels, None}
    # A line every third row of the grid; the first windows have too few rows with a person.
    steps = np.diff([line["timestamp_ms"] for line in lines])
    assert np.all(abs(steps - 200) <= 42)
    answers = [line for line in lines if line["exercise"]]
    assert lines[0]["exercise"] is None and lines[0]["timestamp_ms"] == 0
    assert last["summary"]["num_predictions"] >= len(answers) > 10
    assert list(last["summary"]) == ["person", "exercise", "probability", "num_predictions", "status", "segments"]

    shown, source = cv2.VideoCapture(str(record)), cv2.VideoCapture(clip)
    duration_s = [v.get(cv2.CAP_PROP_FRAME_COUNT) / v.get(cv2.CAP_PROP_FPS) for v in (shown, source)]
    assert duration_s[0] == pytest.approx(duration_s[1], abs=0.1)
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]


def test_answers_less_probable_than_asked_for_are_none(athlete_bundle, clip):
    """The others stay as they were; so with the whole's answer."""
    (*lines, last), _ = run("--bundle", athlete_bundle, "--source", clip, "--num_frames", 24)
    probabilities = sorted(line["probability"] for line in lines if line["exercise"])
    least = (probabilities[0] + probabilities[-1]) / 2
    assert probabilities[0] < least < probabilities[-1]
    (*sure, summary), result = run(
        "--bundle", athlete_bundle, "--source", clip, "--num_frames", 24, min_probability=least
    )
    assert result == 0 and len(sure) == len(lines)
    named = [(before, after) for before, after in zip(lines, sure, strict=True) if after["exercise"]]
    assert 0 < len(named) < len(probabilities)
    for before, after in named:
        for name in ("exercise", "probability", "status"):
            assert after[name] == before[name]
    # An exercise is named from that probability on.
    assert named[0][1]["probability"] >= least
    assert {line["status"] for line in sure if not line["exercise"]} >= {"not_sure"}
    is_sure = last["summary"]["probability"] >= least
    assert summary["summary"]["exercise"] == (last["summary"]["exercise"] if is_sure else None)


def test_nobody_in_view(athlete_bundle, tmp_path):
    path = videos.write(tmp_path / "a.mp4", [np.full((120, 160, 3), 128, np.uint8)] * 45, 15)
    lines, result = run("--bundle", athlete_bundle, "--source", path)
    assert result == 0
    nothing = {"person": 0, "exercise": None, "probability": None, "num_predictions": 0, "status": "no_person"}
    assert lines[-1] == {"summary": {**nothing, "segments": []}}
    assert len(lines) == 16
    assert all(line["exercise"] is None and line["probability"] is None for line in lines[:-1])


def test_whoever_leaves_has_no_answer_any_more(athlete_bundle, frames, tmp_path):
    empty = np.full_like(frames[0], 128)
    path = videos.write(tmp_path / "a.mp4", frames[:100] + [empty] * 60, 25)
    lines, _ = run("--bundle", athlete_bundle, "--source", path)
    exercises = {line["timestamp_ms"]: line["exercise"] for line in lines[:-1]}
    assert any(exercise for ms, exercise in exercises.items() if ms < 4000)
    assert not any(exercise for ms, exercise in exercises.items() if ms > 5000)


def test_a_file_that_ends_early_is_answered_and_reported(athlete_bundle, frames, tmp_path):
    whole = videos.write(tmp_path / "a.mkv", frames[:120], 25)
    content = pathlib.Path(whole).read_bytes()
    (tmp_path / "b.mkv").write_bytes(content[: int(len(content) * 0.8)])
    record = tmp_path / "out.mp4"
    lines, error = run("--bundle", athlete_bundle, "--source", tmp_path / "b.mkv", "--record", record)
    assert isinstance(error, UserError) and error.exit_code == 1 and "ends early" in str(error)
    assert lines[-1]["summary"]["num_predictions"] > 3
    assert cv2.VideoCapture(str(record)).get(cv2.CAP_PROP_FRAME_COUNT) > 40


def test_num_frames(athlete_bundle, clip):
    lines, result = run("--bundle", athlete_bundle, "--source", clip, "--num_frames", 7)
    assert result == 0
    assert [line.get("timestamp_ms", -1) // 200 for line in lines] == [0, 1, 2, -1]


class Camera:
    """A camera that shows frames over and over, then goes away."""

    def __init__(self, frames, rate_hz, num_frames):
        self._frames, self._period_s, self._left = frames, 1 / rate_hz, num_frames

    def isOpened(self):  # noqa: N802
        return True

    def set(self, *_):
        return True

    def read(self):
        time.sleep(self._period_s)
        self._left -= 1
        return (True, self._frames[self._left % len(self._frames)]) if self._left >= 0 else (False, None)

    def release(self):
        pass


def test_a_camera_has_no_summary_and_going_away_is_reported(athlete_bundle, frames, tmp_path, monkeypatch):
    # The thread reads while the models load: enough frames for that, and for some seconds afterwards.
    monkeypatch.setattr(
        camera,
        "_open_camera",
        lambda index, grid, _: camera.LiveSource(Camera(frames, 25, 300), f"camera {index}", grid),
    )
    record = tmp_path / "out.mp4"
    lines, error = run("--bundle", athlete_bundle, "--source", "0", "--record", record)
    assert isinstance(error, UserError) and "went away" in str(error)
    assert len(lines) > 3 and not any("summary" in line for line in lines)
    assert cv2.VideoCapture(str(record)).get(cv2.CAP_PROP_FRAME_COUNT) > 10


def test_a_camera_that_is_too_slow_is_reported_beside_the_answers(athlete_bundle, frames, monkeypatch, capsys):
    """A camera of eight frames a second: a warning on standard error, none of it in the JSON."""
    clock_ms = itertools.count(0, 125)
    slow = [Frame(ms * 15 // 1000, ms, frame) for ms, frame in zip(clock_ms, frames[:70], strict=False)]

    class Slow(list):
        is_live = True

        def wait_until_open(self):
            pass

        def close(self):
            pass

    monkeypatch.setattr(camera, "open_source", lambda *_: Slow(slow))
    lines, result = run("--bundle", athlete_bundle, "--source", "0")
    assert result == 0
    assert all("exercise" in line for line in lines)
    assert re.search(r"8\.0 frames a second .* 15", capsys.readouterr().err)


def test_a_reader_that_leaves_is_no_error(athlete_bundle, clip, tmp_path):
    class Gone(io.StringIO):
        def flush(self):
            raise BrokenPipeError

    record = tmp_path / "out.mp4"
    args = live_main.parse(["--bundle", str(athlete_bundle), "--source", clip, "--json", "--record", str(record)])
    assert live_main.run(args, Gone()) == 0


def starting(bundle, source, record):
    """A run in a process of its own."""
    command = [sys.executable, "-m", "live", "--bundle", bundle, "--source", source, "--json", "--record", record]
    return subprocess.Popen(
        [*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
    )


def interrupt(bundle, source, record, number):
    """Starts a run, sends it a signal after some lines; its exit code, the other lines, its messages."""
    with starting(bundle, source, record) as process:
        for _ in range(5):
            json.loads(process.stdout.readline())
        process.send_signal(number)
        rest, messages = process.communicate(timeout=60)
    return process.returncode, rest, messages


def test_ctrl_c_interrupts_a_file_and_leaves_a_whole_recording(athlete_bundle, frames, tmp_path):
    path = videos.write(tmp_path / "long.mp4", frames * 8, 15)
    record = tmp_path / "out.mp4"
    code, rest, messages = interrupt(athlete_bundle, path, record, signal.SIGINT)
    assert code == 130
    assert "interrupted" in messages and "Traceback" not in messages
    assert "summary" not in rest
    assert 10 <= cv2.VideoCapture(str(record)).get(cv2.CAP_PROP_FRAME_COUNT) < len(frames) * 8
    assert {file.name for file in tmp_path.iterdir()} == {"long.mp4", "out.mp4"}


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="what a process has loaded is read from /proc")
@pytest.mark.parametrize("library", ["mediapipe", "ai_edge_litert"])
def test_a_signal_while_models_load_is_one_too(athlete_bundle, frames, tmp_path, library):
    with (
        servers.serving(servers.mjpeg_handler(frames * 50, 25)) as address,
        starting(athlete_bundle, f"{address}/a.mjpg", tmp_path / "out.mp4") as process,
    ):
        loaded = pathlib.Path(f"/proc/{process.pid}/maps")
        while process.poll() is None and library not in loaded.read_text():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 0
    # Native threads may log while the process ends; nothing of ours is said.
    assert "Traceback" not in messages and "error" not in messages and "interrupted" not in messages


def test_a_signal_handled_in_the_middle_of_an_exec_is_handled_for_good():
    """Dataclasses are made by exec; a plain KeyboardInterrupt there ends the process by the signal all the same."""
    handled = "try: exec('main.interrupt()')\nexcept KeyboardInterrupt: print('handled')"
    assert run_python(f"from live import signals as main\n{handled}") == ["handled"]


@pytest.mark.parametrize(("exit_code", "message"), [(0, ""), (130, f"{INTERRUPTED}\n")])
def test_a_signal_while_modules_are_imported_ends_at_once(exit_code, message):
    code = (
        "import os, signal\nfrom live import signals as main\n"
        f"with main.signals_exit_immediately({exit_code}):\n"
        "  try: os.kill(os.getpid(), signal.SIGTERM); signal.pause()\n"
        "  except BaseException: print('swallowed')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (exit_code, "", message)


def test_a_signal_is_the_usual_end_of_a_stream(athlete_bundle, frames, tmp_path):
    record = tmp_path / "out.mp4"
    with servers.serving(servers.mjpeg_handler(frames * 50, 25)) as address:
        code, rest, messages = interrupt(athlete_bundle, f"{address}/a.mjpg", record, signal.SIGTERM)
    assert (code, messages) == (0, "")
    assert "summary" not in rest
    assert cv2.VideoCapture(str(record)).get(cv2.CAP_PROP_FRAME_COUNT) >= 10


@pytest.mark.parametrize(("closed", "flags"), [(">&-", ""), ("2>&-", ""), (">&- 2>&-", ""), (">&-", "--json")])
def test_closed_standard_streams(athlete_bundle, clip, closed, flags):
    """No traceback; what cannot be said is not said, but for JSON that nobody can get."""
    command = f"{sys.executable} -m live --bundle {athlete_bundle} --source {clip} --num_frames 3 --no_window {flags}"
    done = subprocess.run(
        f"{command} {closed}", shell=True, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == (2 if flags else 0)
    assert "Traceback" not in done.stderr
    assert ("standard output" in done.stderr) == bool(flags)


def test_the_cameras_of_this_machine_are_listed(monkeypatch, capsys):
    monkeypatch.setattr(camera, "list_cameras", lambda: [(0, 640, 480, 30.0), (2, 1920, 1080, 0.0)])
    assert live_main.main(["--list_cameras"]) == 0
    assert [line.split(": ") for line in capsys.readouterr().out.splitlines()] == [
        ["--source 0", "640 x 480 pixels, 30 frames a second"],
        ["--source 2", "1920 x 1080 pixels"],
    ]
    monkeypatch.setattr(camera, "list_cameras", list)
    assert live_main.main(["--list_cameras"]) == 1
    assert "no camera" in capsys.readouterr().err


@pytest.mark.parametrize(("source", "words"), [("README.md", "is a text"), ("tests", "tests is a folder")])
def test_what_is_no_video(athlete_bundle, capfd, monkeypatch, source, words):
    """Told by the decoder, which opens a file while MediaPipe is imported."""
    monkeypatch.chdir(REPOSITORY)
    assert live_main.main(["--bundle", str(athlete_bundle), "--source", source, "--json"]) == 1
    printed = capfd.readouterr()
    assert words in printed.err.splitlines()[-1]
    assert (printed.out, "Traceback" in printed.err) == ("", False)


class TestMistakes:
    """No traceback, the right exit code, and before any model is loaded."""

    @pytest.fixture(autouse=True)
    def nothing_is_loaded(self, monkeypatch):
        monkeypatch.setattr(live_main, "signals_exit_immediately", lambda _: pytest.fail("models were loaded"))

    @pytest.mark.parametrize(
        ("flags", "code", "words"),
        [
            (["--source", "0", "--jsn"], 2, "Did you mean --json"),
            (["--source", "nowhere.mp4", "--json"], 2, "nowhere.mp4 does not exist"),
            (["--source", "file:///nowhere.mp4", "--json"], 2, "nowhere.mp4 does not exist"),
            (["--source", "0", "--record", "out.avi"], 2, "ends in .mp4"),
            (["--source", "0", "--num_frames", "0"], 2, "expected 1 or more"),
            (["--source", "0", "--min_probability", "70"], 2, "expected 0 to 1"),
            (["--source", "gs://bucket/a.mp4", "--json"], 2, "Copy it here"),
            (["--source", "63", "--json"], 1, "camera 63 cannot be opened"),
            (["--source", "0", "--pose_model", "nowhere.task"], 1, "nowhere.task does not exist"),
        ],
    )
    def test_wrong_flags(self, athlete_bundle, capfd, monkeypatch, flags, code, words):
        monkeypatch.chdir(REPOSITORY)
        try:
            result = live_main.main(["--bundle", str(athlete_bundle), *flags])
        except SystemExit as exit_:
            result = exit_.code
        assert result == code
        printed = capfd.readouterr()
        assert words in printed.err
        assert (printed.out, "Traceback" in printed.err) == ("", False)

    def test_no_bundle(self, tmp_path, clip, capfd):
        assert live_main.main(["--bundle", str(tmp_path / "none"), "--source", clip, "--json"]) == 2
        assert live_main.main(["--bundle", str(tmp_path), "--source", clip, "--json"]) == 1
        assert "does not exist" in capfd.readouterr().err

    def test_the_source_is_not_written_over(self, athlete_bundle, clip, capfd):
        with pytest.raises(SystemExit) as exit_:
            live_main.main(["--bundle", str(athlete_bundle), "--source", clip, "--record", clip, "--no_window"])
        assert exit_.value.code == 2
        assert "is the source itself" in capfd.readouterr().err

    @pytest.mark.skipif(sys.platform != "linux" or bool(os.environ.get("DISPLAY")), reason="there is a display")
    def test_no_display(self, athlete_bundle, clip, capfd):
        assert live_main.main(["--bundle", str(athlete_bundle), "--source", clip]) == 1
        assert "--no_window" in capfd.readouterr().err

    @pytest.mark.parametrize(
        ("key", "value"), [("coordinates", "image"), ("pose_model_sha256", "0123"), ("frame_rate_hz", 10.0)]
    )
    def test_a_bundle_of_other_landmarks(self, athlete_bundle, tmp_path, monkeypatch, capfd, key, value):
        """Found out from bundle.json alone: neither is the camera opened, nor are models loaded."""
        metadata = json.loads((athlete_bundle / "bundle.json").read_text())
        trained = metadata["fingerprint"][key]
        metadata["fingerprint"][key] = value
        (tmp_path / "bundle.json").write_text(json.dumps(metadata))
        monkeypatch.setattr(camera, "open_source", lambda *_: pytest.fail("the camera was opened"))
        assert live_main.main(["--bundle", str(tmp_path), "--source", "0", "--json"]) == 1
        printed = capfd.readouterr()
        assert f"{key}: " in printed.err and repr(value) in printed.err and repr(trained) in printed.err
        assert printed.out == ""

    def test_a_recognizer_checks_too(self, athlete_bundle, pose_model_path):
        bundle = exported_bundle.load(str(athlete_bundle))
        other = dataclasses.replace(bundle, fingerprint={**bundle.fingerprint, "running_mode": "IMAGE"})
        with pytest.raises(UserError, match="running_mode"):
            recognizer.Recognizer(other, pose_model_path)


def test_help_is_quick_and_has_examples():
    *text, imported = run_python(
        "import sys\nfrom live import __main__ as m\n"
        "try: m.main(['--help'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    )
    assert not {"tensorflow", "mediapipe", "cv2", "keras"} & set(imported.split())
    assert any("python -m live --source 0" in line for line in text)
    assert any('{"timestamp_ms": 4200' in line for line in text)
