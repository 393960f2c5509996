"""Athletes who were never drawn: their landmarks, straight from the skeleton and as the pose model would see them."""

import json

import numpy as np
import pytest
from commands import run_command

from beam_jobs import landmarks, storage, tables
from beam_jobs.athletes import clip as athletes_clip
from beam_jobs.athletes import command as athletes_command
from beam_jobs.athletes import scene as athletes_scene
from beam_jobs.athletes import true_landmarks
from beam_jobs.athletes.clip_plan import DRAWING_VERSION
from model.__main__ import main
from model.synthesis import command as synthesis_command
from model.synthesis import pose_error_model


def clip(exercise: str = "squat", variety: str = "basic") -> athletes_clip.Clip:
    return athletes_clip.Clip(3, 100, 0, exercise, "train", variety)


def test_landmarks_are_the_skeletons_joints():
    scene = athletes_scene.Scene(clip())
    skeleton, body = scene.skeleton_at(0.4), scene.body
    found = true_landmarks.landmarks_of_skeleton(skeleton)
    index = {name: number for number, name in enumerate(landmarks.LANDMARK_NAMES)}
    np.testing.assert_allclose(found[index["left_knee"]], skeleton.points["left_knee"])
    np.testing.assert_allclose(found[index["right_foot_index"]], skeleton.points["right_toe"])
    forearm = np.linalg.norm(found[index["left_elbow"]] - found[index["left_wrist"]])
    assert forearm == pytest.approx(body.forearm_m)
    # A face looks forward, its left side to the left; the mouth is below the eyes.
    right, forward, up = skeleton.frames["head"]
    nose, eye, ear, mouth = (
        found[index[name]] - skeleton.points["head"] for name in ("nose", "left_eye", "left_ear", "mouth_left")
    )
    assert nose @ forward > eye @ forward > ear @ forward
    assert ear @ right < eye @ right < mouth @ right < 0
    assert mouth @ up < nose @ up < eye @ up


def test_mirrored_skeletons_have_mirrored_landmarks():
    skeleton = athletes_scene.Scene(clip("lunge")).skeleton_at(1.0)
    found = true_landmarks.landmarks_of_skeleton(skeleton.mirrored())
    np.testing.assert_allclose(
        found, true_landmarks.landmarks_of_skeleton(skeleton)[list(landmarks.MIRROR_INDICES)] * (-1, 1, 1), atol=1e-9
    )


def test_a_clip_has_the_same_moments_at_every_rate():
    (slow, slow_image), (fast, fast_image) = (true_landmarks.of_clip(clip(), rate_hz) for rate_hz in (15, 30))
    np.testing.assert_allclose(slow, fast[::2][: len(slow)], atol=1e-6)
    np.testing.assert_allclose(slow_image, fast_image[::2][: len(slow)], atol=1e-6)
    middle = (slow[:, landmarks.LEFT_HIP] + slow[:, landmarks.RIGHT_HIP]) / 2
    np.testing.assert_allclose(middle, 0, atol=1e-6)
    # y downwards: ankles below hips, the nose above.
    assert (slow[:, landmarks.LEFT_ANKLE, 1] > 0.2).all() and (slow[:, 0, 1] < -0.2).all()


def test_the_pose_model_sees_them_about_there(athlete_videos, athlete_tables):
    """Real MediaPipe on drawn pictures: within a third of a torso, most landmarks much nearer."""
    pairs, parameters = synthesis_command.read_pairs(str(athlete_videos), str(athlete_tables))
    assert parameters["seed"] == 7 and {pair.label for pair in pairs} == {"squat", "jumping_jack"}
    for pair in pairs:
        there = np.isfinite(pair.seen).all(axis=(1, 2))
        assert there.mean() > 0.8
        torso = np.linalg.norm((pair.true[:, 11] + pair.true[:, 12]) / 2, axis=-1)[there, None, None]
        away = np.abs(pair.seen - pair.true)[there] / torso
        assert np.median(away[..., :2]) < 0.15 and np.median(away) < 0.2


def made_pairs(num: int = 8, num_rows: int = 40) -> list[pose_error_model.PosePair]:
    """Bodies that an estimator sees a tenth wider than they are, shifted in depth, with a row missed."""
    random = np.random.default_rng(0)
    pairs = []
    for number in range(num):
        true = random.normal(0, 0.3, (num_rows, 33, 3)).astype(np.float32)
        true[:, 11], true[:, 12] = (0.2, -0.5, 0), (-0.2, -0.5, 0)
        seen = true * np.float32((1.1, 1, 1))
        seen[:, 7:9, 2] += 0.1
        seen[5] = np.nan
        pairs.append(pose_error_model.PosePair("squat" if number % 2 else "plank", true, seen.astype(np.float32)))
    return pairs


def test_the_errors_of_a_pose_model_are_learned():
    pairs = made_pairs()
    error_model = pose_error_model.PoseErrorModel(pairs)
    assert error_model.labels == ("plank", "squat")
    # A tenth of 0.3 in x, and 0.1 in two landmarks' depth, over torso lengths of 0.5.
    assert error_model.errors["before"] == pytest.approx(0.019, abs=0.005) and 0 < error_model.errors["after"] < 0.1
    true = made_pairs(1, 25)[0].true
    found = error_model.simulate(true, "squat", np.random.default_rng(0))
    assert found.shape == true.shape and found.dtype == np.float32
    missing = np.isnan(found).any(axis=(1, 2))
    # Another clip's row was missed; it is passed once or twice on the way to and fro.
    assert missing.sum() <= 2 and np.isnan(found[missing]).all()
    np.testing.assert_allclose(found[~missing, 13:], (true * np.float32((1.1, 1, 1)))[~missing, 13:], atol=0.15)
    assert np.abs((found - true)[~missing, 7:9, 2] - 0.1).mean() < 0.05
    again = error_model.simulate(true, "squat", np.random.default_rng(0))
    np.testing.assert_array_equal(found, again)


