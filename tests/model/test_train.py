import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from beam_jobs.errors import UserError
from model import batches, bundle, config, dataset, fitting, networks, standing_still, train, training_data
from model.evaluation import evaluate, predictions
from model.training_data import TrainingInputs


def test_class_weights_let_each_class_weigh_the_same():
    counts = np.array([10, 30, 60])
    # 100 / (3 * 10), ...
    np.testing.assert_allclose(batches.class_weights(counts), [10 / 3, 10 / 9, 5 / 9], rtol=1e-6)
    np.testing.assert_allclose(batches.class_weights(counts) * counts, [100 / 3] * 3, rtol=1e-6)
    # A class that the bundle knows and the tables lack: the others share the weight, 40 / (2 * 10) and 40 / (2 * 30).
    np.testing.assert_allclose(batches.class_weights(np.array([10, 0, 30])), [2, 0, 2 / 3], rtol=1e-6)


def test_batches_draw_few_windows_of_each_clip_anew_each_epoch(made_tables):
    data = dataset.load(made_tables, ["train"], config.Config().window)
    truth = data.labels(("lunge", "push_up", "squat"))
    settings = config.TrainingConfig(max_windows_per_clip=5, batch_size=7)
    drawn = batches.Batches(data, truth, 3, settings, seed=1)

    def epoch() -> tuple[np.ndarray, np.ndarray]:
        parts = [drawn[index] for index in range(len(drawn))]
        assert all(len(windows) <= 7 for windows, _, _ in parts)
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    windows, one_hot = epoch()
    assert len(windows) == 5 * 12
    assert one_hot.sum(axis=0).tolist() == [20, 20, 20]
    first = windows[:, -1]
    drawn.on_epoch_end()
    assert not np.array_equal(epoch()[0][:, -1], first)
    again = batches.Batches(data, truth, 3, settings, seed=1)
    np.testing.assert_array_equal(again[0][0], windows[:7])
    whole = batches.Batches(data, truth, 3, config.TrainingConfig(max_windows_per_clip=0), seed=1)
    assert sum(len(whole[index][0]) for index in range(len(whole))) == len(data)


