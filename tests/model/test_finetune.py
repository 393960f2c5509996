"""Fine-tuning: a new exercise from few clips, known ones not forgotten; or a refusal that says why."""

import json
import shutil

import numpy as np
import pytest

from beam_jobs import storage
from beam_jobs.errors import UserError
from model import bundle, clip_rows, config, dataset, finetune, finetune_report, networks, rehearsal, train
from model.__main__ import main
from model.config import FinetuneConfig
from model.evaluation import evaluate
from model.training_data import TrainingInputs

LABELS = ("lunge", "push_up", "squat")
QUICK = FinetuneConfig(
    steps=120, learning_rate=0.003, batch_size=64, windows_per_clip=40, windows_per_rehearsal_clip=12, folds=2
)


@pytest.fixture(scope="module")
def synthetic_tables(made, made_tables, tmp_path_factory) -> str:
    """Clips of the three exercises by twelve people more, who stand for synthetic athletes."""
    clips = [
        made.Clip(f"synthetic/{label}_{n}", label, group=f"athlete_{label}_{n}") for label in LABELS for n in range(4)
    ]
    graph = f"{made_tables}/transform_fn/transform_fn"
    return made.tables(tmp_path_factory.mktemp("synthetic"), clips, transform_fn=graph)


@pytest.fixture(scope="module")
def rehearsed_bundle(made_tables, synthetic_tables, tmp_path_factory, quick_config) -> str:
    """A bundle that was trained on synthetic tables, too, and so keeps rehearsal clips."""
    folder = str(tmp_path_factory.mktemp("bundles") / "rehearsed")
    train.train(TrainingInputs(made_tables, (synthetic_tables,)), folder, quick_config)
    return folder


@pytest.fixture
def tables_of(made, rehearsed_bundle, tmp_path):
    """Makes tables of the bundle's own graph."""
    return lambda clips, name="tables": made.tables(
        tmp_path / name, clips, transform_fn=f"{rehearsed_bundle}/transform_fn"
    )


def burpees(made, num: int = 4, **changes) -> list:
    return [made.Clip(f"own/burpee_{n}", "burpee", group=f"person_{n}", **changes) for n in range(num)]


def accuracy(bundle_path: str, tables: str, folder) -> dict:
    figures = evaluate.evaluate(bundle_path, tables, str(folder), "all")
    return {label: row["recall"] for label, row in figures["classes"]["windows"].items()}


@pytest.mark.slow
def test_a_new_exercise_from_four_clips_and_the_known_ones_are_not_forgotten(
    made, rehearsed_bundle, made_tables, tables_of, tmp_path, capsys
):
    tuned, folder = str(tmp_path / "tuned"), tables_of(burpees(made))
    settings = config.config_of_bundle(bundle.read_metadata(rehearsed_bundle), rehearsed_bundle)
    report = finetune.finetune(rehearsed_bundle, TrainingInputs(folder, all_splits=True), tuned, settings, None, QUICK)
    metadata = bundle.read_metadata(tuned)
    assert metadata["labels"] == [*LABELS, "burpee"] and metadata["temperature"] == 1.0
    # People whom neither the bundle nor the fine-tuning has seen.
    others = [made.Clip(f"others/burpee_{n}", "burpee", group=f"other_{n}") for n in (0, 1, 2)]
    others += [made.Clip(f"others/{label}_{n}", label, group=f"other_{label}") for label in LABELS for n in (0, 1)]
    others = tables_of(others, "others")
    before, after = (
        accuracy(path, others, tmp_path / f"report_{path.split('/')[-1]}") for path in (rehearsed_bundle, tuned)
    )
    assert after["burpee"] > 0.8
    for label in LABELS:
        assert before[label] > 0.8 and after[label] > before[label] - 0.05
    # What it says of itself.
    new = metadata["metrics"]["finetune"]["new_classes"]["burpee"]
    assert (new["num_clips"], new["num_groups"], new["num_left_out_clips"]) == (4, 4, 4)
    assert new["num_recognised_clips"] == report.new[0].num_recognised >= 3
    known = metadata["metrics"]["finetune"]["known_classes"]
    assert set(known["classes"]) <= set(LABELS) and known["before"] > 0.8 and known["after"] > known["before"] - 0.03
    assert [phase["phase"] for phase in metadata["phases"]] == ["train", "finetune"]
    # And it can be fine-tuned again.
    assert len(rehearsal.load(tuned)) == len(rehearsal.load(rehearsed_bundle)) == 12


