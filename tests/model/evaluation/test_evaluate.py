import base64
import html
import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from beam_jobs.errors import UserError
from model import bundle, config, dataset
from model.evaluation import evaluate, predictions


@pytest.fixture(scope="module")
def report(made_bundle, made_tables, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("evaluation") / "report"
    evaluate.evaluate(made_bundle, made_tables, str(folder))
    return folder


def test_metrics_json_says_what_stands_behind_each_figure(report):
    figures = json.loads((report / "metrics.json").read_text())
    assert figures["split"] == "test" and figures["never_trained_on"]
    assert figures["labels"] == ["lunge", "push_up", "squat"]
    # lunge 2, push_up 2, squat 2 + gaps + nearly_empty; the clip without a label is not by_hand.
    assert figures["clips"]["num_clips"] == 8 and figures["clips"]["num_groups"] == 8
    assert figures["clips"]["num_unanswered"] == 1
    # 60 rows: windows end in rows 9, 12, ..., 57: 17 in each of six whole clips. The clip with gaps has rows 5 to 29
    # and 41 to 59: its 10th row with a person is 14, so windows end in rows 15, 18, ..., 27, and 42, 45, ..., 57.
    assert figures["windows"]["num_windows"] == 6 * 17 + 5 + 6
    # The nearly empty clip has 9 rows with a person: no window.
    assert figures["windows"]["num_clips"] == figures["windows"]["num_groups"] == 7
    assert figures["clips"]["num_answered"] == 7
    classes = figures["classes"]
    assert [classes["clips"][label]["num_groups"] for label in figures["labels"]] == [2, 2, 4]
    assert [classes["windows"][label]["num_groups"] for label in figures["labels"]] == [2, 2, 3]
    # Too few clips to say how well calibrated the answers are.
    assert figures["clips"]["ece"] is None and figures["windows"]["ece"] is not None
    (unanswered,) = figures["unanswered_clips"]
    assert unanswered["clip"] == "test/nearly_empty" and unanswered["label"] in figures["labels"]
    assert figures["classes"]["clips"]["squat"]["support"] == 4
    assert any("no answer" in warning for warning in figures["warnings"])
    assert any("no label" in warning for warning in figures["warnings"])
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
    # The fourth window of a whole clip: windows end in rows 9, 12, 15, 18, ...
    at = table["video_id"].to_pylist().index("test/lunge_0") + 3
    assert table["frame_id"][at].as_py() == 18
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
        assert "other groups" in text
        assert "test/nearly_empty" in text
        low, high = figures["clips"]["accuracy_interval_95"]
        assert f"({100 * low:.1f} to {100 * high:.1f})" in text
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
    assert "12 of 26 groups" in capsys.readouterr().err
    assert "26 groups, 12 " in (tmp_path / "report" / "report.md").read_text()


def test_all_splits_of_new_tables_are_not_warned_of(made, made_bundle, tmp_path):
    clips = [made.Clip("fresh/a", "squat"), made.Clip("fresh/b", "burpee", split="test")]
    folder = made.tables(tmp_path / "tables", clips, transform_fn=f"{made_bundle}/transform_fn")
    figures = evaluate.evaluate(made_bundle, folder, str(tmp_path / "report"), "all")
    assert figures["never_trained_on"]
    # A class that the bundle does not know is left out, and said so.
    assert figures["clips"]["num_clips"] == 1
    assert any("burpee" in w for w in figures["warnings"])
    with pytest.raises(UserError, match="'test' has no window"):
        evaluate.evaluate(made_bundle, folder, str(tmp_path / "report"), "test")


def predictions_by_hand(folder: str, wrong: tuple[str, ...]) -> predictions.Predictions:
    """Answers of 0.9 for the truth, or for another class where the clip is one of `wrong`."""
    data = dataset.load(folder, None, config.Config().window)
    labels = ("lunge", "squat", "$x^$")
    truth = dataset.clip_labels(data.clips, labels)[data.clip]
    answers = np.where([data.clips[index].video_id in wrong for index in data.clip], 2, truth)
    probabilities = np.full((len(data), 3), 0.05, np.float32)
    probabilities[np.arange(len(data)), answers] = 0.9
    return predictions.predictions_of(data, probabilities, labels)


def drawn_lines(figure) -> dict[str, np.ndarray]:
    return {line.get_label(): np.stack(line.get_data()) for line in figure.axes[0].lines}


def test_a_timeline_breaks_where_nobody_is_in_view(made, tmp_path):
    from model.evaluation import plots

    clips = [made.Clip("gap", "squat", undetected=tuple(range(30, 41))), made.Clip("$2 and $3", "lunge", num_rows=30)]
    by_hand = predictions_by_hand(made.tables(tmp_path, clips), wrong=("$2 and $3",))
    assert by_hand.data.clips[plots.longest_clip(by_hand)].video_id == "gap"
    line = drawn_lines(plots.timeline(by_hand, plots.longest_clip(by_hand), 3))["squat (truth)"]
    # Windows end in rows 9, 12, ..., 27, then 42, ..., 57.
    assert np.isnan(line[:, 7]).all() and np.isfinite(np.delete(line, 7, axis=1)).all() and line.shape[1] == 7 + 1 + 6
    assert by_hand.data.clips[plots.most_wrong_clip(by_hand)].video_id == "$2 and $3"
    assert plots.most_wrong_clip(predictions_by_hand(str(tmp_path), wrong=())) is None


def test_a_report_of_awkward_names_a_wrong_clip_and_curves_that_are_no_numbers(made, made_bundle, tmp_path):
    from model.evaluation import report as evaluation_report

    clips = [made.Clip("$2^ and $3_", "squat"), made.Clip("b", "lunge"), made.Clip("b", "lunge", person_id=2)]
    by_hand = predictions_by_hand(made.tables(tmp_path / "tables", clips), wrong=("$2^ and $3_",))
    metadata = bundle.read_metadata(made_bundle)
    phase = metadata["phases"][0]
    phase["curves"]["nll"][-1] = phase["curves"]["val_nll"][-1] = None
    metadata["phases"] = [phase, {**phase, "best_epoch": 0}]
    figures = evaluate.evaluate_predictions(metadata, by_hand, "all")
    (tmp_path / "report").mkdir()
    evaluation_report.write(str(tmp_path / "report"), figures, by_hand, metadata)
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert "| &#36;2^ and &#36;3\\_ | squat | &#36;x^&#36; | 90.0 % |" in markdown
    assert (tmp_path / "report" / "pictures" / "timeline_wrong.png").exists() and "timeline_wrong.png" in markdown
    # A class without a clip, and one that was never answered, are no 0 %.
    assert figures["classes"]["clips"]["$x^$"]["recall"] is None
    assert figures["classes"]["clips"]["squat"]["precision"] is None
    assert "| squat | – | 0.0 % |" in markdown
    # Two people of a video are two clips of one group.
    assert figures["clips"]["num_clips"] == 3 and figures["clips"]["num_groups"] == 2


@pytest.mark.parametrize(
    "name",
    [
        "$2^ and $3_",
        "a|b",
        "_draft_/*x*.mp4",
        "[clip](new)",
        "<b>&amp;",
        "back\\slash`s",
        "front_lateral_raise",
        "1. x # y",
    ],
)
def test_names_come_through_the_report_as_they_are(name):
    from model.evaluation import report as evaluation_report

    section = evaluation_report.Section("Title", (f"The clip {name} is wrong.",), (("clip",), (name,)))
    page = evaluation_report.to_html(evaluation_report.to_markdown([section], {}), "Title", "")
    cells = re.findall(r"<td>(.*?)</td>|<p>The clip (.*?) is wrong.</p>", page)
    assert [html.unescape("".join(found)) for found in cells] == [name, name]


def test_group_hashes_are_not_names():
    # The first 16 hex digits of SHA-256 of "abc" (FIPS 180-2's example).
    assert predictions.group_hash("abc") == "ba7816bf8f01cfea"


def test_predictions_keep_clips_without_windows(made_tables):
    data = dataset.load(made_tables, ["test"], config.Config().window)
    uniform = np.full((len(data), 3), 1 / 3, np.float32)
    by_hand = predictions.predictions_of(data, uniform, ("lunge", "push_up", "squat"))
    assert len(by_hand.clips) == 8 and np.isnan(by_hand.clip_probabilities).any(axis=1).sum() == 1
    assert by_hand.compute_metrics()["windows"]["nll"] == pytest.approx(np.log(3), rel=1e-6)