def test_batches_are_augmented_several_at_once_and_each_gets_its_own(made_tables):
    data = dataset.load(made_tables, ["train"], config.Config().window)
    truth = data.labels(("lunge", "push_up", "squat"))
    asked = []

    def augmenter(last, seed):
        asked.append((len(last), seed))
        return last[:, None, None].astype(np.float32)

    settings = config.TrainingConfig(max_windows_per_clip=0, batch_size=4)
    drawn = batches.Batches(data, truth, 3, settings, 1, augmenter)
    assert len(drawn) > 16
    for epoch in range(2):
        found = np.concatenate([drawn[index][0][:, 0, 0] for index in range(len(drawn))])
        assert found.tolist() == data.positions[drawn.order, -1].tolist()
        # Whatever was asked for before.
        assert drawn[9][0][:, 0, 0].tolist() == found[36:40].tolist()
        assert drawn[0][0][:, 0, 0].tolist() == found[:4].tolist()
        drawn.on_epoch_end()
        assert drawn.epoch == epoch + 1
    assert max(num for num, _ in asked) == 32 and sum(num for num, _ in asked) >= 2 * len(data)
    # No two calls of two epochs have the same random numbers.
    assert len({seed for _, seed in asked}) == 2 * -(-len(drawn) // 8)


@pytest.mark.parametrize(
    ("num", "size"),
    [(64, 64), (6537, 64), (70, 64), (72, 36), (127, 63), (5, 5), (130, 64)],
)
def test_batches_for_training_are_of_one_size_and_leave_few_windows_out(made_tables, num, size):
    """102 batches of 64 leave 9 windows out; one of 64 would leave 63 of 127 out, two of 63 leave one."""
    data = dataset.load(made_tables, ["train"], config.Config().window)
    data = data.select(np.arange(num) % len(data))
    settings = config.TrainingConfig(max_windows_per_clip=0, batch_size=64)
    truth = np.zeros(num, np.int32)
    drawn = batches.Batches(data, truth, 1, settings, 1, lambda last, seed: np.zeros((len(last), 34, 189), np.float32))
    sizes = {len(drawn[index][0]) for index in range(len(drawn))}
    assert sizes == {size} == {drawn.batch_size} and num - size * len(drawn) <= num / 10


def test_further_tables_have_their_share_of_an_epoch(made_tables):
    data = dataset.load(made_tables, ["train"], config.Config().window)
    truth = data.labels(training_data.classes(data))
    clips = np.unique(data.clip)
    further = np.isin(data.clip, clips[2:])
    own = int(min(8, (data.clip == clips[0]).sum()) + min(8, (data.clip == clips[1]).sum()))
    for share in (0.25, 0.5):
        settings = config.TrainingConfig(max_windows_per_clip=8, batch_size=4, synthetic_fraction=share)
        drawn = batches.Batches(data, truth, 3, settings, 1, synthetic=further)
        of_further = further[drawn.order]
        assert (~of_further).sum() == own and of_further.sum() == round(own * share / (1 - share))
        first = drawn.order[of_further]
        drawn.on_epoch_end()
        assert set(drawn.order[further[drawn.order]]) != set(first)
    # None of further tables, none of one's own, or no share: nothing is left out.
    for parts in (np.zeros(len(truth), bool), np.ones(len(truth), bool)):
        settings = config.TrainingConfig(max_windows_per_clip=0, synthetic_fraction=0.5)
        assert len(batches.Batches(data, truth, 3, settings, 1, synthetic=parts).order) == len(truth)
    settings = config.TrainingConfig(max_windows_per_clip=0, synthetic_fraction=0.0)
    assert len(batches.Batches(data, truth, 3, settings, 1, synthetic=further).order) == len(truth)


def test_it_learns_what_can_be_learned(made_bundle, made_tables, tmp_path):
    figures = evaluate.evaluate(made_bundle, made_tables, str(tmp_path / "report"))
    assert figures["windows"]["accuracy"] > 0.9
    # Nine clips: one has no label, one no window, and counts as wrong.
    assert figures["clips"]["num_clips"] == 8
    assert figures["clips"]["accuracy"] == pytest.approx(7 / 8)
    curves = bundle.read_metadata(made_bundle)["phases"][0]["curves"]
    assert curves["nll"][-1] < curves["nll"][0] / 2


@pytest.mark.slow
def test_the_same_command_twice_gives_the_same_figures(made_tables, made_bundle, quick_config, tmp_path):
    again = str(tmp_path / "again")
    train.train(TrainingInputs(made_tables), again, quick_config)
    first, second = bundle.read_metadata(made_bundle), bundle.read_metadata(again)
    for metadata in (first, second):
        metadata["phases"][0].pop("minutes")
    assert first == second
    windows = np.random.default_rng(0).normal(size=(4, 34, 189)).astype(np.float32)
    np.testing.assert_array_equal(
        bundle.load(made_bundle).probabilities(windows), bundle.load(again).probabilities(windows)
    )


@pytest.mark.slow
def test_another_seed_gives_another_network(made_tables, made_bundle, quick_config, tmp_path):
    other = str(tmp_path / "other")
    settings = config.from_dict({"seed": 2, "training": {"epochs": 1}}, quick_config)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "best.weights.h5").write_text("the user's own")
    train.train(TrainingInputs(made_tables), other, settings, log_dir=str(tmp_path / "logs"))
    curves = [bundle.read_metadata(path)["phases"][0]["curves"]["nll"][0] for path in (made_bundle, other)]
    assert curves[0] != curves[1]
    # With --log_dir the logs are there and not in the bundle.
    assert list((tmp_path / "logs").rglob("events.out.tfevents.*")) and not Path(other, "logs").exists()
    assert (tmp_path / "logs" / "best.weights.h5").read_text() == "the user's own"


