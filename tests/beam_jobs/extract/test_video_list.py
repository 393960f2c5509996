"""Which files of a folder, a pattern or a CSV are taken for videos, and what they are called."""

import os
import pathlib
import unicodedata

import pytest

from beam_jobs.errors import UserError
from beam_jobs.extract.command import match_videos
from beam_jobs.extract.video_list import local_files, manifest_videos, video_source
from beam_jobs.labels import Video

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "développé") for form in ("NFC", "NFD"))


def names(videos: str | pathlib.Path) -> list[str]:
    return [video.video_id for video in match_videos(video_source(str(videos)))]


def touch(folder: pathlib.Path, *files: str) -> pathlib.Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"x")
    return folder


def test_folders_behind_links_are_followed_each_real_folder_once(tmp_path):
    touch(tmp_path / "elsewhere", "a.mp4", "deep/b.mp4")
    videos = touch(tmp_path / "videos", "own.mp4", "real/c.mp4")
    (videos / "data").symlink_to(tmp_path / "elsewhere")
    (videos / "again").symlink_to(tmp_path / "elsewhere" / "deep")
    (videos / "a_link_to_real").symlink_to(videos / "real")
    # `again` comes first by its name; what is real comes before links.
    assert names(videos) == ["again/b.mp4", "data/a.mp4", "own.mp4", "real/c.mp4"]
    assert names(videos / "*" / "*.mp4") == ["again/b.mp4", "data/a.mp4", "real/c.mp4"]


def test_links_in_a_circle_come_to_an_end(tmp_path):
    touch(tmp_path, "a/x.mp4")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert names(tmp_path) == ["a/x.mp4"]


def test_a_link_to_nothing_is_not_left_out(tmp_path):
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (tmp_path / "self.mp4").symlink_to(tmp_path / "self.mp4")
    assert names(tmp_path) == ["gone.mp4", "self.mp4"]


def test_a_pipe_is_no_video(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    assert names(touch(tmp_path, "a.mp4")) == ["a.mp4"]


def test_what_phones_windows_and_downloads_put_beside_videos_is_passed_over(tmp_path):
    beside = ["desktop.ini", "Thumbs.db", "IMG_1.HEIC", "IMG_1.AAE", "MVI_1.THM", "plan.pdf", "song.mp3", "b.mp4.part"]
    hidden = [".DS_Store", "._a.mp4", "__MACOSX/c.mp4", "$RECYCLE.BIN/d.mp4", "@eaDir/e.mp4", ".Trash-1000/f.mp4"]
    touch(tmp_path, "a.MP4", "no_ending", *beside, *hidden)
    assert names(tmp_path) == ["a.MP4", "no_ending"]
    assert names(tmp_path / "*") == ["a.MP4", "no_ending"]
    assert sorted(video_source(str(tmp_path)).passed_over) == sorted(beside)
    # Asked for by its ending, it is tried.
    assert names(tmp_path / "*.mp3") == ["song.mp3"]


def test_a_job_s_own_output_is_not_taken_for_videos(tmp_path):
    touch(
        tmp_path,
        "a.mp4",
        "landmarks/a.mp4.parquet",
        *("transform_fn/fingerprint.json", "transform_fn/transformed_metadata/schema.pbtxt"),
        *(f"transform_fn/transform_fn/{name}" for name in ("saved_model.pb", "fingerprint.pb")),
        *(f"bundle/classifier/variables/variables.{name}" for name in ("index", "data-00000-of-00001")),
        *("bundle/bundle.json", "bundle/weights.weights.h5", "bundle/logs/train/events.out.tfevents.17.host.1.0.v2"),
    )
    assert names(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize("name", ["a[b]c", "[a-z]", "a]b", "a*b", "a?b", "a{b}c", "a b", "a#b", "a%20b", "é", "a\\b"])
def test_a_folder_and_a_file_of_any_name_are_found(tmp_path, name):
    folder = touch(tmp_path / name, f"{name}.mp4", "b.mp4")
    touch(tmp_path / "ab", "other.mp4")
    both = sorted([f"{name}.mp4", "b.mp4"])
    assert names(folder) == both
    assert names(f"{folder}/*.mp4") == both
    assert video_source(f"{folder}/{name}.mp4").listed == (Video(f"{name}.mp4", f"{folder}/{name}.mp4"),)


def test_patterns(tmp_path, monkeypatch):
    touch(tmp_path, "a/x.mp4", "b/x.mp4", "b/deep/y.mp4", "z.mov")
    assert names(tmp_path / "*" / "x.mp4") == ["a/x.mp4", "b/x.mp4"]
    assert names(tmp_path / "[b]" / "*.mp4") == ["b/x.mp4"]
    assert names(tmp_path / "**.mp4") == ["a/x.mp4", "b/deep/y.mp4", "b/x.mp4"]
    monkeypatch.chdir(tmp_path)
    assert match_videos(video_source("b/*/?.mp4")) == [Video("deep/y.mp4", "b/deep/y.mp4")]
    assert match_videos(video_source("*.mov")) == [Video("z.mov", "z.mov")]
    assert names("*.avi") == []
    assert local_files(".", depth=1) == ["z.mov"]


def test_a_file_url_is_a_local_path(tmp_path):
    assert names(f"file://{touch(tmp_path, 'a.mp4')}") == ["a.mp4"]


def test_a_manifest_finds_a_decomposed_name_by_a_composed_one(tmp_path):
    touch(tmp_path, f"{DECOMPOSED}/{DECOMPOSED}.mp4")
    (tmp_path / "videos.csv").write_text(f"video\n{COMPOSED}/{COMPOSED}.mp4\n")
    (video,) = manifest_videos(str(tmp_path / "videos.csv"))
    assert os.path.exists(video.uri)
    (tmp_path / "videos.csv").write_text(f"video\n{COMPOSED}.mp4\n{DECOMPOSED}.mp4\n")
    with pytest.raises(UserError, match=r"line 3: .*twice"):
        manifest_videos(str(tmp_path / "videos.csv"))