@pytest.mark.slow
def test_clips_that_have_nothing_in_common_are_refused(made, rehearsed_bundle, tables_of, tmp_path, capsys):
    """Four people, each of whom moves as in another exercise that the bundle knows: nothing to learn."""
    movements = ("lunge", "push_up", "squat")
    clips = [
        made.Clip(f"own/{n}", "burpee", group=f"person_{n}", movement=movement) for n, movement in enumerate(movements)
    ]
    folder, tuned = tables_of(clips), tmp_path / "tuned"
    command = ["finetune", "--bundle", rehearsed_bundle, "--tables", folder, "--all_splits", "--output", str(tuned)]
    assert main([*command, "--steps", "100"]) == 1
    messages = capsys.readouterr().err
    assert "No bundle was written" in messages and not tuned.exists()


@pytest.mark.parametrize(
    ("after", "refused"),
    [((0.9, 0.9), False), ((0.88, 0.88), False), ((0.86, 0.86), True), ((0.64, 0.9), True), ((0.66, 0.9), False)],
)
def test_forgetting_is_refused(after, refused):
    """More than three points of all known classes, or more than 25 of one: the first here, of ten."""
    shares = [after[0], *[after[1]] * 9]
    known = tuple(finetune_report.KnownClass(f"label_{n}", 100, 0.9, share) for n, share in enumerate(shares))
    report = finetune_report.FinetuneReport((), known, 10, 0.0)
    if refused:
        with pytest.raises(UserError, match="forgotten"):
            finetune_report.refuse_if_useless(report)
    else:
        finetune_report.refuse_if_useless(report)


@pytest.mark.parametrize(("num_groups", "recognised", "refused"), [(3, 0, True), (3, 1, False), (2, 0, False)])
def test_an_exercise_that_nobody_else_is_recognised_at_is_refused(num_groups, recognised, refused):
    """Where two people were left out, each time one alone was learned from: that says too little."""
    left_out = tuple(
        finetune_report.ClipAnswer(f"clip_{n}", "burpee", f"group_{n}", "burpee" if n < recognised else "squat", 9, n)
        for n in range(num_groups)
    )
    report = finetune_report.FinetuneReport(
        (finetune_report.NewClass("burpee", num_groups, num_groups, num_groups, left_out),), (), 0, float("nan")
    )
    if refused:
        with pytest.raises(UserError, match=r"not learned.*squat"):
            finetune_report.refuse_if_useless(report)
    else:
        finetune_report.refuse_if_useless(report)
        assert ("often missed" in "".join(finetune_report.warnings(report))) == (recognised < num_groups / 2)


@pytest.mark.slow
def test_without_anything_to_rehearse_on_it_is_refused(made, made_bundle, tables_of, tmp_path, capsys):
    folder = made.tables(tmp_path / "own", burpees(made), transform_fn=f"{made_bundle}/transform_fn")
    command = ["finetune", "--bundle", made_bundle, "--tables", folder, "--all_splits", "--output"]
    assert main([*command, str(tmp_path / "tuned")]) == 1
    assert "--synthetic_tables" in capsys.readouterr().err and not (tmp_path / "tuned").exists()


@pytest.mark.slow
def test_synthetic_tables_stand_in_for_rehearsal_clips(
    made, made_bundle, made_tables, synthetic_tables, tmp_path, capsys
):
    graph = f"{made_tables}/transform_fn/transform_fn"
    folder = made.tables(tmp_path / "own", burpees(made), transform_fn=graph)
    command = ["finetune", "--bundle", made_bundle, "--tables", folder, "--all_splits", "--steps", "200"]
    command += ["--learning_rate", "0.003"]
    command += ["--synthetic_tables", synthetic_tables, "--output", str(tmp_path / "tuned")]
    assert main(command) == 0
    assert "burpee, 4 clips of 4 people" in capsys.readouterr().out
    assert len(rehearsal.load(str(tmp_path / "tuned"))) == 12


