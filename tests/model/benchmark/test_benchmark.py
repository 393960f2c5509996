"""A benchmark of few clips, from the command line to its table; figures computed again from the pieces."""

import collections
import csv
import dataclasses
import json
import pathlib

import numpy as np
import pytest
from moving_bodies import LABELS, Body, labelled_set

from beam_jobs.errors import UserError
from model import standing_still as standing_still_module
from model.__main__ import main
from model.benchmark import clip_answers, cross_validation, experiments, results, robustness, unknown_exercises
from model.benchmark import fits as benchmark_fits
from model.evaluation import metrics

SEEDS, FOLDS = 2, 2
QUICK = {
    "network": {"name": "conv", "filters": 8, "dense_units": 8, "dilations": [1]},
    "training": {"epochs": 1, "max_windows_per_clip": 4},
}


def command(tables: str, output: pathlib.Path, *more: str) -> list[str]:
    return [
        *("benchmark", "--tables", tables, "--output", str(output), "--rows", "nearest_poses", "--processes", "1"),
        *("--folds", str(FOLDS), "--seeds", str(SEEDS), *more),
    ]


@pytest.fixture(scope="module")
def output(real_tables, tmp_path_factory) -> pathlib.Path:
    """Of the command, for `nearest_poses`, by group and at random."""
    folder = tmp_path_factory.mktemp("benchmark") / "results"
    assert main(command(real_tables, folder)) == 0
    return folder


@pytest.fixture
def plan(real_tables, tmp_path) -> benchmark_fits.BenchmarkInputs:
    """Of fits in this process; idlers of the same tables stand for drawn athletes."""
    return benchmark_fits.BenchmarkInputs(real_tables, (real_tables,), "", 4, FOLDS, str(tmp_path / "pieces"))


@pytest.fixture
def in_process(monkeypatch):
    """This process's TensorFlow is in use already: how many threads it takes can no longer be said."""
    monkeypatch.setattr(benchmark_fits, "_one_thread", lambda: None)


def pieces_of(output: pathlib.Path) -> dict[str, float]:
    """The names of pieces, and when they were written."""
    return {str(file.relative_to(output / "pieces")): file.stat().st_mtime_ns for file in output.rglob("*.npz")}