def test_the_best_weights_are_kept(made_bundle, made_tables, quick_config):
    """The bundle's validation figure is the best epoch's, not the last one's."""
    metadata = bundle.read_metadata(made_bundle)
    best = min(metadata["phases"][0]["curves"]["val_nll"])
    assert metadata["metrics"]["validation"]["windows"]["nll"] == pytest.approx(best, abs=1e-4)
    phase = metadata["phases"][0]
    assert phase["curves"]["val_nll"][phase["best_epoch"] - 1] == best


def test_tensorboard_logs_are_in_the_bundle(made_bundle):
    assert list(Path(made_bundle, "logs").rglob("events.out.tfevents.*"))
    assert not list(Path(made_bundle).rglob("best.weights.h5"))


@pytest.mark.parametrize(
    ("clips", "said"),
    [
        ([("a", "squat", "train"), ("b", "lunge", "train")], "validation split has no window"),
        ([("a", "squat", "test"), ("b", "lunge", "validation")], "train split has no window"),
        ([("a", "squat", "train"), ("b", "squat", "validation")], "the one class 'squat'"),
        ([("a", None, "train"), ("b", "squat", "validation")], "train split has no window"),
        (
            [("a", "squat", "train"), ("b", "lunge", "train"), ("c", "burpee", "validation")],
            "no class of the train split",
        ),
    ],
)
def test_tables_that_cannot_be_learned_from(made, tmp_path, quick_config, clips, said):
    made_clips = [made.Clip(name, label, split=split) for name, label, split in clips]
    folder = made.tables(tmp_path / "tables", made_clips)
    with pytest.raises(UserError) as caught:
        train.train(TrainingInputs(folder), str(tmp_path / "bundle"), quick_config)
    assert said in str(caught.value)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.slow
def test_classes_without_validation_are_warned_of(made, tmp_path, quick_config, capsys):
    clips = [
        made.Clip("a", "squat"),
        made.Clip("b", "lunge"),
        made.Clip("c", "squat", split="validation"),
        made.Clip("d", "burpee", split="validation"),
        made.Clip("e", "squat", num_rows=9),
        made.Clip("f", "squat", num_rows=20),
    ]
    folder = made.tables(tmp_path / "tables", clips)
    set_split = pa.array(["train"] * 120 + ["validation"] * 120 + ["train"] * 9 + [None] * 20, pa.string())
    file = tmp_path / "tables" / "final_features" / "part-00000-of-00001.parquet"
    table = pq.read_table(file)
    pq.write_table(table.set_column(table.schema.get_field_index("split"), "split", set_split), file)
    train.train(
        TrainingInputs(folder), str(tmp_path / "bundle"), config.from_dict({"training": {"epochs": 1}}, quick_config)
    )
    messages = capsys.readouterr().err
    (no_split,) = (line for line in messages.splitlines() if "none of the splits" in line)
    assert " 1, " in no_split and "'f'" in no_split
    assert re.search("lunge: .*validation split", messages)
    assert re.search("burpee: .*left out", messages)
    assert re.search("too few rows.* 1[.]", messages)
    metadata = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert metadata["labels"] == ["lunge", "squat"]
    # The short clip is not among those that it was trained on; the other classes' clip not among the figures.
    assert metadata["phases"][0]["num_clips"] == 2
    assert metadata["metrics"]["validation"]["clips"]["num_clips"] == 1


def load(inputs: TrainingInputs) -> training_data.TrainingData:
    return training_data.load_training_data(inputs, config.Config().window)


@pytest.fixture(scope="module")
def further_clips(made) -> list:
    """Of two exercises that the tables have and one that they lack, by three more people."""
    return [
        made.Clip(f"further/{label}", label, group=f"drawn_{label}", split="test")
        for label in ("lunge", "squat", "none")
    ]


