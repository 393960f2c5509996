"""The page as files: written whole or not at all; the browser's answers are Python's."""

import base64
import json

import numpy as np
import pytest
from commands import REPOSITORY, run_command

from beam_jobs.pose import estimator, model_file
from beam_jobs.pose.estimator import Pose
from beam_jobs.segments import is_sure
from beam_jobs.video.reader import VideoReader
from beam_jobs.windows import SamplingGrid
from live import static_page
from live.recognizer import PersonRecognizer
from model import exported_bundle

pytestmark = pytest.mark.slow

REAL_CLIP = REPOSITORY.parent / "shared" / "data" / "clips" / "bicep_curl" / "bicep_curl_01.mp4"
# LiteRT rounds differently in a browser and in Python: 2e-7 was measured.
TOLERANCE = 1e-5
RUN_IN_BROWSER = """
async (frames) => {
  const { PersonRecognizer } = await import(new URL("static/recognizer/person_recognizer.js", document.baseURI));
  const { Classifier } = await import(new URL("static/recognizer/classifier.js", document.baseURI));
  const settings = await (await fetch("models/bundle.json")).json();
  const person = new PersonRecognizer(settings, await Classifier.load("models/exercises.tflite"));
  const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const answers = [];
  for (const { timestampMs, brightness, people } of frames) {
    const poses = people.map((pose) =>
      Object.fromEntries(Object.entries(pose).map(([name, text]) => [name, floats(text)])));
    const answer = await person.update({ timestampMs, brightness, people: poses });
    if (answer) answers.push({ timestampMs, ...answer });
  }
  return { answers, segments: person.log.segments() };
}
"""


@pytest.fixture(scope="module")
def frames(drawn_clips) -> list[tuple[int, float, Pose]]:
    """Time, brightness and pose: squats, nobody, jumping jacks; then the hips leave the picture, then it is dark."""
    found, start_ms = [], 0
    for name in ("squat", "jumping_jack"):
        with (
            VideoReader(str(drawn_clips[name]), SamplingGrid()) as video,
            estimator.PoseEstimator(model_file.locate()) as poses,
        ):
            for frame in video:
                found.append((start_ms + frame.timestamp_ms, 120.0, poses.estimate(frame.image, frame.timestamp_ms)))
        start_ms = found[-1][0] + 67
        for _ in range(25):
            found.append((start_ms, 120.0, estimator.nobody()))
            start_ms += 67
    last = [pose for *_, pose in found if pose.detected][-40:]
    for number, pose in enumerate(last):
        image = pose.image.copy()
        image[11:, 1] += 1
        found.append((start_ms + 67 * number, 120.0, Pose(pose.world, image, pose.visibility, pose.presence)))
    start_ms += 67 * len(last)
    return found + [(start_ms + 67 * number, 5.0, pose) for number, pose in enumerate(last)]


def for_browser(frames) -> list[dict]:
    def text(values: np.ndarray) -> str:
        return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()

    names = ("world", "image", "visibility", "presence")
    return [
        {
            "timestampMs": timestamp_ms,
            "brightness": brightness,
            "people": [{name: text(getattr(pose, name)) for name in names}] if pose.detected else [],
        }
        for timestamp_ms, brightness, pose in frames
    ]


def test_the_browser_gives_pythons_answers_on_the_same_landmarks(visit, static_address, frames):
    bundle = exported_bundle.load(str(static_page.vendor.PAGE.parent / "default_bundle"))
    person = PersonRecognizer(bundle)
    expected = [one for one in (person.update(pose, ms, grey) for ms, grey, pose in frames) if one.due]
    found = visit(static_address).page.evaluate(RUN_IN_BROWSER, for_browser(frames))

    assert len(found["answers"]) == len(expected)
    for answer, one in zip(found["answers"], expected, strict=True):
        exact = {name: answer[name] for name in ("timestampMs", "exercise", "status", "hint", "repetitions", "held_s")}
        assert exact == {
            "timestampMs": one.timestamp_ms,
            **{name: getattr(one, name) for name in ("exercise", "status", "hint", "repetitions", "held_s")},
        }
        assert answer["probability"] == pytest.approx(one.probability, abs=TOLERANCE)
        if one.probabilities is not None:
            np.testing.assert_allclose(answer["probabilities"], one.probabilities, atol=TOLERANCE)
    statuses = {answer["status"] for answer in found["answers"]}
    assert {"exercise", "no_person", "partly_in_view", "too_dark", "warming_up"} <= statuses
    names = ("exercise", "start_ms", "end_ms", "repetitions", "held_s")
    segments = [{name: getattr(one, name) for name in names} for one in person.segments()]
    assert [{name: one[name] for name in names} for one in found["segments"]] == segments
    assert [one["exercise"] for one in segments][:2] == ["squat", "jumping_jack"]
    assert all(one["repetitions"] >= 2 for one in segments[:2])


