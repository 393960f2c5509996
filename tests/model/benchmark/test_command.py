"""A benchmark of a few clips from the command line: files, continuing, and mistakes."""

import json
import pathlib

import numpy as np
import pytest
from moving_bodies import LABELS

from model import options
from model.__main__ import main
from model.benchmark import experiments

SEEDS, FOLDS = 2, 2


def command(tables: str, output: pathlib.Path, *more: str) -> list[str]:
    return [
        *("benchmark", "--tables", tables, "--output", str(output), "--experiments", "nearest_poses"),
        *("--num_workers", "1", "--folds", str(FOLDS), "--seeds", str(SEEDS), *more),
    ]


@pytest.fixture(scope="module")
def output(real_tables, tmp_path_factory) -> pathlib.Path:
    """Of the command, by group and at random."""
    folder = tmp_path_factory.mktemp("benchmark") / "results"
    assert main(command(real_tables, folder)) == 0
    return folder


def fits_in(output: pathlib.Path) -> dict[str, float]:
    """The names of fits' files, and when they were written."""
    return {str(file.relative_to(output / "fits")): file.stat().st_mtime_ns for file in output.rglob("*.npz")}


def without_minutes(text: str) -> dict:
    return json.loads(text, object_hook=lambda value: {k: v for k, v in value.items() if k != "minutes"})


@pytest.mark.slow  # its fixture trains
def test_fits_and_results_are_files(output):
    group = {f"nearest_poses/group_{seed}_{fold}.npz" for seed in range(SEEDS) for fold in range(FOLDS)}
    assert set(fits_in(output)) == group | {f"nearest_poses/random_0_{fold}.npz" for fold in range(FOLDS)}
    written = json.loads((output / "results.json").read_text())
    # Five people's three exercises; of 45 rows, 12 windows end at 9, 12, ... 42, where there is a person.
    assert (written["num_clips"], written["num_groups"], written["labels"]) == (15, 5, list(LABELS))
    assert 15 * 11 <= written["num_windows"] <= 15 * 12
    assert len(written["grouped_split"]["nearest_poses"]["seeds"]) == SEEDS
    mean = written["random_split"]["nearest_poses"]["mean"]
    assert f"| nearest_poses | {mean['window_accuracy']:.1%} |" in (output / "results.md").read_text()


@pytest.mark.slow
@pytest.mark.slow  # its fixture trains
def test_a_missing_fit_is_done_again_and_no_other(output, real_tables):
    before, first = fits_in(output), (output / "results.json").read_text()
    lost = output / "fits" / "nearest_poses" / "group_1_0.npz"
    with np.load(lost) as arrays:
        logits = arrays["logits"]
    lost.unlink()
    assert main(command(real_tables, output)) == 0
    after = fits_in(output)
    assert set(after) == set(before)
    assert [name for name in before if after[name] != before[name]] == ["nearest_poses/group_1_0.npz"]
    with np.load(lost) as arrays:
        np.testing.assert_allclose(arrays["logits"], logits, atol=1e-6)
    assert without_minutes((output / "results.json").read_text()) == without_minutes(first)


@pytest.mark.slow
@pytest.mark.slow  # its fixture trains
def test_seeds_and_experiments_of_several_runs_are_joined(output, real_tables, tmp_path):
    """Long benchmarks are run in parts, on one machine or several."""
    one_seed = ("--seeds", "1", "--splits", "group")
    main(command(real_tables, tmp_path, *one_seed))
    main(command(real_tables, tmp_path, *one_seed, "--experiments", "logistic_regression"))
    before = json.loads((tmp_path / "results.json").read_text())
    # As another machine would, which has none of these fits.
    other = ("--first_seed", "1", "--fits_dir", str(tmp_path / "others"))
    assert main(command(real_tables, tmp_path, *one_seed, *other)) == 0
    after = json.loads((tmp_path / "results.json").read_text())["grouped_split"]
    assert list(after) == ["logistic_regression", "nearest_poses"]
    assert after["logistic_regression"] == before["grouped_split"]["logistic_regression"]
    both = json.loads((output / "results.json").read_text())["grouped_split"]["nearest_poses"]
    assert [one["seed"] for one in after["nearest_poses"]["seeds"]] == [0, 1]
    for key in ("windows", "clips"):
        assert [one[key] for one in after["nearest_poses"]["seeds"]] == [one[key] for one in both["seeds"]]
    assert not list((tmp_path / "others").rglob("*_0_*"))


@pytest.mark.slow
@pytest.mark.slow  # its fixture trains
def test_a_random_split_is_added_to_figures_by_group_and_refused_without(output, real_tables, tmp_path, capsys):
    """Alone it would flatter."""
    random = ("--seeds", "1", "--splits", "random")
    assert main(command(real_tables, tmp_path, *random)) == 1
    error = capsys.readouterr().err
    assert "'nearest_poses' by group" in error and not (tmp_path / "results.json").exists()
    written = json.loads((output / "results.json").read_text())
    (tmp_path / "results.json").write_text(json.dumps({**written, "random_split": {}}))
    assert main(command(real_tables, tmp_path, *random)) == 0
    after = json.loads((tmp_path / "results.json").read_text())
    assert after["grouped_split"] == written["grouped_split"]
    assert without_minutes(json.dumps(after["random_split"])) == without_minutes(json.dumps(written["random_split"]))
    assert not list((tmp_path / "fits").rglob("group_*"))


