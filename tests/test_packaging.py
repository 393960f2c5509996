"""What is installed: the wheel's files, the command lines of each extra by itself, and one owner of cv2."""

import dataclasses
import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from commands import REPOSITORY

from beam_jobs import storage, tables
from beam_jobs.athletes import command
from beam_jobs.athletes.clip import Clip
from beam_jobs.errors import UserError
from live import vendor

PACKAGES = ("beam_jobs", "model", "live")
FILES = ("setup.py", "pyproject.toml", "README.md", "LICENSE")


def uv(*args: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "uv", *map(str, args)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> pathlib.Path:
    """The project's wheel, built from a copy of what the repository holds."""
    tree, output = (tmp_path_factory.mktemp("wheel") / name for name in ("tree", "output"))
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "node_modules")
    for name in (*PACKAGES, "tests", "results"):
        shutil.copytree(REPOSITORY / name, tree / name, ignore=ignored)
    for name in FILES:
        shutil.copy(REPOSITORY / name, tree / name)
    # Built by this environment's own setuptools: no index is needed.
    done = uv("build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", output, tree)
    assert done.returncode == 0, done.stderr
    (path,) = output.glob("*.whl")
    return path


def files_of_packages() -> set[str]:
    """Every file below the packages' folders but the pages and their pictures, which readers of the source have."""
    paths = (path for package in PACKAGES for path in (REPOSITORY / package).rglob("*") if path.is_file())
    kept = (path for path in paths if not {"__pycache__", "node_modules"} & set(path.parts))
    names = {path.relative_to(REPOSITORY).as_posix() for path in kept if not path.is_relative_to(vendor.FOLDER)}
    pages = {name for name in names if name.endswith((".md", ".webp")) and "/default_bundle/" not in name}
    return names - pages


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    # The page's libraries are not in the repository; the build fetches them.
    of_packages = {name for name in names if ".dist-info/" not in name and not name.startswith("live/page/vendor/")}
    assert of_packages == files_of_packages()
    assert {"beam_jobs/athletes/exercises/__init__.py", "live/default_bundle/bundle.json"} <= of_packages


def test_the_wheel_holds_the_libraries_of_the_page_and_their_licences(wheel):
    try:
        vendor.registry()
    except UserError as error:
        pytest.skip(str(error))
    names = zipfile.ZipFile(wheel).namelist()
    held = {name.removeprefix("live/page/vendor/") for name in names if name.startswith("live/page/vendor/")}
    assert held == {target for *_, target in vendor.FILES} | {vendor.LICENSES, "version.txt"}