def nll(logits: np.ndarray, truth: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Of each window, by its definition."""
    wide = logits.astype(np.float64) / temperature
    return np.log(np.exp(wide).sum(axis=1)) - wide[np.arange(len(truth)), truth]


def test_pieces_and_results_are_files(output):
    group = {f"nearest_poses/group_{seed}_{fold}.npz" for seed in range(SEEDS) for fold in range(FOLDS)}
    # At random, one seed is enough to show the leak.
    assert set(pieces_of(output)) == group | {f"nearest_poses/random_0_{fold}.npz" for fold in range(FOLDS)}
    found = json.loads((output / "results.json").read_text())
    # Five people's three exercises; of 45 rows, 12 windows end at 9, 12, ... 42, where there is a person.
    assert (found["num_clips"], found["num_groups"], found["labels"]) == (15, 5, list(LABELS))
    assert 15 * 11 <= found["num_windows"] <= 15 * 12
    lines = (output / "results.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| **")]
    assert len(rows) == 1 and rows[0].startswith("| **nearest_poses**: nearest poses")
    mean = found["rows"]["group"]["nearest_poses"]["mean"]
    random = found["rows"]["random"]["nearest_poses"]["mean"]
    assert f"| {mean['window_accuracy']:.1%} ± " in rows[0]
    assert (
        f"| {random['window_accuracy']:.1%}, {random['clip_accuracy']:.1%}, {random['clip_macro_f1']:.3f}, " in rows[0]
    )
    assert f", {random['window_nll']:.2f}, {random['window_ece']:.3f} |" in rows[0]
    # Every line of a table has as many cells: of contenders, and of windows averaged.
    assert [line.count("|") for line in lines if line.startswith("|")] == [10] * 3 + [7] * 3
    averaged = found["rows"]["group"]["nearest_poses"]["seeds"][0]
    assert averaged["averaged"]["1"] == averaged["windows"]["accuracy"]
    # What each clip was called, in the figures by class and, clip by clip, beside the pieces.
    with open(output / "pieces" / "nearest_poses" / "clips_0.csv", newline="") as file:
        of_clips = [*csv.DictReader(file)]
    assert len(of_clips) == 15
    for label, names in averaged["called"].items():
        assert sum(names.values()) == 5
        assert names == collections.Counter(clip["answer"] for clip in of_clips if clip["label"] == label)
    right = [clip for clip in of_clips if clip["answer"] == clip["label"]]
    assert len(right) / 15 == pytest.approx(averaged["clips"]["accuracy"])
    assert all((clip["probability"] == clip["of_label"]) == (clip in right) for clip in of_clips)


def test_figures_are_those_of_the_pieces(output, real_tables):
    """The same from the pieces, by other formulas."""
    plan = benchmark_fits.BenchmarkInputs(real_tables, "", "", 4, FOLDS, str(output / "pieces"))
    clips = benchmark_fits.clips(plan)
    truth, clip = clips.truth, clips.data.clip
    row = json.loads((output / "results.json").read_text())["rows"]["group"]["nearest_poses"]
    assert len(row["seeds"]) == SEEDS
    accuracies, minutes = [], []
    for seed in range(SEEDS):
        folds = [np.load(output / "pieces" / f"nearest_poses/group_{seed}_{fold}.npz") for fold in range(FOLDS)]
        windows = np.concatenate([fold["windows"] for fold in folds])
        # Every window of a known class is answered once.
        assert sorted(windows) == np.flatnonzero(truth >= 0).tolist()
        logits = np.concatenate([fold["logits"] for fold in folds])
        right = logits.argmax(axis=1) == truth[windows]
        one = row["seeds"][seed]
        assert one["windows"]["accuracy"] == pytest.approx(right.mean())
        assert one["uncalibrated"]["windows"]["nll"] == pytest.approx(nll(logits, truth[windows]).mean(), rel=1e-5)
        calibrated = 0.0
        for own, other, temperature in zip(folds, reversed(folds), one["temperatures"], strict=True):
            of_other = truth[other["windows"]]
            weights = 1 / np.bincount(clip[other["windows"]])[clip[other["windows"]]]

            def loss(value, other=other, of_other=of_other, weights=weights):
                return float(np.average(nll(other["logits"], of_other, value), weights=weights))

            # Of two folds, the other one's answers set the temperature: none near it suits them better (0.05 is the
            # least that there is).
            assert loss(temperature) <= min(loss(max(temperature * 0.98, 0.05)), loss(temperature * 1.02))
            calibrated += nll(own["logits"], truth[own["windows"]], temperature).sum()
        # Temperatures are written with three digits.
        assert one["windows"]["nll"] == pytest.approx(calibrated / len(windows), rel=1e-2)
        # A clip's answer is the mean of its windows' calibrated probabilities.
        powers = np.exp(logits / np.repeat(one["temperatures"], [len(fold["windows"]) for fold in folds])[:, None])
        probabilities = powers / powers.sum(axis=1, keepdims=True)
        answered = [
            probabilities[clip[windows] == index].mean(axis=0).argmax() == truth[clip == index][0]
            for index in np.unique(clip[windows])
        ]
        assert len(answered) == 15 and one["clips"]["accuracy"] == pytest.approx(np.mean(answered))
        accuracies.append(right.mean())
        minutes.append(sum(float(fold["minutes"]) for fold in folds))
    assert row["mean"]["window_accuracy"] == pytest.approx(np.mean(accuracies))
    assert row["standard_deviation"]["window_accuracy"] == pytest.approx(np.std(accuracies, ddof=1))
    assert row["mean"]["minutes"] == pytest.approx(np.mean(minutes))
    # Three exercises that look nothing like each other, three clips of fifteen under a wrong name.
    assert 0.6 < row["mean"]["clip_accuracy"] < 0.9
    assert max(max(one["temperatures"]) for one in row["seeds"]) > 0.1


def test_what_is_done_is_not_done_again_and_what_is_missing_is(output, real_tables):
    before, first = pieces_of(output), (output / "results.json").read_text()
    lost = output / "pieces" / "nearest_poses" / "group_1_0.npz"
    with np.load(lost) as kept:
        logits = kept["logits"]
    lost.unlink()
    assert main(command(real_tables, output)) == 0
    after = pieces_of(output)
    assert set(after) == set(before)
    assert [name for name in before if after[name] != before[name]] == ["nearest_poses/group_1_0.npz"]
    with np.load(lost) as kept:
        np.testing.assert_allclose(kept["logits"], logits, atol=1e-6)
    assert main(command(real_tables, output)) == 0
    assert pieces_of(output) == after

    def without_minutes(text: str) -> dict:
        return json.loads(text, object_hook=lambda value: {k: v for k, v in value.items() if k != "minutes"})

    assert without_minutes((output / "results.json").read_text()) == without_minutes(first)


def test_rows_and_seeds_that_stand_in_a_table_are_kept(output, real_tables, tmp_path):
    """Long grids are run in parts, on one machine or several."""
    main(command(real_tables, tmp_path, "--seeds", "1", "--splits", "group"))
    main(command(real_tables, tmp_path, "--seeds", "1", "--rows", "extra_trees", "--splits", "group"))
    before = json.loads((tmp_path / "results.json").read_text())
    # As another machine would, which has none of these pieces.
    work = ["--work", str(tmp_path / "others")]
    assert main(command(real_tables, tmp_path, "--seeds", "1", "--first_seed", "1", *work)) == 0
    found = json.loads((tmp_path / "results.json").read_text())
    assert list(found["rows"]["group"]) == ["extra_trees", "nearest_poses"]
    assert found["rows"]["group"]["extra_trees"] == before["rows"]["group"]["extra_trees"]
    both = json.loads((output / "results.json").read_text())["rows"]["group"]["nearest_poses"]
    row = found["rows"]["group"]["nearest_poses"]
    assert [one["seed"] for one in row["seeds"]] == [0, 1]
    assert [one["windows"] for one in row["seeds"]] == [one["windows"] for one in both["seeds"]]
    assert row["mean"]["clip_macro_f1"] == both["mean"]["clip_macro_f1"]
    assert row["standard_deviation"]["window_nll"] == both["standard_deviation"]["window_nll"]
    assert not list((tmp_path / "others").glob("*/*_0_*"))
    assert "**extra_trees**: extra trees on statistics of a window (1 seed)" in (tmp_path / "results.md").read_text()


def test_a_random_twin_is_added_to_a_row_that_stands_there(output, real_tables, tmp_path, capsys):
    """Without its fits by group, which another machine has; and never alone, for it flatters."""
    assert main(command(real_tables, tmp_path, "--seeds", "1", "--splits", "random")) == 1
    told = capsys.readouterr().err
    assert "has no figures of 'nearest_poses' by group" in told and "Traceback" not in told
    assert not (tmp_path / "results.json").exists() and not (tmp_path / "pieces").exists()
    found = json.loads((output / "results.json").read_text())
    (twin,) = found["rows"].pop("random")["nearest_poses"]["seeds"]
    (tmp_path / "results.json").write_text(json.dumps(found))
    assert main(command(real_tables, tmp_path, "--seeds", "1", "--splits", "random")) == 0
    after = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert after["group"] == found["rows"]["group"]
    (added,) = after["random"]["nearest_poses"]["seeds"]
    assert added["windows"] == twin["windows"] and added["clips"] == twin["clips"]
    assert not list((tmp_path / "pieces").glob("*/group_*"))


def test_a_row_of_other_settings_is_refused_or_replaced_whole(output, real_tables, tmp_path, capsys):
    """Before a fit is begun; with its random twin, which would stand beside figures that it is no twin of."""
    found = json.loads((output / "results.json").read_text())
    for split in found["rows"].values():
        split["extra_trees"] = json.loads(json.dumps(split["nearest_poses"]))
        for one in split["nearest_poses"]["seeds"]:
            one["made_by"] = "something else"
    text = json.dumps(found)
    (tmp_path / "results.json").write_text(text)
    assert main(command(real_tables, tmp_path, "--seeds", "1", "--splits", "group")) == 1
    told = capsys.readouterr().err
    assert "'nearest_poses' of other tables, settings or of an earlier version (seeds 0, 1)" in told
    assert "--replace" in told and (tmp_path / "results.json").read_text() == text
    assert not (tmp_path / "pieces").exists()
    # Or joined to, which the page tells.
    joined = ["--seeds", "1", "--first_seed", "2", "--splits", "group", "--join", "--work", str(tmp_path / "more")]
    assert main(command(real_tables, tmp_path, *joined)) == 0
    both = json.loads((tmp_path / "results.json").read_text())["rows"]["group"]["nearest_poses"]["seeds"]
    assert [one["made_by"] == "something else" for one in both] == [True, True, False]
    assert "nearest poses, in the way of MediaPipe's pose classification † |" in (tmp_path / "results.md").read_text()
    assert main(command(real_tables, tmp_path, "--seeds", "1", "--splits", "group", "--replace")) == 0
    after = json.loads((tmp_path / "results.json").read_text())["rows"]
    (one,) = after["group"]["nearest_poses"]["seeds"]
    assert one["seed"] == 0 and one["made_by"] != "something else"
    assert [*after["group"]] == ["extra_trees", "nearest_poses"] and [*after["random"]] == ["extra_trees"]


def test_figures_by_another_score_are_not_joined(plan, monkeypatch, tmp_path):
    """How people are told apart is no matter of the fits: it is written beside the figures."""
    probed = experiments.Contender("tiny", rival="nearest_poses", probed=True)
    monkeypatch.setattr(experiments, "ROWS", {"tiny": probed, "strange": dataclasses.replace(probed, left_out=True)})
    tested = results._tested(plan)
    for score, is_refused in ((unknown_exercises.SCORE, False), ("another", True)):
        seeds = {
            row: {"seed": 0, "made_by": benchmark_fits.made_by(plan, row), "score": score} for row in experiments.ROWS
        }
        seeds["tiny"] = {**seeds["tiny"], "probes": {"score": score}}
        before = {
            "rows": {"group": {"tiny": {"seeds": [seeds["tiny"]]}}},
            "left_out": {"strange": {"seeds": [seeds["strange"]]}},
        }
        (tmp_path / "results.json").write_text(json.dumps({**tested, **before}))
        for row in experiments.ROWS:
            if not is_refused:
                assert results.load_previous(plan, str(tmp_path), [row]) == before
                continue
            for others in ("refuse", "join"):
                with pytest.raises(UserError, match=f"has '{row}' of other .*--replace"):
                    results.load_previous(plan, str(tmp_path), [row], others)
            kept = results.load_previous(plan, str(tmp_path), [row], "replace")
            assert row not in kept["rows"]["group"] and row not in kept["left_out"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: found | {"num_folds": 5}, "is of other clips (num_folds 5); expected num_folds 2"),
        (lambda found: found | {"labels": ["a"]}, "is of other clips (labels ['a']); expected labels"),
        (lambda found: [], "is no result of this benchmark"),
    ],
)
def test_a_table_of_other_clips_is_left_alone(output, real_tables, tmp_path, capsys, change, said):
    """Before a fit is begun."""
    text = json.dumps(change(json.loads((output / "results.json").read_text())))
    (tmp_path / "results.json").write_text(text)
    assert main(command(real_tables, tmp_path)) == 1
    told = capsys.readouterr().err
    assert said in told and "Choose another --output" in told and "Traceback" not in told
    assert (tmp_path / "results.json").read_text() == text and not (tmp_path / "pieces").exists()


def test_pieces_of_other_folds_are_not_taken_for_these(output, real_tables, tmp_path, capsys):
    """Two of two folds are no two of three: together they would answer some windows twice and some never."""
    arguments = command(real_tables, tmp_path, "--splits", "group")
    arguments[arguments.index("--folds") + 1] = "3"
    arguments += ["--work", str(output.parent / "copy")]
    folder = output.parent / "copy" / "nearest_poses"
    folder.mkdir(parents=True)
    for seed in range(SEEDS):
        for fold in range(3):
            source = output / "pieces" / "nearest_poses" / f"group_{seed}_{min(fold, 1)}.npz"
            (folder / f"group_{seed}_{fold}.npz").write_bytes(source.read_bytes())
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert "nearest_poses/group_0_0.npz" in told and "--work" in told and "Traceback" not in told


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--rows", "nearest_pose"], "--rows: 'nearest_pose' is unknown; expected some of rivals, networks"),
        (["--rows", "nearest_poses", "default"], "--rows default learns from drawn athletes; expected their tables"),
        (["--athletes", "{none}"], "--athletes: {none} does not exist"),
        (["--native", "{none}"], "--native: {none} does not exist"),
        (["--filmed", "darker={none}"], "--filmed darker: {none} does not exist"),
        (["--people", "{none}"], "--people: {none} does not exist"),
        (["--tables", "{none}"], "--tables: {none} does not exist"),
        (["--folds", "1"], "--folds: 1; expected 2 or more"),
        (["--seeds", "0"], "--seeds: 0; expected 1 or more"),
        (["--first_seed", "-1"], "--first_seed: -1; expected 0 or more"),
        (["--min_clips", "1"], "--min_clips: 1; expected 2 or more"),
        (["--splits", "random", "--first_seed", "1"], "--first_seed 1: random splits are of seed 0 alone"),
        (["--processes", "0"], "--processes: 0; expected 1 or more"),
        (["--output", "gs://bucket/results"], "--output: gs://bucket/results is remote"),
        (["--work", "gs://bucket/pieces"], "--work: gs://bucket/pieces is remote"),
    ],
)
def test_mistakes_are_told(real_tables, tmp_path, capsys, more, said):
    none = str(tmp_path / "none")
    assert main(command(real_tables, tmp_path / "out", *(part.format(none=none) for part in more))) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and said.format(none=none) in told and "Traceback" not in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--native", "{tables}"], "--native {tables} was sampled at 15.0 Hz; expected 30"),
        (["--folds", "6"], "has 5 groups, and no class of more than 5 clips; expected as many as the 6 folds"),
        (["--min_clips", "6"], "has 0 classes with 6 clips or more"),
    ],
)
def test_tables_that_cannot_be_split_are_told_before_a_fit(real_tables, tmp_path, capsys, more, said):
    more = [part.format(tables=real_tables) for part in more]
    assert main(command(real_tables, tmp_path / "out", *more)) == 1
    told = capsys.readouterr().err
    assert said.format(tables=real_tables) in told and "Traceback" not in told and not (tmp_path / "out").exists()


def test_flags_that_are_none_are_refused(real_tables, tmp_path, capsys):
    for flag in ("--splits=video", "--folds=two", "--fold=2"):
        with pytest.raises(SystemExit) as caught:
            main(command(real_tables, tmp_path / "out", flag))
        assert caught.value.code == 2 and flag.split("=")[0] in capsys.readouterr().err


def test_rows_that_need_athletes_are_left_out_of_all(real_tables, tmp_path, capsys):
    from model import options

    flags = ["benchmark", "--tables", real_tables, "--output", str(tmp_path)]
    without = options.parse(flags).rows
    # The rows of the README's table that train on the clips alone.
    curve = ["conv, 25% of groups", "conv, 50% of groups"]
    assert without == [*experiments.RIVALS, *experiments.NETWORKS, *experiments.ABLATION, *curve]
    assert "without --athletes, these rows are left out: athletes alone, " in capsys.readouterr().err
    # Nor are there further people for the rows that learn from them.
    learn_from_people = ("default, more people", "default bundle", "default bundle, without none")
    athletes = [row for row in experiments.ATHLETE_ROWS if row not in learn_from_people]
    found = options.parse([*flags, "--athletes", real_tables]).rows
    assert found == [*without[:-2], *athletes, *experiments.LEARNING_CURVE]
    everything = options.parse([*flags, "--athletes", real_tables, "--people", real_tables]).rows
    assert everything == [*experiments.ROWS]
    # A row that stands in two of the groups that are named comes once.
    assert options.parse([*flags, "--rows", "extra_trees", "rivals"]).rows == [
        "extra_trees",
        *(row for row in experiments.RIVALS if row != "extra_trees"),
    ]


def test_pieces_are_counted():
    named = [
        (p.row, p.split, p.seed, p.fold) for p in benchmark_fits.list_fits(["tcn"], ["group", "random"], range(2), 2)
    ]
    assert named == [
        *(("tcn", "group", 0, 0), ("tcn", "group", 0, 1), ("tcn", "random", 0, 0), ("tcn", "random", 0, 1)),
        *(("tcn", "group", 1, 0), ("tcn", "group", 1, 1)),
    ]
    # Who learns from athletes alone has seen none of the clips: one fit a seed answers all, and no split is random.
    alone = benchmark_fits.list_fits(["athletes alone"], ["group", "random"], range(2), 5)
    assert [(p.split, p.seed, p.fold) for p in alone] == [("group", 0, 0), ("group", 1, 0)]


def noisy_answers(found: cross_validation.LabelledWindows, fold: np.ndarray) -> np.ndarray:
    """Logits that favour the truth, more or less sure of themselves by fold; NaN where not tested."""
    logits = np.random.default_rng(1).normal(0, 1, (len(fold), 3))
    logits[np.arange(len(fold)), found.truth] += 2
    logits *= np.array([1, 4, 9])[fold][:, None]
    return np.where(fold[:, None] >= 0, logits, np.nan).astype(np.float32)


def test_a_folds_own_answers_have_no_part_in_its_temperature():
    people = tuple(Body(label, f"p{who}") for who in range(6) for label in LABELS)
    found = labelled_set((*people, Body("wave", "w")), LABELS)
    fold = cross_validation.folds(found, 3, 0, "group")
    logits = noisy_answers(found, fold)
    probabilities, temperatures = clip_answers.calibrated(logits, fold, found)
    assert np.array_equal(np.isfinite(probabilities).all(axis=1), fold >= 0)
    np.testing.assert_allclose(probabilities[fold >= 0].sum(axis=1), 1)
    truth = np.where(fold == 0, (found.truth + 1) % 3, found.truth)
    again, others = clip_answers.calibrated(logits, fold, dataclasses.replace(found, truth=truth))
    assert others[0] == temperatures[0]
    np.testing.assert_array_equal(again[fold == 0], probabilities[fold == 0])
    # The others' are from fold 0's answers, too, which now are wrong: they are surer than they should be.
    assert others[1] > temperatures[1] * 1.2 and others[2] > temperatures[2] * 1.2
    for number, temperature in enumerate(temperatures):
        powers = np.exp(logits[fold == number].astype(np.float64) / temperature)
        expected = powers / powers.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(probabilities[fold == number], expected, rtol=1e-5)


def test_one_fit_of_all_clips_has_no_temperature():
    found = labelled_set(tuple(Body(label, "a") for label in LABELS), LABELS)
    fold = np.zeros(len(found.truth), np.int32)
    logits = noisy_answers(found, fold)
    probabilities, temperatures = clip_answers.calibrated(logits, fold, found)
    assert temperatures == []
    np.testing.assert_allclose(-np.log(probabilities[np.arange(len(fold)), found.truth]), nll(logits, found.truth))


def test_a_network_with_athletes_and_probes(plan, in_process, monkeypatch):
    """The project's own row in small: a class for none of the exercises, learned from who does none."""
    row = experiments.Contender("tiny", changes=QUICK, athletes="mixed", unknown=True, probed=True)
    monkeypatch.setattr(experiments, "ROWS", {"tiny": row})
    for piece in benchmark_fits.list_fits(["tiny"], ["group"], range(1), FOLDS):
        benchmark_fits.run_fit(plan, piece)
    output = pathlib.Path(plan.fits_dir).parent / "results"
    results.write(plan, str(output), ["tiny"], ["group"], range(1))
    found = json.loads((output / "results.json").read_text())
    clips = benchmark_fits.clips(plan)
    kept = [np.load(pathlib.Path(plan.fits_dir) / f"tiny/group_0_{fold}.npz") for fold in range(FOLDS)]
    for piece in kept:
        # Three exercises, and none of them.
        assert piece["logits"].shape == (len(piece["windows"]), 4)
        assert np.isfinite(piece["logits"]).all() and piece["logits"].std() > 0
    probed = found["rows"]["group"]["tiny"]["seeds"][0]["probes"]
    assert "legs hang" in probed["degraded"] and "missing 40%" in probed["degraded"]
    windows = np.concatenate([piece["windows"] for piece in kept])
    answers = np.concatenate([piece["logits"] for piece in kept]).argmax(axis=1)
    as_they_are = probed["degraded"]["as they are"]
    assert as_they_are["window_accuracy"] == pytest.approx((answers == clips.truth[windows]).mean())
    missing = benchmark_fits.probe_sets(plan)["missing 40%"]
    right = [
        piece["missing 40%/logits"].argmax(axis=1) == missing.truth[piece["missing 40%/windows"]] for piece in kept
    ]
    assert probed["degraded"]["missing 40%"]["window_accuracy"] == pytest.approx(np.concatenate(right).mean())
    # Two idlers and one who waves; of the idlers one is in the test split, the only one whom nobody is trained on.
    assert probed["unknown"]["unknown exercises"]["num_windows"] == (clips.truth < 0).sum()
    assert probed["unknown"]["drawn idlers"]["num_windows"] == 12
    assert probed["unknown"]["drawn idlers"]["num_clips"] == 1
    called = [(piece["drawn idlers/logits"].argmax(axis=1) != 3).mean() for piece in kept]
    assert probed["unknown"]["drawn idlers"]["called_an_exercise"] == pytest.approx(np.mean(called))
    # How often a known window scores above an unknown one, counted; by the likeliest exercise and all exercises' share.
    aurocs = []
    for piece in kept:
        powers = [np.exp(piece[name].astype(float)) for name in ("logits", "unknown exercises/logits")]
        known, strange = (one[:, :3].max(axis=1) * one[:, :3].sum(axis=1) / one.sum(axis=1) for one in powers)
        above = (known[:, None] > strange).mean() + (known[:, None] == strange).mean() / 2
        aurocs.append(above)
    assert probed["unknown"]["unknown exercises"]["auroc"] == pytest.approx(np.mean(aurocs))
    text = (output / "results.md").read_text()
    called = found["rows"]["group"]["tiny"]["seeds"][0]["called"][LABELS[0]]
    assert f"| {LABELS[0]} | {called.get(LABELS[0], 0)} of 5 |" in text
    assert "| **tiny**: tiny |" in text and "| mirrored |" in text and "| drawn idlers | 12 | 1 |" in text


def test_probes_without_anybody_unknown_are_left_out(plan, in_process, monkeypatch):
    """Tables of known exercises alone: nobody is there to be told from them."""
    row = experiments.Contender("tiny", rival="nearest_poses", probed=True)
    monkeypatch.setattr(experiments, "ROWS", {"tiny": row})
    clips = benchmark_fits.clips(plan)
    known = dataclasses.replace(clips, data=clips.data.select(clips.truth >= 0), truth=clips.truth[clips.truth >= 0])
    monkeypatch.setattr(benchmark_fits, "clips", lambda plan, kind="": known)
    monkeypatch.setattr(benchmark_fits, "probe_sets", lambda plan: {"unknown exercises": known, "unchanged": known})
    for piece in benchmark_fits.list_fits(["tiny"], ["group"], range(1), FOLDS):
        benchmark_fits.run_fit(plan, piece)
    output = pathlib.Path(plan.fits_dir).parent / "results"
    results.write(plan, str(output), ["tiny"], ["group"], range(1))
    written = json.loads((output / "results.json").read_text())
    found = written["rows"]["group"]["tiny"]["seeds"][0]["probes"]
    assert found["unknown"] == {} and set(found["degraded"]) == {"as they are", "unchanged"}
    # Asked about the same clips unchanged, it answers the same.
    assert found["degraded"]["unchanged"] == found["degraded"]["as they are"]
    assert "AUROC" not in (output / "results.md").read_text()


def test_clips_filmed_otherwise_are_asked_about(plan, in_process, real_tables, monkeypatch):
    """And nothing is taken from pieces that were asked something else."""
    row = experiments.Contender("tiny", rival="nearest_poses", probed=True)
    monkeypatch.setattr(experiments, "ROWS", {"tiny": row})
    monkeypatch.setattr(robustness, "CORRUPTIONS", {})
    again = dataclasses.replace(plan, filmed=(("again", real_tables),))
    for piece in benchmark_fits.list_fits(["tiny"], ["group"], range(1), FOLDS):
        benchmark_fits.run_fit(again, piece)
    found = unknown_exercises.probed(again, "tiny", 0)["degraded"]
    assert [*found] == ["as they are", "filmed again"] and found["filmed again"] == found["as they are"]
    with pytest.raises(UserError, match="was not asked about 'filmed otherwise'"):
        unknown_exercises.probed(dataclasses.replace(plan, filmed=(("otherwise", real_tables),)), "tiny", 0)


@pytest.fixture
def fits(monkeypatch) -> list[tuple]:
    """What networks would be trained on, and from which weights; a window's answer is its last row and the seed."""
    asked = []

    def fit(train, settings, start_from=None):
        asked.append((train, settings, start_from))
        num = len(train.labels)
        return cross_validation.FittedModel(
            lambda rows: rows[:, -1, :num] + settings.seed, train.standard, 0.25, [np.array(len(asked))]
        )

    monkeypatch.setattr(cross_validation, "fit_network", fit)
    return asked


@pytest.mark.parametrize("seed", [0, 3])
def test_athletes_alone_answer_every_clip(plan, in_process, fits, seed):
    benchmark_fits.run_fit(plan, benchmark_fits.Fit("athletes alone", "group", seed, 0))
    ((train, settings, start_from),) = fits
    assert settings.seed == seed and start_from is None
    clips = benchmark_fits.clips(plan)
    # Their tables are the clips' own here: everybody who does an exercise, and nobody of the clips beside them.
    assert len(train.data) == (clips.truth >= 0).sum() and train.labels == LABELS
    logits, fold, minutes = benchmark_fits.load_logits(plan, clips, "athletes alone", "group", seed)
    assert np.array_equal(np.isfinite(logits).all(axis=1), clips.truth >= 0)
    assert set(fold) == {-1, 0} and minutes == 0.25
    window = int(np.flatnonzero(clips.truth >= 0)[5])
    last = train.standard.apply(clips.physical)[clips.data.positions[window, -1], :3]
    np.testing.assert_allclose(logits[window], last + seed, rtol=1e-6)


def test_networks_answer_together(plan, in_process, fits):
    """Of successive seeds: 2, 1002 and 2002 are 1002 in the mean."""
    benchmark_fits.run_fit(plan, benchmark_fits.Fit("conv, 3 networks", "group", 2, 1))
    assert [settings.seed for _, settings, _ in fits] == [2, 1002, 2002]
    clips = benchmark_fits.clips(plan)
    fold = cross_validation.folds(clips, FOLDS, 2, "group")
    for train, _, _ in fits:
        assert train.data.groups() == clips.data.groups(np.flatnonzero(fold == 0))
    with np.load(pathlib.Path(plan.fits_dir) / "conv, 3 networks/group_2_1.npz") as kept:
        assert kept["windows"].tolist() == np.flatnonzero(fold == 1).tolist()
        last = fits[0][0].standard.apply(clips.physical)[clips.data.positions[kept["windows"], -1], :3]
        np.testing.assert_allclose(kept["logits"], last + 1002, atol=1e-3)
        assert kept["minutes"] == 0.75


def test_athletes_before_the_clips(plan, in_process, fits):
    benchmark_fits.run_fit(plan, benchmark_fits.Fit("athletes, then clips", "group", 0, 1))
    (first, _, from_nothing), (second, _, start) = fits
    clips = benchmark_fits.clips(plan)
    fold = cross_validation.folds(clips, FOLDS, 0, "group")
    assert len(first.data) == (clips.truth >= 0).sum() and from_nothing is None
    # Then the clips alone, from those weights, and features mean the same in both.
    assert len(second.data) == (fold == 0).sum() and start == [np.array(1)]
    np.testing.assert_array_equal(second.standard.mean, first.standard.mean)
    rows = np.setdiff1d(clips.data.positions[fold == 0], 0)
    np.testing.assert_allclose(first.standard.mean, np.nanmean(clips.physical[rows].astype(float), axis=0))
    # A row's cost is that of both.
    assert np.load(pathlib.Path(plan.fits_dir) / "athletes, then clips" / "group_0_1.npz")["minutes"] == 0.5


def test_idlers_are_the_class_of_the_unknown(plan, in_process, fits, monkeypatch):
    row = experiments.Contender("tiny", changes=QUICK, athletes="mixed", unknown=True)
    monkeypatch.setattr(experiments, "ROWS", {"tiny": row})
    benchmark_fits.run_fit(plan, benchmark_fits.Fit("tiny", "group", 0, 0))
    ((train, _, _),) = fits
    clips = benchmark_fits.clips(plan)
    kept = int((cross_validation.folds(clips, FOLDS, 0, "group") == 1).sum())
    assert train.labels == (*LABELS, "none")
    idlers = {train.data.clips[clip].group for clip in train.data.clip[train.truth == 3]}
    # Not the one of the test split, and not the clips' own, who are of no class.
    assert idlers == {"idler_1"}
    drawn = int((clips.truth >= 0).sum())
    assert (train.truth < 3).sum() == kept + drawn and (train.truth == 3).sum() == 12


def test_who_rests_in_a_clip_is_taught_as_none(plan, in_process, fits, monkeypatch):
    rows = {
        "tiny": experiments.Contender("tiny", changes=QUICK, athletes="mixed", unknown=True),
        "as they are": experiments.Contender(
            "tiny", changes={**QUICK, "training": {"rests_as_none": False}}, athletes="mixed", unknown=True
        ),
    }
    monkeypatch.setattr(experiments, "ROWS", rows)
    # Every other row ends a rest, whoever is in it: of clips and of the athletes, who are what they were drawn as.
    monkeypatch.setattr(standing_still_module, "standing_still", lambda landmarks, positions: positions[:, -1] % 2 == 0)
    clips = benchmark_fits.clips(plan)
    for row in rows:
        benchmark_fits.run_fit(plan, benchmark_fits.Fit(row, "group", 0, 0))
    taught, before = (train for train, _, _ in fits)
    own = np.arange(len(before.truth)) < (cross_validation.folds(clips, FOLDS, 0, "group") == 1).sum()
    resting = own & (before.data.positions[:, -1] % 2 == 0)
    assert resting.any() and (before.truth[resting] < 3).all() and (taught.truth[resting] == 3).all()
    np.testing.assert_array_equal(taught.truth[~resting], before.truth[~resting])


def test_rests_of_each_fold_are_told_from_exercises_together(plan, in_process, monkeypatch):
    """A few windows of each clip are rests: pooled over folds, and no exercises to tell them from."""
    row = experiments.Contender("tiny", rival="nearest_poses", probed=True)
    monkeypatch.setattr(experiments, "ROWS", {"tiny": row})
    clips = benchmark_fits.clips(plan)
    # In one of the folds nobody rests.
    elsewhere = np.unique(clips.data.positions[cross_validation.folds(clips, FOLDS, 0, "group") != 1, -1])

    def standing_still(landmarks, positions):
        return (positions[:, -1] % 2 == 0) & np.isin(positions[:, -1], elsewhere)

    monkeypatch.setattr(standing_still_module, "standing_still", standing_still)
    monkeypatch.setattr(benchmark_fits, "probe_sets", lambda plan: {"rests in clips": clips})
    for piece in benchmark_fits.list_fits(["tiny"], ["group"], range(1), FOLDS):
        benchmark_fits.run_fit(plan, piece)
    logits, _, _ = benchmark_fits.load_logits(plan, clips, "tiny", "group", 0)
    score = logits.max(axis=1)  # logarithms of probabilities, of no class `none`
    resting, known = standing_still(None, clips.data.positions), clips.truth >= 0
    expected = metrics.auroc(score[known & ~resting], score[known & resting])
    found = unknown_exercises.probed(plan, "tiny", 0)["unknown"]["rests in clips"]
    assert found["num_windows"] == (known & resting).sum() and found["auroc"] == pytest.approx(expected)


def test_evidence_for_exercises():
    """A large logit of an exercise speaks for one; that of `none`, wherever it stands, against all."""
    labels = ("bend", "none", "wave")
    logits = np.array([[2.0, 0.0, 0.0], [3.0, 1.0, 1.0], [2.0, 4.0, 0.0], [0.0, 0.0, 2.0]], np.float32)
    plain, stronger, likely_none, other = unknown_exercises.known_class_score(logits, labels)
    assert plain == other and stronger == pytest.approx(plain + 1) and likely_none < plain
    # By the probabilities, both are as sure.
    assert np.allclose(*cross_validation.softmax(logits)[:2])
    assert plain == pytest.approx(2 + np.log((np.exp(2) + 1) / (np.exp(2) + 2)))
    # A class beyond the labels is `none`; without one, the largest logit is all.
    assert np.allclose(
        unknown_exercises.known_class_score(logits[:, [0, 2, 1]], ("bend", "wave")),
        [plain, stronger, likely_none, other],
    )
    assert np.allclose(unknown_exercises.known_class_score(logits, ("bend", "turn", "wave")), logits.max(axis=1))


@pytest.mark.parametrize(("athletes", "unknown"), [("some", False), ("none", True), ("alone", True)])
def test_contenders_that_make_no_sense(athletes, unknown):
    with pytest.raises(ValueError, match="expected one of"):
        experiments.Contender("odd", athletes=athletes, unknown=unknown)


def test_athletes_that_are_missing_are_named(plan, in_process):
    with pytest.raises(UserError, match="expected their tables as --athletes"):
        benchmark_fits.run_fit(
            dataclasses.replace(plan, athletes=()), benchmark_fits.Fit("athletes alone", "group", 0, 0)
        )


def test_each_exercise_is_left_out_once_and_asked_about(plan, in_process, fits, monkeypatch):
    row = experiments.Contender("tiny", changes=QUICK, athletes="mixed", unknown=True, left_out=True)
    monkeypatch.setattr(experiments, "ROWS", {"tiny": row})
    clips = benchmark_fits.clips(plan)
    fold = cross_validation.folds(clips, FOLDS, 0, "group")
    scores = []
    for number, names in enumerate([("bend", "squat"), ("raise",)]):
        benchmark_fits.run_fit(plan, benchmark_fits.Fit("tiny", "group", 0, number))
        train = fits[-1][0]
        assert {train.labels[index] for index in train.truth} == {*LABELS, "none"} - {*names}
        with np.load(pathlib.Path(plan.fits_dir) / f"tiny/group_0_{number}.npz") as kept:
            of_names = np.isin(clips.truth, [LABELS.index(name) for name in names])
            assert kept["left out/windows"].tolist() == np.flatnonzero(of_names).tolist()
            assert kept["windows"].tolist() == np.flatnonzero((fold == number) & ~of_names).tolist()
            powers = [np.exp(kept[name].astype(float)) for name in ("logits", "left out/logits")]
            known, strange = (one[:, :3].max(axis=1) * one[:, :3].sum(axis=1) / one.sum(axis=1) for one in powers)
            # By the probability of the likeliest one it would be others.
            by_probability = [(one[:, :3].max(axis=1) / one.sum(axis=1)) for one in powers]
            assert metrics.auroc(known, strange) != pytest.approx(metrics.auroc(*by_probability))
            # How often a known window scores above one of an exercise left out, counted.
            scores.append((known[:, None] > strange).mean() + (known[:, None] == strange).mean() / 2)
    output = pathlib.Path(plan.fits_dir).parent / "results"
    results.write(plan, str(output), ["tiny"], ["group"], range(1))
    written = json.loads((output / "results.json").read_text())
    # Not in the table of those who have answered every clip.
    assert written["rows"]["group"] == {}
    (found,) = written["left_out"]["tiny"]["seeds"]
    assert found["seed"] == 0 and found["num_windows"] == (clips.truth >= 0).sum()
    assert found["auroc"] == pytest.approx(np.mean(scores))
    assert f"AUROC {np.mean(scores):.3f}" in (output / "results.md").read_text()


def test_fewer_people_and_fewer_windows(plan):
    clips = benchmark_fits.clips(plan)
    keep = cross_validation.folds(clips, FOLDS, 0, "group") == 0

    def people(chosen: np.ndarray) -> dict[int, set[str]]:
        return {number: clips.data.groups(np.flatnonzero(chosen & (clips.truth == number))) for number in range(3)}

    half = benchmark_fits.training_windows(experiments.Contender("half", group_share=0.5), clips, keep, 0)
    for number, whole in people(keep).items():
        assert len(people(half)[number]) == max(1, round(len(whole) / 2)) < len(whole)
        # Those who are left have all their windows.
        groups = np.array([clip.group for clip in clips.data.clips])[clips.data.clip]
        own = keep & (clips.truth == number) & np.isin(groups, [*people(half)[number]])
        assert (half & (clips.truth == number)).sum() == own.sum()
    third = benchmark_fits.training_windows(experiments.Contender("third", stride=3), clips, keep, 0)
    for clip in np.unique(clips.data.clip[keep]):
        of_clip = clips.data.clip == clip
        assert np.flatnonzero(third & of_clip).tolist() == np.flatnonzero(keep & of_clip)[::3].tolist()
    assert not (third & ~keep).any() and not (half & ~keep).any()


def test_further_people_count_as_own_and_are_nobody_who_is_tested(plan, in_process, fits, monkeypatch):
    row = experiments.Contender("tiny", changes=QUICK, athletes="mixed", people=True)
    monkeypatch.setattr(experiments, "ROWS", {"tiny": row})
    piece = benchmark_fits.Fit("tiny", "group", 0, 0)
    with pytest.raises(UserError, match="expected their tables as --people"):
        benchmark_fits.run_fit(plan, piece)
    with_people = dataclasses.replace(plan, people=(plan.tables,), rename=(("wave", "bend"),))
    with pytest.raises(UserError, match=r"--people .* groups of .*; expected other people"):
        benchmark_fits.run_fit(with_people, piece)

    clips = benchmark_fits.clips(with_people)
    # Whoever waves is said to bend: the renaming is of all tables.
    waver = [clip.label for clip in clips.data.clips if clip.group == "waver"]
    assert waver == ["bend"]
    others = dataclasses.replace(
        clips,
        data=dataclasses.replace(clips.data, clips=tuple(dataclasses.replace(c, group="x") for c in clips.data.clips)),
    )
    monkeypatch.setattr(benchmark_fits, "_people", lambda plan, labels: (others,))
    benchmark_fits.run_fit(with_people, piece)
    train = fits[-1][0]
    kept = int((cross_validation.folds(clips, FOLDS, 0, "group") == 1).sum())
    num = int((clips.truth >= 0).sum())
    # Those of the fold, those of the further people, and the athletes, who alone are further ones.
    drawn = len(train.truth) - kept - num
    assert drawn > 0 and train.further.tolist() == [False] * (kept + num) + [True] * drawn
