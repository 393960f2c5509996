"""The pose model's asset: from the package index, from the cache, or an error that says the ways out."""

import concurrent.futures
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
from commands import REPOSITORY

from beam_jobs.errors import UserError
from beam_jobs.pose import estimator as pose_estimator
from beam_jobs.pose import model_file

LOCATE = "from beam_jobs.pose import model_file; print(model_file.locate())"


def locate(cache, **environment):
    return subprocess.run(
        [sys.executable, "-c", LOCATE],
        cwd=REPOSITORY,
        env={**os.environ, "XDG_CACHE_HOME": str(cache), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_two_processes_make_the_pinned_file_in_an_empty_cache_at_once(tmp_path):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda _: locate(tmp_path), range(2)))
    paths = {result.stdout.strip() for result in both}
    assert all(result.returncode == 0 for result in both), both
    (path,) = paths
    assert hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest() == model_file.DEFAULT_SHA256
    assert [file.name for file in (tmp_path / "exercise-recognition").iterdir()] == [pathlib.Path(path).name]


def test_without_cache_and_index_the_error_says_the_ways_out(tmp_path):
    # Nothing listens on port 9 of loopback; find-links and extra indexes of the machine are switched off.
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    result = locate(tmp_path, **nowhere, PIP_EXTRA_INDEX_URL="", PIP_FIND_LINKS="")
    assert result.returncode == 1
    assert "UserError: No pose model" in result.stderr
    for way_out in ("--pose_model", "copy that folder", "PIP_INDEX_URL"):
        assert way_out in result.stderr
    assert not (tmp_path / "exercise-recognition").exists()


def test_a_damaged_cache_is_made_anew(tmp_path, monkeypatch, pose_model_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(model_file, "build", pathlib.Path(pose_model_path).read_bytes)
    folder = tmp_path / "exercise-recognition"
    folder.mkdir()
    (folder / pathlib.Path(pose_model_path).name).write_bytes(b"half a file")
    assert model_file.sha256(model_file.locate()) == model_file.DEFAULT_SHA256


def test_a_model_of_one_s_own_changes_the_fingerprint(tmp_path, pose_model_path):
    own = tmp_path / "own.task"
    shutil.copy(pose_model_path, own)
    with open(own, "ab") as file:  # a zip may have a comment behind it: another file, still a .task
        file.seek(-2, os.SEEK_END)
        file.write(b"\x03\x00own")
    assert model_file.locate(str(own)) == str(own)
    fingerprints = [pose_estimator.fingerprint(path) for path in (str(own), pose_model_path)]
    assert fingerprints[0]["pose_model_sha256"] != fingerprints[1]["pose_model_sha256"]
    assert fingerprints[1]["pose_model_sha256"] == model_file.DEFAULT_SHA256


@pytest.mark.parametrize("content", [b"", b"not a zip"])
def test_what_is_no_task_file_is_refused(tmp_path, content):
    path = tmp_path / "wrong.task"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"PoseLandmarker \.task"):
        model_file.locate(str(path))
    with pytest.raises(UserError, match="does not exist"):
        model_file.locate(str(tmp_path / "nowhere.task"))


def test_an_empty_picture_has_nobody_and_time_must_move_on(pose_model_path):
    frame = np.full((120, 160, 3), 128, np.uint8)
    with pose_estimator.PoseEstimator(pose_model_path) as estimator:
        found = estimator.estimate(frame, 0)
        assert not found.detected
        assert np.isnan(found.world).all() and np.isnan(found.visibility).all()
        with pytest.raises(ValueError, match="timestamp"):
            estimator.estimate(frame, 0)


def test_a_pose_of_the_wrong_shape_is_refused():
    empty = pose_estimator.nobody()
    with pytest.raises(ValueError, match=r"Pose.world .*\(32, 3\).*\(33, 3\)"):
        pose_estimator.Pose(empty.world[:32], empty.image, empty.visibility, empty.presence)
