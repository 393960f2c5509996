"""`python -m model` needs only what the extra `train` installs: neither OpenCV nor PyAV, MediaPipe, Beam or TFT."""

import json
import os
import subprocess
import sys

import pytest
from commands import REPOSITORY

# Of other extras.
_BLOCKED = ("cv2", "av", "mediapipe", "apache_beam", "tensorflow_transform")
_CODE = """
import concurrent.futures, importlib, json, multiprocessing, sys

from model.__main__ import main

if __name__ == "__main__":
    tables, folder, config = sys.argv[1:]
    try:
        import cv2
    except ModuleNotFoundError:
        pass
    else:
        raise SystemExit("cv2 is not blocked")
    assert main(["train", "--tables", tables, "--output", folder + "/bundle", "--config", config]) == 0
    assert main(["evaluate", "--bundle", folder + "/bundle", "--tables", tables, "--output", folder + "/report"]) == 0
    for module in ("finetune", "benchmark.command", "benchmark.fits", "synthesis.command"):
        importlib.import_module("model." + module)

    from beam_jobs import child_processes
    from beam_jobs.athletes import true_landmarks
    from beam_jobs.athletes.clip import Clip

    # As synthesize does: in processes of its own.
    with concurrent.futures.ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn"), initializer=child_processes.start_worker
    ) as pool:
        world, _ = pool.submit(true_landmarks.of_clip, Clip(1, 0, 0, "squat", "train"), 15.0).result()
    print("rows", world.shape[1:])
"""


@pytest.mark.slow
def test_no_command_needs_a_package_of_another_extra(made_tables, tmp_path, made):
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    for name in _BLOCKED:
        # First on the path: an import fails as where the package is not installed, in child processes, too.
        (blocked / f"{name}.py").write_text(f"raise ModuleNotFoundError({name!r})\n")
    script = tmp_path / "script.py"
    script.write_text(_CODE)
    config = {**made.quick, "training": {**made.quick["training"], "epochs": 1}}
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(
        [sys.executable, script, made_tables, tmp_path, json.dumps(config)],
        cwd=REPOSITORY,
        env={**environment, "PYTHONPATH": f"{blocked}{os.pathsep}{REPOSITORY}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.endswith("rows (33, 3)\n")
    assert (tmp_path / "report" / "report.html").exists()
