"""Paths with signs that a library takes for a pattern, an escape or a URL: they are names like others."""

import os
import shutil

import pytest

from beam_jobs import storage
from model import bundle
from model.__main__ import main

# All of them in one name: each command is run once, and what fails is looked at by itself.
EVERY_SIGN = "a [v2] b]*?{c}#%20é\\d"


@pytest.mark.parametrize("name", ["a[v2]", "a]b", "a*b", "a?b", "{a}", "a b", "a#b", "a%20b", "é", "a\\b", "a::b"])
def test_a_bundle_in_a_folder_of_any_name_is_loaded(made_bundle, tmp_path, name):
    folder = tmp_path / name
    shutil.copytree(made_bundle, folder, ignore=shutil.ignore_patterns("logs", "end_to_end"))
    assert bundle.load(str(folder)).labels == ("lunge", "push_up", "squat")


@pytest.mark.slow
def test_train_and_evaluate_take_paths_with_every_sign(made_tables, tmp_path):
    base = tmp_path / EVERY_SIGN
    tables, made, report = (str(base / f"{name} [1]") for name in ("tables", "bundle", "report"))
    shutil.copytree(made_tables, tables)
    quick = '{"network": {"filters": 8, "dense_units": 8, "dilations": [1]}, "training": {"epochs": 1}}'
    train = ["train", "--tables", tables, "--output", made, "--config", quick, "--log_dir", str(base / "logs [1]")]
    assert main(train) == 0
    assert main(["evaluate", "--bundle", made, "--tables", tables, "--output", report]) == 0
    assert os.path.getsize(os.path.join(report, "report.html")) > 0


@pytest.mark.parametrize("name", ["b*", "b[1]", "b?"])
def test_removing_a_name_that_reads_as_a_pattern_removes_nothing_else(gcs_bucket, tmp_path, name):
    for base in (f"{gcs_bucket}/{tmp_path.name}", str(tmp_path)):
        for folder in (name, "b1"):
            storage.write_text(f"{base}/{folder}/x.txt", folder)
        storage.remove(f"{base}/{name}")
        assert not storage.exists(f"{base}/{name}")
        assert storage.read_text(f"{base}/b1/x.txt") == "b1"
