"""The bundle that comes with the package: small, whole, and right about people whom it was not trained on."""

import dataclasses
import json
import pathlib
import statistics

import pytest
from commands import REPOSITORY, run_command

from live.defaults import DEFAULT_BUNDLE
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
    assert sum(path.stat().st_size for path in files) < 10_000_000
    # Weights, graphs, and landmarks of synthetic athletes: no picture, table or clip of a real person.
    suffixes = {".json", ".pb", ".index", ".data-00000-of-00001", ".h5", ".md", "", ".npz", ".tflite"}
    assert {path.suffix for path in files} <= suffixes
    clips = rehearsal.load(str(FOLDER))
    assert {clip.label for clip in clips} == EXERCISES | {"none"} and len(clips) == 560
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


def card_rows() -> dict[str, list[str]]:
    """The other cells of each row of the card's tables, by the first cell."""
    lines = (FOLDER / "MODEL_CARD.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {first: rest for first, *rest in cells}


def test_its_card_describes_the_files_in_the_folder():
    rows, metadata = card_rows(), bundles.read_metadata(str(FOLDER))
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file() and path.suffix != ".md")
    assert set(rows["exercises"][0].split(", ")) == EXERCISES
    assert rows["network"][0].startswith(f"`{metadata['network']}`")
    assert rows["parameters"] == [f"{metadata['num_parameters']:,}"]
    assert rows["temperature"] == [str(metadata["temperature"])]
    assert rows["size"] == [f"{size / 1e6:.1f} MB"]
    assert "Apache-2.0" in rows["licence of the weights"][0]


def test_its_card_has_the_figures_of_the_results():
    rows = card_rows()
    results = json.loads((REPOSITORY / "results" / "clips" / "results.json").read_text())
    measured = results["grouped_split"]["released_recipe"]

    def shown(name: str, digits: int, factor: float = 1, unit: str = "") -> str:
        mean, deviation = (factor * measured[part][name] for part in ("mean", "standard_deviation"))
        return f"{mean:.{digits}f} ± {deviation:.{digits}f}{unit}"

    accuracies = [shown(f"{what}_accuracy", 1, 100, " %") for what in ("window", "clip")]
    assert rows["accuracy"] == accuracies
    assert rows["macro F1"] == ["", shown("clip_macro_f1", 3)]
    assert rows["negative log likelihood"] == [shown("window_nll", 2), ""]
    assert rows["calibration error"] == [shown("window_ece", 3), shown("clip_ece", 3)]
    seeds = [seed["robustness"]["corruptions"] for seed in measured["seeds"]]
    for part, words in (("arms", "both arms are hidden"), ("legs", "both legs are hidden")):
        right = [
            statistics.mean(seed[f"hidden_{part}/{guess}"]["clip_accuracy"] for seed in seeds)
            for guess in ("hang", "freeze")
        ]
        assert rows[words][0] == f"{right[0]:.1%} to {right[1]:.1%} of clips right".replace("%", " %")


def test_its_card_names_uses_limits_and_data():
    headings = [line[3:] for line in (FOLDER / "MODEL_CARD.md").read_text().splitlines() if line.startswith("## ")]
    assert headings == ["Intended use", "Not for", "Where it fails", "Measured", "Trained on"]


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """A clip of an athlete of a seed that no training saw."""
    folder = tmp_path_factory.mktemp("stranger")
    flags = ("--num_clips", "3", "--seed", "4711", "--exercises", "squat")
    assert run_command("beam_jobs", "athletes", "--output", folder, *flags).returncode == 0
    return min(folder.rglob("*.mp4"))


@pytest.mark.slow
def test_live_needs_no_bundle_of_ones_own(stranger):
    done = run_command("live", "--source", stranger, "--json")
    assert done.returncode == 0
    summary = json.loads(done.stdout.splitlines()[-1])["summary"]
    assert summary["exercise"] == "squat" and summary["num_predictions"] > 5