@pytest.mark.slow
def test_a_new_exercise_without_movement_is_a_hold(made, rehearsed_bundle, tables_of, tmp_path):
    """Otherwise the bundle would take still windows for no exercise."""
    clips = [made.Clip(f"own/{n}", "new_hold", group=f"person_{n}", movement="burpee", still=True) for n in range(3)]
    start = tmp_path / "start"
    shutil.copytree(rehearsed_bundle, start)
    (start / bundle.METADATA_FILE).write_text(
        json.dumps(bundle.read_metadata(rehearsed_bundle) | {"temperature": 1.5, "known_threshold": 0.7})
    )
    command = ["finetune", "--bundle", str(start), "--tables", tables_of(clips), "--all_splits", "--steps", "200"]
    assert main([*command, "--output", str(tmp_path / "tuned")]) == 0
    metadata = bundle.read_metadata(str(tmp_path / "tuned"))
    assert metadata["holds"] == ["new_hold"]
    # The calibration of the bundle that it comes from.
    assert (metadata["temperature"], metadata["known_threshold"]) == (1.5, 0.7)


@pytest.mark.slow
def test_clips_of_one_person_are_warned_of(made, rehearsed_bundle, tables_of, tmp_path, capsys):
    clips = [made.Clip(f"own/burpee_{n}", "burpee", group="me") for n in range(3)]
    command = ["finetune", "--bundle", rehearsed_bundle, "--tables", tables_of(clips), "--all_splits", "--steps", "200"]
    command += ["--learning_rate", "0.003"]
    assert main([*command, "--output", str(tmp_path / "tuned")]) == 0
    assert "one person" in capsys.readouterr().out.strip().splitlines()[-1]


@pytest.mark.parametrize("flags", [("--steps", "0"), ("--learning_rate", "-1")])
def test_numbers_out_of_range_are_wrong_usage(flags, rehearsed_bundle, made_tables, tmp_path, capsys):
    command = ["finetune", "--bundle", rehearsed_bundle, "--tables", made_tables, "--output", str(tmp_path / "tuned")]
    assert main([*command, *flags]) == 2
    assert flags[1].lstrip("-") in capsys.readouterr().err


def test_rehearsal_clips_are_kept_as_they_were(tmp_path):
    random = np.random.default_rng(0)
    clips = []
    for number in range(5):
        rows = random.normal(0, 0.3, (20 + number, 33, 3)).astype(np.float32)
        rows[3] = np.nan
        clips.append(rehearsal.RehearsalClip(f"label_{number % 2}", f"group_{number}", number == 4, rows))
    rehearsal.save(str(tmp_path), clips)
    for clip, again in zip(clips, rehearsal.load(str(tmp_path)), strict=True):
        assert (again.label, again.group, again.held_out) == (clip.label, clip.group, clip.held_out)
        # A 250th of a torso, rounded: half of it.
        np.testing.assert_allclose(again.landmarks, clip.landmarks, atol=0.003, equal_nan=True)
    (tmp_path / rehearsal.FILE).write_bytes(b"PK")
    with pytest.raises(UserError, match="is damaged"):
        rehearsal.load(str(tmp_path))


def test_windows_of_rehearsal_clips_are_those_of_tables(made, made_tables, synthetic_tables):
    """What a bundle keeps of a clip gives the features that the features job gave for it."""
    import tensorflow as tf

    rule = config.Config().window
    data = dataset.load(synthetic_tables, None, rule)
    chosen = rehearsal.choose_clips(data, clip_rows.load_landmarks(synthetic_tables, data), rows_per_clip=1000)
    assert 0 < sum(clip.held_out for clip in chosen) < len(chosen) == 12
    graph = tf.saved_model.load(f"{made_tables}/transform_fn/transform_fn")
    again, _ = rehearsal.to_windows(chosen, lambda inputs: graph.transform_fn(inputs), 15.0, rule)
    assert len(again) == len(data)
    by_group = {clip.group: index for index, clip in enumerate(data.clips)}
    for index, clip in enumerate(again.clips):
        ours = again.features(again.clip == index)
        theirs = data.features(data.clip == by_group[clip.group])
        # Coordinates; speeds are of the tables' own timestamps, which limp a little.
        np.testing.assert_allclose(ours[..., :99], theirs[..., :99], atol=1e-4)


