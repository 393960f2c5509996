"""A benchmark of a few made-up people."""

import pathlib

import pytest

from model import config
from model.benchmark import robustness
from model.benchmark.inputs import BenchmarkData, BenchmarkInputs


@pytest.fixture
def data(real_tables, tmp_path) -> BenchmarkData:
    """Two folds; people of the same tables who do no exercise stand for drawn athletes."""
    return BenchmarkData(BenchmarkInputs(real_tables, str(tmp_path / "fits"), num_folds=2, athletes=real_tables))


@pytest.fixture
def few_test_sets(data) -> BenchmarkData:
    """`data` with few of the two dozen test sets, which take long to compute."""
    missing_rows = robustness.CORRUPTIONS["missing_rows/0.4"]
    data.test_sets = {
        "missing_rows/0.4": robustness.with_corruption(data.clips, missing_rows, config.Config().window),
        "unknown_exercises": data.clips,
        **data.athletes_without_exercise,
    }
    return data


@pytest.fixture
def fits_dir(data) -> pathlib.Path:
    """Where the fits of `data` are."""
    return pathlib.Path(data.inputs.fits_dir)