def test_at_the_limit_the_browser_asks_for_the_last_second_as_python_does(visit, static_address):
    below = np.float32(0.9)
    values = [np.nextafter(below, np.float32(0)), below, np.nextafter(below, np.float32(1))]
    asked = """async (values) => {
      const { isSure } = await import(new URL("static/recognizer/segments.js", document.baseURI));
      return values.map((value) => isSure(new Float32Array([0.1, value])));
    }"""
    found = visit(static_address).page.evaluate(asked, [float(value) for value in values])
    assert found == [is_sure(np.array([0.1, value], np.float32)) for value in values] == [False, False, True]


def test_the_page_without_a_server_names_counts_and_asks_nobody_else(visit, static_address, drawn_clips):
    one = visit(static_address)
    one.page.set_input_files("#file", drawn_clips["jumping_jack"])
    one.wait_for_answer("Jumping jack")
    one.wait_for_phase("done")
    cells = one.page.inner_text("#totals tbody tr").split("\t")
    assert cells[:2] == ["Jumping jack", "1"] and int(cells[2]) >= 2
    assert one.left_the_origin() == set() and one.errors == []
    assert not any(address.startswith("ws") for address in one.addresses)


@pytest.mark.skipif(not REAL_CLIP.exists(), reason="needs ../shared/data")
def test_a_real_clip_is_named(visit, static_address):
    one = visit(static_address)
    one.page.set_input_files("#file", REAL_CLIP)
    one.wait_for_phase("done")
    assert "Biceps curl" in one.page.inner_text("#totals")
    assert one.errors == []


def test_the_command_writes_the_same_folder_and_refuses_anothers(static_folder, tmp_path):
    written = tmp_path / "site"
    assert run_command("live", "serve", "--static", written).returncode == 0
    names = [sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) for folder in (written, static_folder)]
    assert names[0] == names[1]
    # Again: its own folder is replaced.
    assert run_command("live", "serve", "--static", written).returncode == 0
    refused = run_command("live", "serve", "--static", tmp_path)
    assert refused.returncode == 2 and "--static" in refused.stderr and written.exists()


def test_the_folder_of_something_else_is_not_replaced(static_folder, tmp_path):
    (tmp_path / "photo.jpg").write_text("mine")
    with pytest.raises(static_page.UsageError, match="--static"):
        static_page.write(str(static_page.vendor.PAGE.parent / "default_bundle"), "b", "x.task", str(tmp_path), 0.7)
    assert (tmp_path / "photo.jpg").read_text() == "mine"


def test_a_bundle_without_an_exported_file_leaves_nothing(tmp_path):
    with pytest.raises(static_page.UserError, match="model export"):
        static_page.write(str(tmp_path), "b", "x.task", str(tmp_path / "page"), 0.7)
    assert not (tmp_path / "page").exists()


def test_the_folder_holds_the_page_its_libraries_and_the_models_alone(static_folder):
    names = {path.relative_to(static_folder).as_posix() for path in static_folder.rglob("*") if path.is_file()}
    assert {"index.html", "models/pose.task", "models/exercises.tflite", "vendor/THIRD_PARTY_LICENSES.txt"} <= names
    assert not any("node_modules" in name or name.endswith("eslint.config.js") for name in names)
    assert json.loads((static_folder / "models/bundle.json").read_text())["coordinates"] == "world"
