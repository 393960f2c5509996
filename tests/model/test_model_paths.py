"""However a path is spelled, and wherever it is: absolute, relative, a URL, a bucket."""

import json
import os
import pathlib

import pytest
from commands import REPOSITORY, run_command

from beam_jobs import storage
from model import bundle, transform_graph
from model.__main__ import main


def put(folder: str, remote: str) -> str:
    """Copies a local folder into a store."""
    for file in storage.list_files(folder):
        fs, name = storage.filesystem(storage.join(remote, storage.relative_path(folder, file)))
        fs.put_file(file, name)
    return remote


@pytest.mark.parametrize(
    ("folder", "file", "below"),
    [
        ("a/b", "a/b/c/d", "c/d"),
        ("a/b/", "{cwd}/a/b/c/d", "c/d"),
        ("{cwd}/a/b", "a/b/c/d", "c/d"),
        ("file://{cwd}/a/b/", "{cwd}/a/b/c/d", "c/d"),
        (".", "a", "a"),
        ("/", "/a/b", "a/b"),
    ],
)
def test_the_name_below_a_folder(folder, file, below):
    cwd = os.getcwd()
    assert storage.relative_path(folder.format(cwd=cwd), file.format(cwd=cwd)) == below


def test_the_hash_of_a_graph_does_not_depend_on_how_its_path_is_spelled(made_tables, gcs_bucket, monkeypatch):
    local = transform_graph.find_beside_tables(made_tables)
    remote = put(local, f"{gcs_bucket}/graph")
    monkeypatch.chdir(made_tables)
    relative = transform_graph.find_beside_tables(".")
    assert not os.path.isabs(relative)
    spelled = [local, local + "/", relative, "file://" + local, remote, remote + "/"]
    assert {transform_graph.sha256(path) for path in spelled} == {bundle_hash(local)}


def bundle_hash(folder: str) -> str:
    """The same by hand, over pathlib's idea of the files."""
    import hashlib

    lines = [
        f"{file.relative_to(folder).as_posix()} {hashlib.sha256(file.read_bytes()).hexdigest()}\n"
        for file in sorted(pathlib.Path(folder).rglob("*"))
        if file.is_file()
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def test_from_bundle_to_tables_to_bundle_by_relative_paths(athlete_tables, athlete_bundle, tmp_path):
    """A bundle trained by absolute paths, its graph applied and the bundle fine-tuned by relative ones."""

    def relative(path: pathlib.Path) -> str:
        return os.path.relpath(path, REPOSITORY)

    tables, tuned = relative(tmp_path / "tables"), relative(tmp_path / "tuned")
    use = ("--transform_fn", relative(athlete_bundle))
    assert (
        run_command("beam_jobs", "features", "--input", relative(athlete_tables), "--output", tables, *use).returncode
        == 0
    )
    quick = '{"training": {"finetune_epochs": 1}}'
    both = ("--bundle", relative(athlete_bundle), "--tables", tables)
    assert run_command("model", "finetune", *both, "--output", tuned, "--config", quick).returncode == 0
    assert [phase["phase"] for phase in bundle.read_metadata(str(tmp_path / "tuned"))["phases"]] == [
        "train",
        "finetune",
    ]


@pytest.mark.slow
def test_trained_fine_tuned_and_evaluated_in_a_bucket(made_tables, gcs_bucket, tmp_path, capsys):
    tables = put(made_tables, f"{gcs_bucket}/{tmp_path.name}/tables")
    made, tuned, report = (f"{gcs_bucket}/{tmp_path.name}/{name}" for name in ("bundle", "tuned", "report"))
    quick = json.dumps({"network": {"filters": 8, "dense_units": 8, "dilations": [1]}, "training": {"epochs": 2}})
    assert main(["train", "--tables", tables, "--output", made, "--config", quick]) == 0
    short = json.dumps({"training": {"finetune_epochs": 1}})
    assert main(["finetune", "--bundle", made, "--tables", tables, "--output", tuned, "--config", short]) == 0
    assert main(["evaluate", "--bundle", tuned, "--tables", tables, "--output", report]) == 0
    figures = json.loads(storage.read_text(f"{report}/metrics.json"))
    assert figures["clips"]["num_clips"] == 8
    assert storage.exists(f"{report}/pictures/timeline.png") and storage.exists(f"{report}/predictions.parquet")
    assert {"bundle.json", "end_to_end/saved_model.pb", "weights.weights.h5"} <= {
        storage.relative_path(tuned, file) for file in storage.list_files(tuned)
    }
    capsys.readouterr()
    # What was trained from the bucket is the bundle of the same tables on a disk, too.
    assert main(["evaluate", "--bundle", made, "--tables", made_tables, "--output", str(tmp_path / "report")]) == 0


def test_a_folder_is_written_where_one_stands(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with storage.atomic_folder(".") as folder:
        pathlib.Path(folder, "new").write_text("x")
    assert [file.name for file in (tmp_path / "here").iterdir()] == ["new"]
    assert [file.name for file in tmp_path.iterdir()] == ["here"]
