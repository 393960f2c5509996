"""The page of results: one number a cell, the short table first, and every committed page as its results.json says."""

import json
import pathlib
import re

import pytest

from model.benchmark import results, results_markdown
from model.benchmark.experiments import EXPERIMENTS

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "results"
COMMITTED = sorted(FOLDER.glob("*/results.json"))


def seed_figures(seed: int, accuracy: float, settings_sha256: str | None = "a") -> dict:
    both = {"accuracy": accuracy, "macro_f1": 0.5, "nll": 1.0, "ece": 0.1}
    uncalibrated = {"windows": {**both, "nll": 2.0}, "clips": both}
    one = {"seed": seed, "windows": both, "clips": both, "uncalibrated": uncalibrated, "minutes": 3.0}
    return {**one, "settings_sha256": settings_sha256} if settings_sha256 else one


def page_of(**experiments: list[dict]) -> str:
    split = {name.replace("__", "/"): results.over_seeds(seeds) for name, seeds in experiments.items()}
    sizes = {"num_windows": 10, "num_clips": 4, "num_groups": 2, "labels": ["bend", "wave"], "num_folds": 2}
    return results_markdown.markdown({**sizes, "grouped_split": split, "random_split": {}, "classes_left_out": {}})


def rows_of(page: str, name: str) -> list[list[str]]:
    return [
        line.strip("| ").split(" | ") for line in page.splitlines() if re.match(rf"\| {re.escape(name)}( †)? \|", line)
    ]


def test_the_first_table_is_short_and_has_the_most_accurate_first():
    page = page_of(
        extra_trees=[seed_figures(0, 0.7)],
        conv=[seed_figures(0, 0.8), seed_figures(1, 0.9)],
        conv__no_tilt=[seed_figures(0, 0.75)],
    )
    first = page.split("<details>")[0]
    assert re.findall(r"^\| (\S+) \| (\d) \| (\S+) ", first, re.M) == [
        ("conv", "2", "85.0%"),
        ("extra_trees", "1", "70.0%"),
    ]


def test_a_change_is_compared_on_the_same_seeds():
    page = page_of(conv=[seed_figures(0, 0.8), seed_figures(1, 0.9)], conv__no_tilt=[seed_figures(1, 0.75)])
    assert ["conv/no_tilt", "conv", "1", "-15.0", "-15.0", "+0.00"] in rows_of(page, "conv/no_tilt")


def test_figures_of_different_settings_are_marked():
    for first, second, marked in (("a", "a", False), ("a", "b", True), (None, "a", True)):
        page = page_of(conv=[seed_figures(0, 0.8, first), seed_figures(1, 0.8, second)])
        assert ("†" in page) == marked


def test_calibration_has_a_column_of_its_own_for_each_number():
    (row,) = [row for row in rows_of(page_of(conv=[seed_figures(0, 0.8)]), "conv") if len(row) == 8]
    assert row[2:4] == ["1.00", "2.00"]


@pytest.mark.parametrize("file", COMMITTED, ids=lambda file: file.parent.name)
def test_committed_pages_are_of_their_results_json(file):
    written = json.loads(file.read_text())
    assert results_markdown.markdown(written) == file.with_suffix(".md").read_text()
    for key in (*results.SPLIT_KEYS.values(), results.LEFT_OUT_KEY):
        assert set(written[key]) <= set(EXPERIMENTS)
    for key in results.SPLIT_KEYS.values():
        for summary in written[key].values():
            assert results.over_seeds(summary["seeds"]) == summary


@pytest.mark.parametrize("file", COMMITTED, ids=lambda file: file.parent.name)
def test_a_cell_holds_one_number_and_a_table_has_as_many_cells_in_each_row(file):
    page = file.with_suffix(".md").read_text()
    for table in re.findall(r"(?:^\|.*\n)+", page, re.M):
        rows = [line.strip("|").split("|") for line in table.splitlines()]
        assert len({len(row) for row in rows}) == 1
        if "what it is" in table or "wrong answers" in table:
            continue
        for row in rows[2:]:
            for cell in row[1:]:
                assert len(re.findall(r"(?<![\w.])[-+]?\d+(?:\.\d+)?%?(?![\w.])", cell)) <= 1, cell
    assert len(page.splitlines()[0].split()) <= 25
