import base64
import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from beam_jobs.errors import UserError
from model import bundle, config, dataset, evaluate


@pytest.fixture(scope="module")
def report(made_bundle, made_tables, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("evaluation") / "report"
    evaluate.evaluate(made_bundle, made_tables, str(folder))
    return folder


def test_metrics_json_says_what_stands_behind_each_figure(report):
    figures = json.loads((report / "metrics.json").read_text())
    assert figures["split"] == "test" and figures["never_trained_on"]
    assert figures["labels"] == ["lunge", "push_up", "squat"]
    # lunge 2, push_up 2, squat 2 + gaps + nearly_empty; the clip without a label is not judged.
    assert figures["clips"]["num_clips"] == 8 and figures["clips"]["num_groups"] == 8
    assert figures["clips"]["num_unanswered"] == 1
    # 60 rows: windows end in rows 18, 21, ..., 57: 14 in each of six whole clips; the clip with gaps has fewer.
    assert 6 * 14 < figures["windows"]["num_windows"] < 7 * 14
    # The nearly empty clip has no window, so no group behind the windows' figures.
    assert figures["windows"]["num_groups"] == 7
    assert figures["unanswered_clips"] == ["test/nearly_empty"]
    assert figures["classes"]["clips"]["squat"]["support"] == 4
    assert any("no answer, counted as wrong" in warning for warning in figures["warnings"])
    assert any("1 clips have no label" in warning for warning in figures["warnings"])
    assert sum(map(sum, figures["confusion"]["clips"])) == 8


def test_figures_are_those_of_the_predictions(report):
    """The figures once more, from predictions.parquet alone."""
    figures = json.loads((report / "metrics.json").read_text())
    table = pq.read_table(report / "predictions.parquet")
    assert table.column_names[:7] == ["video_id", "person_id", "frame_id", "timestamp_ms", "label", "group", "split"]
    labels = np.array(figures["labels"])
    probabilities = np.stack([table[f"probability_{label}"].to_numpy() for label in labels], axis=1)
    truth, clips = np.array(table["label"].to_pylist()), np.array(table["video_id"].to_pylist())
    labelled = clips != "test/unknown"
    assert labelled.sum() == figures["windows"]["num_windows"] < len(labelled)
    right = labels[probabilities.argmax(axis=1)] == truth
    assert figures["windows"]["accuracy"] == pytest.approx(right[labelled].mean())
    of_truth = [row[list(labels).index(name)] for row, name in zip(probabilities, truth, strict=True) if name]
    assert figures["windows"]["nll"] == pytest.approx(-np.log(of_truth).mean(), rel=1e-4)
    answers = {name: labels[probabilities[clips == name].mean(axis=0).argmax()] for name in set(clips[labelled])}
    right_clips = sum(answer in name or (answer == "squat" and "gaps" in name) for name, answer in answers.items())
    assert figures["clips"]["accuracy"] == pytest.approx(right_clips / 8)


def test_predictions_are_the_bundles(report, made_bundle, made_tables):
    table = pq.read_table(report / "predictions.parquet")
    loaded = bundle.load(made_bundle)
    data = dataset.load(made_tables, ["test"], loaded.rule)
    # The fourth window of a whole clip: windows end in rows 18, 21, 24, 27, ...
    at = table["video_id"].to_pylist().index("test/lunge_0") + 3
    assert table["frame_id"][at].as_py() == 27
    assert data.clips[data.clip[at]].video_id == "test/lunge_0"
    expected = loaded.probabilities(data.features(np.array([at])))[0]
    found = [table[f"probability_{label}"][at].as_py() for label in loaded.labels]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_report_has_its_figures_and_pictures(report):
    figures = json.loads((report / "metrics.json").read_text())
    markdown, page = (report / "report.md").read_text(), (report / "report.html").read_text()
    for text in (markdown, page):
        assert f"{100 * figures['clips']['accuracy']:.1f} %" in text
        assert f"{figures['windows']['nll']:.3f}" in text and f"{figures['windows']['ece']:.3f}" in text
        assert "None of these groups was trained on." in text
        assert "test/nearly_empty" in text
    named = re.findall(r"\((pictures/\w+\.png)\)", markdown)
    assert len(named) == 5
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert [base64.b64decode(picture) for picture in pictures] == [(report / name).read_bytes() for name in named]
    assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in pictures)
    # One file: nothing is fetched from elsewhere.
    assert not re.findall(r'(?:src|href)="(?!data:)', page)


def test_all_splits_are_said_to_include_trained_groups(made_bundle, made_tables, tmp_path, capsys):
    figures = evaluate.evaluate(made_bundle, made_tables, str(tmp_path / "report"), "all")
    assert not figures["never_trained_on"]
    # 4 of each class were trained on, 2 of each in validation, 8 in test with a label.
    assert (figures["num_groups"], figures["num_trained_groups"], figures["num_validation_groups"]) == (26, 12, 6)
    assert "12 of 26 groups have names that the bundle was trained on" in capsys.readouterr().err
    assert "12 of these 26 groups" in (tmp_path / "report" / "report.md").read_text()


def test_all_splits_of_new_tables_are_not_warned_of(made, made_bundle, tmp_path):
    clips = [made.Clip("fresh/a", "squat"), made.Clip("fresh/b", "burpee", split="test")]
    folder = made.tables(tmp_path / "tables", clips, transform_fn=f"{made_bundle}/transform_fn")
    figures = evaluate.evaluate(made_bundle, folder, str(tmp_path / "report"), "all")
    assert figures["never_trained_on"]
    # A class that the bundle does not know is left out, and said so.
    assert figures["clips"]["num_clips"] == 1
    assert any(
        "1 clips are of classes that the bundle does not know, left out: burpee" in w for w in figures["warnings"]
    )
    with pytest.raises(UserError, match="the split 'test' has no window with a label that the bundle knows"):
        evaluate.evaluate(made_bundle, folder, str(tmp_path / "report"), "test")


def test_group_hashes_are_not_names():
    # The first 16 hex digits of SHA-256 of "abc" (FIPS 180-2's example).
    assert evaluate.group_hash("abc") == "ba7816bf8f01cfea"


def test_judge_keeps_clips_without_windows(made_tables):
    data = dataset.load(made_tables, ["test"], config.Config().window)
    uniform = np.full((len(data), 3), 1 / 3, np.float32)
    judged = evaluate.judge(data, uniform, ("lunge", "push_up", "squat"))
    assert len(judged.clips) == 8 and np.isnan(judged.clip_probabilities).any(axis=1).sum() == 1
    assert judged.figures()["windows"]["nll"] == pytest.approx(np.log(3), rel=1e-6)