@pytest.mark.slow  # its fixture trains
def test_figures_of_other_settings_are_refused_before_a_fit(output, real_tables, tmp_path, capsys):
    text = (output / "results.json").read_text().replace('"settings_sha256": "', '"settings_sha256": "0')
    (tmp_path / "results.json").write_text(text)
    assert main(command(real_tables, tmp_path)) == 1
    assert "--if_settings_differ" in capsys.readouterr().err
    assert (tmp_path / "results.json").read_text() == text and not (tmp_path / "fits").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--experiments", "nearest_pose"], ("'nearest_pose' is unknown", "--list")),
        (["--experiments", "nearest_poses", "conv+synthetic"], ("conv+synthetic", "--athletes")),
        (["--experiments", "synthetic"], ("synthetic", "--athletes")),
        (["--experiments", "released_recipe", "--athletes", "{tables}"], ("released_recipe", "--extra_tables")),
        (["--athletes", "{none}"], ("--athletes", "{none}")),
        (["--synthetic_tables", "{none}"], ("--synthetic_tables", "{none}")),
        (["--tables_30hz", "{none}"], ("--tables_30hz", "{none}")),
        (["--variant", "darker={none}"], ("--variant darker", "{none}")),
        (["--extra_tables", "{none}"], ("--extra_tables", "{none}")),
        (["--tables", "{none}"], ("--tables", "{none}")),
        (["--folds", "1"], ("--folds", "2 or more")),
        (["--seeds", "0"], ("--seeds", "1 or more")),
        (["--first_seed", "-1"], ("--first_seed", "0 or more")),
        (["--min_clips", "1"], ("--min_clips", "2 or more")),
        (["--splits", "random", "--first_seed", "1"], ("--first_seed 1", "seed 0")),
        (["--num_workers", "0"], ("--num_workers", "1 or more")),
        (["--output", "gs://bucket/results"], ("--output", "remote")),
        (["--fits_dir", "gs://bucket/fits"], ("--fits_dir", "remote")),
    ],
)
def test_wrong_usage_is_refused(real_tables, tmp_path, capsys, more, words):
    names = {"none": str(tmp_path / "none"), "tables": real_tables}
    assert main(command(real_tables, tmp_path / "out", *(part.format(**names) for part in more))) == 2
    error = capsys.readouterr().err
    assert "error: " in error and all(word.format(**names) in error for word in words) and "Traceback" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--tables_30hz", "{tables}"], ("--tables_30hz", "expected 30")),
        (["--folds", "6"], ("5 groups", "6 folds")),
        (["--min_clips", "6"], ("0 classes", "--min_clips")),
    ],
)
def test_tables_that_cannot_be_used_are_refused_before_a_fit(real_tables, tmp_path, capsys, more, words):
    more = [part.format(tables=real_tables) for part in more]
    assert main(command(real_tables, tmp_path / "out", *more)) == 1
    error = capsys.readouterr().err
    assert all(word in error for word in words) and "Traceback" not in error and not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", ["--splits=video", "--folds=two", "--fold=2", "--if_settings_differ=join"])
def test_unknown_flags_and_values_are_refused(real_tables, tmp_path, capsys, flag):
    try:
        code = main(command(real_tables, tmp_path / "out", flag))
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2 and flag.split("=")[0] in capsys.readouterr().err


def test_list_needs_no_tables(capsys):
    with pytest.raises(SystemExit) as caught:
        options.parse(["benchmark", "--list"])
    assert caught.value.code == 0
    assert "released_recipe " in capsys.readouterr().out


def test_experiments_without_their_tables_are_left_out_of_groups(real_tables, tmp_path, capsys):
    flags = ["benchmark", "--tables", real_tables, "--output", str(tmp_path)]
    uses_synthetic = {name for name, one in experiments.EXPERIMENTS.items() if one.data.synthetic != "none"}
    uses_extra = {name for name, one in experiments.EXPERIMENTS.items() if one.data.extra_real_clips}
    names = options.parse(flags).experiments
    assert set(names) == set(experiments.EXPERIMENTS) - uses_synthetic - uses_extra
    warning = capsys.readouterr().err
    assert "--athletes" in warning and "synthetic_only" in warning
    names = options.parse([*flags, "--athletes", real_tables]).experiments
    assert set(names) == set(experiments.EXPERIMENTS) - uses_extra
    tables = ("--synthetic_tables", real_tables, "--extra_tables", real_tables)
    assert options.parse([*flags, *tables]).experiments == [*experiments.EXPERIMENTS]
    # One that stands in two of the groups that are named comes once.
    assert options.parse([*flags, "--experiments", "extra_trees", "baselines"]).experiments == [
        "extra_trees",
        *(name for name in experiments.BASELINES if name != "extra_trees"),
    ]