def test_the_wheel_holds_the_licence_and_says_what_it_needs(wheel):
    archive = zipfile.ZipFile(wheel)
    (licence,) = (name for name in archive.namelist() if name.endswith("/LICENSE"))
    assert archive.read(licence) == (REPOSITORY / "LICENSE").read_bytes()
    (metadata,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA"))
    extras = set(re.findall(r"^Provides-Extra: (.+)$", metadata, re.MULTILINE))
    assert extras == {"jobs", "pose", "kafka", "transform", "train", "stream", "live", "serve", "dev"}
    # What predicts in the jobs and what trains; live needs none.
    with_tensorflow = set(re.findall(r'^Requires-Dist: tensorflow[<>=].*extra == "(\w+)"', metadata, re.MULTILINE))
    assert with_tensorflow == {"transform", "train", "stream"}


def names_of(distribution: importlib.metadata.Distribution) -> set[str]:
    return {file.parts[0] for file in distribution.files or ()}


def test_one_distribution_owns_cv2():
    """opencv-python and opencv-contrib-python write the same files: whichever comes last wins."""
    owners = {one.name for one in importlib.metadata.distributions() if "cv2" in names_of(one)}
    assert owners == {"opencv-contrib-python"}
    locked = re.findall(r"^opencv[a-z-]*", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    assert locked == ["opencv-contrib-python"]


@dataclasses.dataclass(frozen=True)
class Installed:
    """A virtual environment without pip, as `uv venv` makes it, and a folder outside the repository."""

    folder: pathlib.Path

    @property
    def python(self) -> pathlib.Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin") / "python"

    def run(self, *args: object, **environment: str) -> str:
        """What a command prints; fails the test with its error if it fails."""
        inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        done = subprocess.run(
            [self.python, *map(str, args)],
            cwd=self.folder,
            env={**inherited, **environment},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{args}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def check_help(self, module: str, *names: str) -> None:
        for name in names:
            assert name in self.run("-m", module, name, "--help")


@pytest.fixture
def install(wheel, tmp_path):
    """Installs the wheel with some extras, as a user would, from whatever index uv is set up for."""

    def made(*extras: str) -> Installed:
        installed = Installed(tmp_path / "installed")
        uv("venv", "--python", sys.executable, installed.folder)
        if uv("pip", "install", "--python", installed.python, "--dry-run", "--refresh-package=tqdm", "tqdm").returncode:
            pytest.skip("no package index is within reach")
        what = f"{wheel}[{','.join(extras)}]" if extras else wheel
        done = uv("pip", "install", "--python", installed.python, what)
        assert done.returncode == 0, done.stderr
        return installed

    return made


@pytest.fixture(scope="module")
def drawn_clip(tmp_path_factory) -> pathlib.Path:
    """Two seconds of a drawn person who squats."""
    folder = tmp_path_factory.mktemp("drawn")
    shown = Clip(7, 0, 0, "squat", "train")
    command.write_clip(shown, str(folder), duration_s=2.0)
    return folder / shown.video


@pytest.mark.slow
def test_without_extras_tables_can_be_read_and_commands_explain_themselves(install, athlete_tables):
    installed = install()
    installed.check_help("beam_jobs", "athletes", "extract", "import", "features")
    read = "from beam_jobs import storage, tables; print(storage.read_table({!r}, tables.QUALITY).num_rows)"
    assert installed.run("-c", read.format(str(athlete_tables))).strip() == "6"


@pytest.mark.slow
def test_extras_pose_and_jobs_extract_landmarks_and_make_the_pose_model_without_pip(install, drawn_clip, tmp_path):
    installed = install("pose", "jobs")
    installed.check_help("beam_jobs", "athletes", "extract", "import", "features")
    output = tmp_path / "tables"
    extract = ("-m", "beam_jobs", "extract", "--videos", drawn_clip, "--output", output)
    installed.run(*extract, XDG_CACHE_HOME=str(tmp_path / "cache"))
    detected = storage.read_table(str(output), tables.LANDMARKS)["detected"].to_pylist()
    assert len(detected) == 30 and sum(detected) >= 25


@pytest.mark.slow
def test_extra_transform_derives_features(install, athlete_tables, tmp_path):
    installed = install("transform")
    installed.check_help("beam_jobs", "import", "features")
    output = tmp_path / "features"
    installed.run("-m", "beam_jobs", "features", "--input", athlete_tables, "--output", output)
    made, expected = (storage.read_table(str(path), tables.FINAL_FEATURES) for path in (output, athlete_tables))
    assert made.num_rows == expected.num_rows > 0
    assert (output / "transform_fn" / "saved_model.pb").is_file() or list(output.rglob("saved_model.pb"))


@pytest.mark.slow
def test_extra_train_trains_and_evaluates(install, athlete_tables, tmp_path):
    installed = install("train")
    installed.check_help("model", "train", "finetune", "evaluate", "synthesize", "benchmark")
    bundle, report = tmp_path / "bundle", tmp_path / "report"
    config = json.dumps({"network": {"name": "conv"}, "training": {"epochs": 1}})
    installed.run("-m", "model", "train", "--tables", athlete_tables, "--output", bundle, "--config", config)
    installed.run("-m", "model", "evaluate", "--bundle", bundle, "--tables", athlete_tables, "--output", report)
    assert json.loads((report / "metrics.json").read_text())["clips"]["num_clips"] > 0


@pytest.mark.slow
def test_extra_live_recognises_with_the_default_bundle_and_without_tensorflow(install, drawn_clip, pose_model_path):
    installed = install("live")
    find = "import importlib.util; print([importlib.util.find_spec(name) for name in ('tensorflow', 'apache_beam')])"
    assert installed.run("-c", find).strip() == "[None, None]"
    assert "--bundle" in installed.run("-m", "live", "--help")
    printed = installed.run("-m", "live", "--source", drawn_clip, "--json", "--no_window")
    answers = [json.loads(line) for line in printed.splitlines()]
    assert "exercise" in answers[0] and "summary" in answers[-1]


# Starts the server, asks it, ends it.
_SERVE = """
import json, re, signal, subprocess, sys, urllib.request
command = [sys.executable, "-m", "live", "serve", "--port", "0", "--pose_model", {!r}]
server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
(url,) = re.findall("http://[^ ]*/", server.stdout.readline())
print(json.load(urllib.request.urlopen(url + "health"))["max_sessions"])
server.send_signal(signal.SIGINT)
print(server.wait())
"""


@pytest.mark.slow
def test_extra_serve_serves_without_mediapipe_and_others_say_what_is_missing(install, pose_model_path):
    installed = install("serve")
    find = "import importlib.util; print([importlib.util.find_spec(name) for name in ('mediapipe', 'cv2')])"
    assert installed.run("-c", find).strip() == "[None, None]"
    assert installed.run("-c", _SERVE.format(pose_model_path)).split() == ["50", "0"]
    uv("pip", "uninstall", "--python", installed.python, "uvicorn")
    with pytest.raises(AssertionError, match=r"pip install '\.\[serve\]'"):
        installed.run("-m", "live", "serve", "--port", "0", "--pose_model", pose_model_path)


def test_the_dockerfile_copies_what_is_there_and_starts_from_the_locked_beam():
    text = (REPOSITORY / "Dockerfile").read_text()
    copied = {name for line in re.findall(r"^COPY ([^-].*) \S+$", text, re.MULTILINE) for name in line.split()}
    assert {*PACKAGES, *FILES, "requirements.txt"} == copied
    assert all((REPOSITORY / name).exists() for name in copied)
    (locked,) = re.findall(r"^apache-beam\S*==(\S+)", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    assert f"FROM apache/beam_python3.11_sdk:{locked} AS worker\n" in text