def one_epoch(settings: config.Config, **training) -> config.Config:
    return config.from_dict({"training": {"epochs": 1, **training}}, settings)


@pytest.mark.slow
def test_further_tables_are_trained_on(made, made_tables, further_clips, tmp_path, quick_config):
    graph = f"{made_tables}/transform_fn/transform_fn"
    further = made.tables(tmp_path / "further", further_clips, transform_fn=graph)
    train.train(TrainingInputs(made_tables, (further,)), str(tmp_path / "bundle"), one_epoch(quick_config))
    metadata = bundle.read_metadata(str(tmp_path / "bundle"))
    # Twelve groups of the train split, and three whatever their split; all are stopped by the same six.
    hashes = {predictions.group_hash(f"drawn_{label}") for label in ("lunge", "squat", "none")}
    assert len(metadata["trained_groups"]) == 12 + 3 and hashes < set(metadata["trained_groups"])
    assert metadata["phases"][0]["num_groups"] == 15 and metadata["phases"][0]["num_clips"] == 15
    assert len(metadata["validation_groups"]) == 6 and not hashes & set(metadata["validation_groups"])
    # Their classes are the bundle's, too.
    assert metadata["labels"] == ["lunge", "none", "push_up", "squat"]


def test_further_people_are_as_ones_own(made, made_tables, further_clips, tmp_path):
    graph = f"{made_tables}/transform_fn/transform_fn"
    further = made.tables(tmp_path / "further", further_clips, transform_fn=graph)
    drawn = made.tables(
        tmp_path / "drawn", [dataclasses.replace(clip, group=f"{clip.group}_2") for clip in further_clips], 1.0, graph
    )
    material = load(TrainingInputs(made_tables, (drawn,), (further,), {"none": "lunge"}))
    of_further = {material.train.clips[clip].group for clip in material.train.clip[material.synthetic]}
    # Three clips of the drawn ones; the further people are not among them, and all are trained on.
    assert of_further == {f"drawn_{label}_2" for label in ("lunge", "squat", "none")}
    assert {f"drawn_{label}" for label in ("lunge", "squat", "none")} < material.train.groups()
    assert training_data.classes(material.train) == ("lunge", "push_up", "squat")
    other = made.tables(tmp_path / "other", further_clips, scale=2.0)
    with pytest.raises(UserError, match=r"--extra_tables .* another transform graph"):
        load(TrainingInputs(made_tables, extra_tables=(other,)))


def test_material_of_several_tables_goes_together(made, made_tables, further_clips, tmp_path):
    """Landmarks of a window, by its rows, are those of its clip, whichever tables it is from."""
    graph = f"{made_tables}/transform_fn/transform_fn"
    further = made.tables(tmp_path / "further", further_clips, transform_fn=graph)
    material = load(TrainingInputs(made_tables, (further,)))
    seeds = {clip.video_id: (seed, clip) for seed, clip in enumerate(further_clips)}
    found = [clip for clip in material.train.clips if clip.video_id in seeds]
    assert len(material.train.clips) == 12 + 3 and len(found) == 3
    for clip in found:
        seed, made_clip = seeds[clip.video_id]
        rows, _, _ = made.landmarks(made_clip, seed)
        np.testing.assert_array_equal(material.landmarks[clip.rows], rows)
        # The hand-made graph's first 99 features are the coordinates.
        np.testing.assert_allclose(material.train.rows[clip.rows, :99], rows.reshape(-1, 99), rtol=1e-6)


def test_further_tables_of_another_transform_graph_are_refused(made, made_tables, further_clips, tmp_path):
    other = made.tables(tmp_path / "other", further_clips, scale=2.0)
    with pytest.raises(UserError) as caught:
        load(TrainingInputs(made_tables, (other,)))
    messages = str(caught.value)
    assert messages.startswith(f"--synthetic_tables {other} ") and "another transform graph" in messages
    assert f" {made_tables} " in messages and f"--transform_fn {made_tables}" in messages
    assert not (tmp_path / "bundle").exists()


