import collections

import pytest

from beam_jobs import labels
from beam_jobs.errors import UserError


def read(tmp_path, text):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    return labels.read_labels(str(path))


def test_group_and_split_have_defaults(tmp_path):
    found = read(tmp_path, "video,label,view\na.mp4,squat,A\nb/c.mp4,,B\n")
    assert found["a.mp4"] == labels.Labels("squat", "a.mp4", labels.split_of("a.mp4"))
    assert found["b/c.mp4"].label is None


def test_given_columns_are_kept_and_a_byte_order_mark_is_no_column(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes("﻿video,label,group,split\nx.mp4,lunge,ann,test\n".encode())
    assert labels.read_labels(str(path)) == {"x.mp4": labels.Labels("lunge", "ann", "test")}


def test_the_hash_split_is_pinned_and_about_80_10_10():
    # By hand: the first 8 bytes of sha256("ann"), big-endian, modulo 100.
    assert [labels.split_of(name) for name in ("ann", "bob", "squat_02.mp4")] == ["train", "train", "validation"]
    shares = collections.Counter(labels.split_of(f"person {number}") for number in range(10_000))
    assert 7_800 < shares["train"] < 8_200
    assert 850 < shares["validation"] < 1_150


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,label\na,b\n", "name, label"),
        ("video,group\na,b\n", "header .*video,label"),
        ("", "none"),
        ("video,label\n,squat\n", "line 2.* empty"),
        ("video,label,split\na.mp4,squat,training\n", "'training'.* train, validation, test"),
        ("video,label,group,split\na.mp4,squat,ann,train\nb.mp4,squat,ann,test\n", "line 3.* 'ann' .*'train'"),
        ("video,label\na.mp4,squat\na.mp4,lunge\n", "stands there twice"),
        ("video;label\na.mp4;squat\n", "separated by semicolons"),
        ("video\tlabel\na.mp4\tsquat\n", "separated by tabs"),
        ("video,label\nface, front.mp4,squat\n", "line 2: 3 fields"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize("header", ["video, label", "Video,Label", " VIDEO ,label,Split", "\ufeffvideo,LABEL"])
def test_a_header_is_read_without_case_and_blanks(tmp_path, header):
    assert (
        read(tmp_path, f"{header}\na.mp4, squat,test\n"[: None if "Split" in header else -6])["a.mp4"].label == "squat"
    )


def test_classes_whose_names_differ_in_spelling_are_reported():
    names = [
        "Squat",
        "squat",
        "squats",
        "jumping jack",
        "Jumping_Jack",
        "push_up",
        "pull_up",
        "pushup",
        "step_1",
        "step_2",
    ]
    assert labels.similar_labels(names) == [
        ["Jumping_Jack", "jumping jack"],
        ["Squat", "squat", "squats"],
        ["push_up", "pushup"],
    ]
    others = [
        "front_raise",
        "front_lateral_raise",
        "left_lunge",
        "right_lunge",
        "none",
        "plank",
        "sit_up",
        "split_squat",
    ]
    assert labels.similar_labels(others) == []