@pytest.mark.slow
def test_finetuning_lowers_the_loss_and_keeps_the_labels(made, rehearsed_bundle, tmp_path, quick_config):
    """Two of the three exercises, by people whom the bundle knows nothing of, in tables of the bundle's own graph."""
    clips = [
        made.Clip(f"new/{split}_{label}_{number}", label, split=split, num_rows=90)
        for label in ("lunge", "squat")
        for split in ("train", "validation")
        for number in range(3)
    ]
    folder = made.tables(tmp_path / "tables", clips, transform_fn=f"{rehearsed_bundle}/transform_fn")
    # With smoothing, a network that is right already is taught to be less sure of it.
    changes = {"augmentation": {"noise": 0.0}, "training": {"label_smoothing": 0.0}}
    settings = config.from_dict(changes, quick_config)
    tuned = str(tmp_path / "tuned")
    before = evaluate.evaluate(rehearsed_bundle, folder, str(tmp_path / "before"), "validation")
    finetune.finetune(rehearsed_bundle, TrainingInputs(folder), tuned, settings)
    after = evaluate.evaluate(tuned, folder, str(tmp_path / "after"), "validation")
    assert after["windows"]["nll"] < before["windows"]["nll"]
    metadata = bundle.read_metadata(tuned)
    assert metadata["labels"] == ["lunge", "push_up", "squat"]
    assert [phase["phase"] for phase in metadata["phases"]] == ["train", "finetune"]
    # It knows whom both phases were trained on.
    assert len(metadata["trained_groups"]) == 12 + 12 + 6
    assert any("6 of 6 groups" in warning and "validated" in warning for warning in after["warnings"])
    assert before["never_trained_on"] and not after["never_trained_on"]


@pytest.mark.slow
def test_finetuning_that_does_not_help_changes_nothing(made, rehearsed_bundle, tmp_path, quick_config, capsys):
    """Contradicting labels in validation: every epoch makes it worse, the bundle's weights stay."""
    clips = [made.Clip("a", "squat"), made.Clip("b", "lunge"), made.Clip("c", "push_up", split="validation")]
    folder = made.tables(tmp_path / "tables", clips, transform_fn=f"{rehearsed_bundle}/transform_fn")
    settings = config.from_dict({"training": {"finetune_learning_rate": 0.003}}, quick_config)
    tuned = str(tmp_path / "tuned")
    finetune.finetune(rehearsed_bundle, TrainingInputs(folder), tuned, settings)
    windows = np.random.default_rng(0).normal(size=(4, 34, 189)).astype(np.float32)
    np.testing.assert_allclose(
        bundle.load(tuned).probabilities(windows), bundle.load(rehearsed_bundle).probabilities(windows), atol=1e-6
    )
    assert bundle.read_metadata(tuned)["phases"][1]["best_epoch"] == 0
    assert "no epoch was better" in capsys.readouterr().err


def test_finetuning_to_a_new_class_keeps_the_body_and_the_known_outputs(made, rehearsed_bundle, quick_config):

    network = networks.build(quick_config.network, 3)
    with storage.local_copy(f"{rehearsed_bundle}/{bundle.WEIGHTS}") as weights:
        network.load_weights(weights)
    wider = networks.with_more_classes(network, quick_config.network, 4)
    windows = np.random.default_rng(0).normal(size=(4, 34, 189)).astype(np.float32)
    np.testing.assert_allclose(wider.predict(windows, verbose=0)[:, :3], network.predict(windows, verbose=0), atol=1e-5)


def test_every_member_of_an_ensemble_gets_outputs_for_new_classes():
    settings = config.NetworkConfig(name="ensemble", filters=8, dense_units=8)
    network = networks.build(settings, 3)
    wider = networks.with_more_classes(network, settings, 4)
    windows = np.random.default_rng(0).normal(size=(4, 34, 189)).astype(np.float32)
    np.testing.assert_allclose(wider.predict(windows, verbose=0)[:, :3], network.predict(windows, verbose=0), atol=1e-5)


def test_tables_of_another_transform_graph_are_refused(made, rehearsed_bundle, tmp_path, quick_config):
    folder = made.tables(tmp_path / "tables", made.three_classes("other/"), scale=2.0)
    for use in (
        lambda: finetune.finetune(rehearsed_bundle, TrainingInputs(folder), str(tmp_path / "tuned"), quick_config),
        lambda: evaluate.evaluate(rehearsed_bundle, folder, str(tmp_path / "report")),
    ):
        with pytest.raises(UserError, match=r"another transform graph .* --transform_fn"):
            use()
    assert not (tmp_path / "tuned").exists() and not (tmp_path / "report").exists()


def test_finetuning_cannot_change_the_network(rehearsed_bundle, made_tables, tmp_path, quick_config):
    settings = config.from_dict({"network": {"filters": 8}}, quick_config)
    with pytest.raises(UserError, match="the bundle has NetworkConfig"):
        finetune.finetune(rehearsed_bundle, TrainingInputs(made_tables), str(tmp_path / "tuned"), settings)