def test_further_tables_of_people_to_stop_by_are_refused(made, made_tables, further_clips, tmp_path):
    graph = f"{made_tables}/transform_fn/transform_fn"
    clips = [*further_clips, made.Clip("again", "squat", group="validation/squat_1")]
    further = made.tables(tmp_path / "further", clips, transform_fn=graph)
    with pytest.raises(UserError, match=r"validation split .*'validation/squat_1'"):
        load(TrainingInputs(made_tables, (further,)))
    # Where everything is trained on, nobody is stopped by.
    assert len(load(TrainingInputs(made_tables, (further,), all_splits=True)).train.clips) == 27 + 4


@pytest.mark.slow
def test_everything_is_trained_on_and_nothing_stops_it(made_tables, tmp_path, quick_config):
    settings = config.from_dict({"training": {"epochs": 2, "patience": 1, "temperature": 2.0}}, quick_config)
    assert train.train(TrainingInputs(made_tables, all_splits=True), str(tmp_path / "bundle"), settings) == {}
    metadata = bundle.read_metadata(str(tmp_path / "bundle"))
    # Eight people for each of three exercises, and one whose clip has gaps.
    assert len(metadata["trained_groups"]) == 8 * 3 + 1 and metadata["validation_groups"] == []
    assert metadata["metrics"] == {} and metadata["temperature"] == 2.0
    phase = metadata["phases"][0]
    assert phase["best_epoch"] == 2 and len(phase["curves"]["nll"]) == 2 and "val_nll" not in phase["curves"]
    # The temperature that is given divides the logits.
    windows = np.random.default_rng(0).normal(size=(4, 34, 189)).astype(np.float32)
    expected = softmax(logits_of(str(tmp_path / "bundle"), settings, 3, windows) / 2)
    np.testing.assert_allclose(bundle.load(str(tmp_path / "bundle")).probabilities(windows), expected, atol=1e-5)


def logits_of(folder: str, settings: config.Config, num_classes: int, windows: np.ndarray) -> np.ndarray:
    """What the bundle's network says, before any temperature."""
    from beam_jobs import storage

    network = networks.build(settings.network, num_classes)
    with storage.local_copy(f"{folder}/{bundle.WEIGHTS}") as weights:
        network.load_weights(weights)
    return network.predict(windows, verbose=0).astype(np.float64)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.slow
def test_the_temperature_suits_the_validation_split(made, tmp_path, quick_config):
    """A third of the validation clips do what another label says: a network that is sure of them is too sure."""
    clips = [
        made.Clip(f"{split}/{label}_{number}", label, split=split, num_rows=60 + 30 * number)
        for label in ("lunge", "squat")
        for split, count in (("train", 3), ("validation", 3))
        for number in range(count)
    ]
    folder = made.tables(tmp_path / "tables", clips)
    file = tmp_path / "tables" / "final_features" / "part-00000-of-00001.parquet"
    table = pq.read_table(file)
    other = {"lunge": "squat", "squat": "lunge"}
    names = [
        other[label] if video_id.startswith("validation/") and video_id.endswith("_1") else label
        for video_id, label in zip(table["video_id"].to_pylist(), table["label"].to_pylist(), strict=True)
    ]
    column = table.schema.get_field_index("label")
    pq.write_table(table.set_column(column, "label", pa.array(names, pa.string())), file)
    settings = config.from_dict({"training": {"temperature": 0.0, "epochs": 8, "learning_rate": 0.01}}, quick_config)
    figures = train.train(TrainingInputs(folder), str(tmp_path / "bundle"), settings)
    loaded = bundle.load(str(tmp_path / "bundle"))
    temperature = loaded.metadata["temperature"]
    validation = dataset.load(folder, ["validation"], settings.window)
    logits = logits_of(str(tmp_path / "bundle"), settings, 2, validation.features())
    truth = validation.labels(("lunge", "squat"))
    # Long clips have more windows; each clip counts the same.
    counts = np.bincount(validation.clip)
    assert counts.min() < counts.max()

    def loss(value: float) -> float:
        probabilities = softmax(logits / value)[np.arange(len(truth)), truth]
        return float(np.average(-np.log(probabilities), weights=1 / counts[validation.clip]))

    assert temperature != 1 and loss(temperature) < loss(1)
    assert loss(temperature) <= min(loss(temperature * 1.02), loss(temperature / 1.02))
    # It divides the bundle's logits, live and in the figures alike.
    windows = validation.features()
    np.testing.assert_allclose(loaded.probabilities(windows), softmax(logits / temperature), atol=1e-5)
    nll = -np.log(softmax(logits / temperature)[np.arange(len(truth)), truth]).mean()
    assert figures["windows"]["nll"] == pytest.approx(nll, abs=1e-4)


