"""The bundle that comes with the package: small, whole, and right about people whom it was not trained on."""

import dataclasses
import json
import pathlib

import pytest
from commands import run_command

from live.__main__ import DEFAULT_BUNDLE
from model import bundle as bundles
from model import config, rehearsal
from model.benchmark import experiments
from model.evaluation.predictions import group_hash

FOLDER = pathlib.Path(DEFAULT_BUNDLE)
EXERCISES = {
    *("bench_press", "bicep_curl", "deadlift", "front_lateral_raise", "jumping_jack", "lunge", "plank", "pull_up"),
    *("push_up", "russian_twist", "shoulder_press", "sit_up", "squat"),
}


def test_it_is_small_and_whole():
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8_000_000
    # Weights, graphs, and landmarks of synthetic athletes: no picture, table or clip of a real person.
    suffixes = {".json", ".pb", ".index", ".data-00000-of-00001", ".h5", ".md", "", ".npz"}
    assert {path.suffix for path in files} <= suffixes
    clips = rehearsal.load(str(FOLDER))
    assert {clip.label for clip in clips} == EXERCISES | {"none"} and len(clips) == 420
    assert not {group_hash(clip.group) for clip in clips} & set(bundles.read_metadata(str(FOLDER))["trained_groups"])
    loaded = bundles.load(str(FOLDER))
    assert set(loaded.labels) == EXERCISES | {"none"}
    assert loaded.metadata["fingerprint"]["frame_rate_hz"] == 15.0


def test_it_was_made_by_the_recipe_that_the_benchmark_measured():
    """But for the seed, and for the temperature, which the benchmark takes from the other folds."""
    ours = config.config_of_bundle(bundles.read_metadata(str(FOLDER)), str(FOLDER))
    recipe = experiments.EXPERIMENTS["released_recipe"].model.settings(ours.seed)
    training = dataclasses.replace(recipe.training, temperature=ours.training.temperature)
    assert ours == dataclasses.replace(recipe, training=training)


def test_its_card_says_what_it_must():
    card = (FOLDER / "MODEL_CARD.md").read_text()
    metadata = bundles.read_metadata(str(FOLDER))
    assert f"`--network {metadata['network']}`" in card
    assert f"{round(metadata['num_parameters'], -3) // 1000} thousand parameters" in card
    assert f'"temperature": {metadata["temperature"]}' in card
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file() and path.suffix != ".md")
    assert f"{size / 1e6:.1f} MB" in card
    assert all(f"{name}" in card for name in EXERCISES)
    for heading in ("Trained on", "Measured", "Where it fails", "Not for"):
        assert f"## {heading}" in card


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """A clip of an athlete of a seed that no training saw."""
    folder = tmp_path_factory.mktemp("stranger")
    flags = ("--num_clips", "3", "--seed", "4711", "--exercises", "squat")
    assert run_command("beam_jobs", "athletes", "--output", folder, *flags).returncode == 0
    return min(folder.rglob("*.mp4"))


def test_live_needs_no_bundle_of_ones_own(stranger):
    done = run_command("live", "--source", stranger, "--json")
    assert done.returncode == 0
    summary = json.loads(done.stdout.splitlines()[-1])["summary"]
    assert summary["exercise"] == "squat" and summary["num_predictions"] > 5