def test_residuals_never_leap():
    """What was left of the real estimate goes to and fro: neighbouring rows get neighbouring ones."""
    pairs = made_pairs(1, 30)
    drift = np.linspace(0, 1, 30, dtype=np.float32)[:, None]
    pairs[0].seen[:, 20] = pairs[0].true[:, 20] + drift
    pairs[0].seen[5] = pairs[0].true[5]
    error_model = pose_error_model.PoseErrorModel(pairs)
    true = np.repeat(pairs[0].true[:1], 90, axis=0)
    found = error_model.simulate(true, pairs[0].label, np.random.default_rng(1))
    assert np.abs(np.diff(found[:, 20, 0])).max() < 0.3 < np.ptp(found[:, 20, 0])


@pytest.fixture(scope="module")
def synthesized(athlete_videos, athlete_tables, tmp_path_factory):
    """The command's output, of two exercises' twelve clips, and what it printed."""
    folder = tmp_path_factory.mktemp("synthesized") / "tables"
    done = run_command(
        *("model", "synthesize", "--athletes", athlete_videos, "--tables", athlete_tables, "--output", folder),
        *("--num_clips", "12", "--seed", "8", "--num_workers", "1"),
    )
    assert done.returncode == 0
    return folder, done.stdout


def test_tables_are_as_extract_writes_them(synthesized, athlete_tables):
    folder, printed = synthesized
    quality = storage.read_table(str(folder), tables.QUALITY).to_pylist()
    assert len(quality) == 12 and {row["label"] for row in quality} == {"squat", "jumping_jack"}
    read = storage.read_table(str(folder), tables.LANDMARKS)
    assert f"12 clips, {read.num_rows} rows" in printed
    files = [storage.table_files(str(path), tables.LANDMARKS)[0] for path in (folder, athlete_tables)]
    assert storage.fingerprint(files[0]) == storage.fingerprint(files[1])
    step = np.diff(read["timestamp_ms"].to_numpy()[:20])
    assert set(step) <= {66, 67}
    # Its people are others than the drawn ones.
    drawn = {row["group"] for row in storage.read_table(str(athlete_tables), tables.QUALITY).to_pylist()}
    assert not drawn & {row["group"] for row in quality}


def test_features_follow_by_the_trained_graph(synthesized, athlete_tables, tmp_path):
    folder, _ = synthesized
    command = ("features", "--input", folder, "--output", tmp_path / "features", "--transform_fn", athlete_tables)
    assert run_command("beam_jobs", *command).returncode == 0
    final = storage.read_table(str(tmp_path / "features"), tables.FINAL_FEATURES, ["detected", *tables.FEATURE_NAMES])
    values = np.stack([final[name].to_numpy() for name in tables.FEATURE_NAMES], axis=1)
    assert np.isfinite(values).all()
    # In the units of the drawn clips' own deviations: not far from them.
    assert np.abs(values[:, :99]).mean() < 2


def test_a_second_run_replaces_the_first(synthesized, athlete_videos, athlete_tables, capsys):
    folder, _ = synthesized
    before = storage.read_table(str(folder), tables.LANDMARKS)
    command = [
        "synthesize",
        "--athletes",
        str(athlete_videos),
        "--tables",
        str(athlete_tables),
        "--output",
        str(folder),
    ]
    assert main([*command, "--num_clips", "12", "--seed", "8"]) == 0
    assert storage.read_table(str(folder), tables.LANDMARKS).equals(before)
    assert main([*command, "--num_clips", "6", "--seed", "8"]) == 0
    assert len(storage.table_files(str(folder), tables.LANDMARKS)) == 6


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"--athletes": "{tables}"}, "athletes.json"),
        ({"--tables": "{videos}"}, "no landmarks"),
        ({"--athletes": "{none}"}, "--athletes: {none}"),
        ({"--seed": "7"}, "--seed 7"),
        ({"--output": "{tables}"}, "--output: {tables}"),
        ({"--num_clips": "0"}, "--num_clips: 0"),
    ],
)
def test_what_cannot_be_done_is_said(changes, said, athlete_videos, athlete_tables, tmp_path, capsys):
    names = {"videos": athlete_videos, "tables": athlete_tables, "none": tmp_path / "none"}
    flags = {"--athletes": "{videos}", "--tables": "{tables}", "--output": str(tmp_path / "out"), **changes}
    before = len(storage.table_files(str(athlete_tables), tables.LANDMARKS))
    command = [part.format(**names) for pair in flags.items() for part in pair]
    assert main(["synthesize", *command]) != 0
    assert said.format(**names) in capsys.readouterr().err
    assert len(storage.table_files(str(athlete_tables), tables.LANDMARKS)) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("drawing_version", "said"), [(DRAWING_VERSION, "has no landmarks of"), (DRAWING_VERSION - 1, "by another version")]
)
def test_tables_of_other_clips_are_refused(drawing_version, said, athlete_tables, tmp_path, capsys):
    drawn = {"seed": 9, "num_clips": 6, "exercises": ["squat", "lunge"], "variety": "basic"}
    parameters = {"drawing_version": drawing_version, **drawn}
    (tmp_path / athletes_command.PARAMETERS_FILE).write_text(json.dumps(parameters))
    command = [
        "synthesize",
        "--athletes",
        str(tmp_path),
        "--tables",
        str(athlete_tables),
        "--output",
        str(tmp_path / "o"),
    ]
    assert main(command) != 0
    assert said in capsys.readouterr().err