def test_rests_in_real_clips_are_taught_as_none_and_what_was_drawn_is_not(made_tables, monkeypatch):
    material = load(TrainingInputs(made_tables, all_splits=True))
    monkeypatch.setattr(standing_still, "standing_still", lambda landmarks, positions: positions[:, -1] % 2 == 0)
    labels = (*training_data.classes(material.train), "none")
    further = np.arange(len(material.train)) % 5 < 2
    split = training_data.labelled(material.train, labels, further)
    taught = training_data.standing_still_as_none(split, labels, material.landmarks)
    even = split.data.positions[:, -1] % 2 == 0
    resting = ~split.synthetic & even
    assert resting.any()
    np.testing.assert_array_equal(taught.truth, np.where(resting, len(labels) - 1, split.truth))
    alone = training_data.standing_still_as_none(
        dataclasses.replace(split, synthetic=np.zeros(len(split), bool)), labels, material.landmarks
    )
    np.testing.assert_array_equal(alone.truth == len(labels) - 1, even)


@pytest.mark.slow
def test_members_of_an_ensemble_learn_each_by_itself():
    """After some steps a member has the weights that it gets when it is trained alone on the same windows."""
    settings = config.NetworkConfig(name="ensemble", filters=8, dense_units=8, block_dropout=0.0, dropout=0.0)
    plan = config.TrainingConfig()
    random = np.random.default_rng(0)
    windows = random.normal(size=(96, 34, 189)).astype(np.float32)
    truth = np.eye(3, dtype=np.float32)[random.integers(0, 3, 96)]
    weights = random.uniform(0.5, 2, 96)
    fitting.seed_everything(3)
    together = networks.build(settings, 3)
    alone = [networks.build(dataclasses.replace(settings, name=name), 3) for name in ("conv_transformer", "graph")]
    for member, copy in zip(networks.members(together), alone, strict=True):
        copy.set_weights(member.get_weights())
    before = [member.get_weights() for member in networks.members(together)]
    for network in (together, *alone):
        model = fitting.compile_for_training(network, plan, 1e-2, 6)
        history = model.fit(windows, truth, 32, epochs=2, shuffle=False, sample_weight=weights, verbose=0).history
        logits = network.predict(windows, verbose=0)
        found = model.evaluate(windows, truth, 96, verbose=0, return_dict=True)
        assert found["accuracy"] == pytest.approx((logits.argmax(1) == truth.argmax(1)).mean())
        powers = np.exp(logits.astype(float))
        nll = -np.log((powers / powers.sum(1, keepdims=True))[truth > 0]).mean()
        assert found["nll"] == pytest.approx(nll, rel=1e-4) and len(history["nll"]) == 2
    for member, copy, start in zip(networks.members(together), alone, before, strict=True):
        for ours, theirs in zip(member.get_weights(), copy.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=2e-3)
        changed = [np.abs(ours - first).max() for ours, first in zip(member.get_weights(), start, strict=True)]
        assert max(changed) > 1e-2
