"""A benchmark of a few made-up people."""

import pathlib

import pytest

from model.benchmark.inputs import BenchmarkData, BenchmarkInputs


@pytest.fixture
def data(real_tables, tmp_path) -> BenchmarkData:
    """Two folds; people of the same tables who do no exercise stand for drawn athletes."""
    return BenchmarkData(BenchmarkInputs(real_tables, str(tmp_path / "fits"), num_folds=2, athletes=real_tables))


@pytest.fixture
def fits_dir(data) -> pathlib.Path:
    """Where the fits of `data` are."""
    return pathlib.Path(data.inputs.fits_dir)
