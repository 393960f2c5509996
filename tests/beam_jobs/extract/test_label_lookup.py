"""Which row of labels.csv is about which video; and what is said of rows and videos that do not fit together."""

import unicodedata

import pytest

from beam_jobs.errors import UserError
from beam_jobs.extract.label_lookup import LabelLookup, check_labels
from beam_jobs.labels import Video, default_labels

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "développé") for form in ("NFC", "NFD"))


def lookup(folder, text) -> LabelLookup:
    path = folder / "labels.csv"
    path.write_text(text)
    return LabelLookup.read(str(path))


def test_labels_go_to_the_path_they_name(tmp_path):
    found = lookup(tmp_path, "video,label\nclip.mp4,squat\nsub/clip.mp4,lunge\n")
    assert found.find(Video("clip.mp4", f"{tmp_path}/sub/clip.mp4")).label == "lunge"
    assert found.find(Video("clip.mp4", f"{tmp_path}/./clip.mp4")).label == "squat"
    assert found.find(Video("clip.mp4", "gs://elsewhere/clip.mp4")).label == "squat"
    assert found.find(Video("other.mp4", "other.mp4")) == default_labels("other.mp4")


@pytest.mark.parametrize(("on_disk", "in_file"), [(DECOMPOSED, COMPOSED), (COMPOSED, DECOMPOSED)])
def test_composed_and_decomposed_names_are_the_same(tmp_path, on_disk, in_file):
    found = lookup(tmp_path, f"video,label,group\n{in_file}.mp4,{DECOMPOSED},{DECOMPOSED}\n")
    for uri in (f"{tmp_path}/{on_disk}.mp4", f"gs://bucket/{on_disk}.mp4"):
        labels = found.find(Video(f"{on_disk}.mp4", uri))
        assert (labels.label, labels.group) == (COMPOSED, COMPOSED)
    assert default_labels(COMPOSED) == default_labels(DECOMPOSED)


def test_a_row_finds_its_video_behind_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.mp4").touch()
    (tmp_path / "data").symlink_to(tmp_path / "elsewhere")
    found = lookup(tmp_path, "video,label\ndata/a.mp4,squat\n")
    assert found.find(Video("elsewhere/a.mp4", f"{tmp_path}/elsewhere/a.mp4")).label == "squat"


def test_rows_that_name_no_video_are_reported_with_the_one_that_may_be_meant(tmp_path):
    videos = [Video(name, f"{tmp_path}/{name}") for name in ("squat/s1.mp4", "squat/s2.MP4", "lunge/l1.mp4")]
    found = lookup(tmp_path, "video,label\nsquat/s1.mp4,squat\nsquat/s2.mp4,squat\nlung/none.mp4,lunge\n")
    unused, unlabelled = check_labels(videos, found)
    assert "2 rows" in unused and "line 3, 'squat/s2.mp4'" in unused
    assert "'squat/s2.MP4'" in unused
    assert "2 videos" in unlabelled
    assert check_labels(videos[:1], lookup(tmp_path, "video,label\nsquat/s1.mp4,squat\n")) == []


def test_rows_without_a_label_are_reported_with_their_lines(tmp_path):
    videos = [Video(name, f"{tmp_path}/{name}") for name in ("a.mp4", "b.mp4", "c.mp4")]
    (warning,) = check_labels(videos, lookup(tmp_path, "video,label\na.mp4,squat\nb.mp4\nc.mp4,\n"))
    assert "line 3, 4" in warning and "'b.mp4'" in warning


def test_a_file_that_names_none_of_the_videos_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"none of the 1 videos.*'a.mp4'"):
        check_labels([Video("a.mp4", "elsewhere/a.mp4")], lookup(tmp_path, "video,label\nA.mp4,squat\n"))
