"""The extract job on real videos with the real pose model, as a user runs it."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import apache_beam as beam
import numpy as np
import pyarrow.parquet as pq
import pytest
import videos
from apache_beam.testing.util import assert_that, equal_to
from commands import run_command, start_command

from beam_jobs import landmarks, storage, tables, windows
from beam_jobs.errors import UserError
from beam_jobs.extract import command, extract_video
from beam_jobs.extract.video_list import manifest_videos
from beam_jobs.labels import Video
from beam_jobs.options import ExtractArgs
from beam_jobs.pose import estimator as pose_estimator

IN_PROCESS = ("--direct_running_mode=in_memory", "--direct_num_workers=1")


def extract(videos_path, output, labels=None, **flags) -> None:
    """Runs the job in this process."""
    args = ExtractArgs(str(videos_path), str(output), labels and str(labels), **flags)
    assert command.run(args, list(IN_PROCESS)) == 0


def rows_of(folder, table=tables.LANDMARKS):
    return storage.read_table(str(folder), table).to_pylist()


@pytest.fixture(scope="module")
def clips(athlete_videos) -> list[pathlib.Path]:
    return sorted(athlete_videos.rglob("*.mp4"))


@pytest.fixture(scope="module")
def mixed(clips, tmp_path_factory) -> pathlib.Path:
    """A folder as users send it: a good clip, one without a person, and four that are broken in their own ways."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "people").mkdir()
    shutil.copy(clips[0], folder / "people" / "good clip.mp4")
    videos.write(folder / "nobody.mp4", frames=45, frame_rate_hz=15)
    options = ("-c:v", "libx264", "-g", "10", "-movflags", "+faststart")
    whole = videos.write(folder / "whole.mp4", frames=120, options=options)
    (folder / "cut.mp4").write_bytes(pathlib.Path(whole).read_bytes()[: int(os.path.getsize(whole) * 0.7)])
    os.remove(whole)
    (folder / "text.mp4").write_text("not a video at all\n")
    (folder / "empty.mp4").touch()
    (folder / "README.md").write_text("a companion, passed over")
    (folder / ".hidden.mp4").write_text("passed over too")
    (folder / "labels.csv").write_text("video,label,group\npeople/good clip.mp4,squat,ann\nnobody.mp4,,\n")
    return folder


@pytest.fixture(scope="module")
def extracted(mixed, tmp_path_factory, pose_model_path):
    output = tmp_path_factory.mktemp("extracted") / "tables"
    args = ("--videos", mixed, "--labels", mixed / "labels.csv", "--output", output)
    return output, run_command("beam_jobs", "extract", *args)


def test_broken_videos_become_dead_letters_and_fail_the_job_after_everything_was_written(extracted):
    output, done = extracted
    assert done.returncode == 1
    assert "3 of 5" in done.stderr and "--max_failed_share" in done.stderr
    assert "Traceback" not in done.stderr
    letters = {row["video_id"]: row for row in rows_of(output, tables.DEAD_LETTERS)}
    assert {name: row["reason"] for name, row in letters.items()} == {
        "cut.mp4": "truncated",
        "empty.mp4": "empty",
        "text.mp4": "not_a_video",
    }
    quality = {row["video_id"]: row for row in rows_of(output, tables.QUALITY)}
    assert sorted(quality) == ["cut.mp4", "nobody.mp4", "people/good clip.mp4"]
    # What was decoded before the damage is kept.
    assert letters["cut.mp4"]["num_frames_kept"] == quality["cut.mp4"]["num_frames_sampled"] > 5
    assert re.search("2 videos done.* 0 skipped.* 3 failed", done.stdout)
    # Beam's counters, against the quality table.
    total = {
        name: sum(row[f"num_frames_{name}"] for row in quality.values()) for name in ("decoded", "sampled", "detected")
    }
    without = total["sampled"] - total["detected"]
    assert re.search(f"{total['decoded']} .*decoded, {total['sampled']} .*sampled, {without} without", done.stdout)
    decoding_s, estimating_s = map(
        float, re.search(r"([\d.]+) s decoding, ([\d.]+) s estimating", done.stdout).groups()
    )
    assert decoding_s > 0
    assert estimating_s > 0


def test_nobody_in_view_is_data(extracted):
    rows = [row for row in rows_of(extracted[0]) if row["video_id"] == "nobody.mp4"]
    assert [row["frame_id"] for row in rows] == list(range(45))
    assert not any(row["detected"] for row in rows)
    assert all(np.isnan(row["nose_world_x_m"]) and np.isnan(row["left_knee_visibility"]) for row in rows)
    (quality,) = [row for row in rows_of(extracted[0], tables.QUALITY) if row["video_id"] == "nobody.mp4"]
    assert (quality["detected_share"], quality["width_px"], quality["height_px"]) == (0.0, 160, 120)
    assert quality["longest_gap_s"] == pytest.approx(44 / 15, abs=0.002)
    assert quality["frame_rate_hz"] == pytest.approx(15, rel=0.01)
    assert (quality["codec"], quality["pixel_format"], quality["is_interlaced"]) == ("h264", "yuv420p", False)
    # Drawn in grey of 110, with a few black and white blocks.
    assert 90 < quality["mean_brightness"] < 130


def test_rows_are_the_pose_model_s_own_answers(extracted, mixed, pose_model_path):
    rows = [row for row in rows_of(extracted[0]) if row["video_id"] == "people/good clip.mp4"]
    with pose_estimator.PoseEstimator(pose_model_path) as estimator:
        expected = [
            (frame.frame_id, frame.timestamp_ms, estimator.estimate(frame.image, frame.timestamp_ms))
            for frame in videos.read_frames(str(mixed / "people" / "good clip.mp4"), windows.SamplingGrid(15))
        ]
    assert [(row["frame_id"], row["timestamp_ms"]) for row in rows] == [(e[0], e[1]) for e in expected]
    for row, (_, _, found) in zip(rows, expected, strict=True):
        assert row["detected"] == found.detected
        for index, name in enumerate(landmarks.LANDMARK_NAMES):
            world = [row[f"{name}_world_{axis}_m"] for axis in "xyz"]
            image = [row[f"{name}_image_{axis}"] for axis in "xyz"]
            np.testing.assert_allclose(world, found.world[index], atol=1e-5)
            np.testing.assert_allclose(image, found.image[index], atol=1e-5)
            np.testing.assert_allclose(row[f"{name}_visibility"], found.visibility[index], atol=1e-5)
    assert np.mean([row["detected"] for row in rows]) > 0.9


def test_labels_and_fingerprint_travel_with_the_rows(extracted, pose_model_path):
    output, _ = extracted
    row = next(row for row in rows_of(output) if row["video_id"] == "people/good clip.mp4")
    assert (row["label"], row["group"]) == ("squat", "ann")
    assert row["split"] in tables.SPLITS
    file = storage.landmarks_file(str(output), "people/good clip.mp4")
    assert storage.fingerprint(file) == pose_estimator.fingerprint(pose_model_path, 15.0)
    assert pq.read_schema(file).names == tables.LANDMARKS.schema().names


def test_running_again_skips_what_is_done_and_gives_new_labels(extracted, mixed, tmp_path, capsys):
    output = tmp_path / "tables"
    shutil.copytree(extracted[0], output)
    labels = tmp_path / "labels.csv"
    labels.write_text("video,label,group,split\npeople/good clip.mp4,lunge,bob,test\n")
    before = rows_of(output)
    extract(mixed, output, labels, max_failed_share=0.6)
    assert re.search("0 videos done.* 2 skipped.* 3 failed", capsys.readouterr().out)
    after = rows_of(output)
    assert {(r["label"], r["group"], r["split"]) for r in after if r["video_id"].startswith("people")} == {
        ("lunge", "bob", "test")
    }
    unlabelled = [
        [{k: v for k, v in row.items() if k not in ("label", "group", "split")} for row in rows]
        for rows in (before, after)
    ]
    np.testing.assert_equal(unlabelled[1], unlabelled[0])
    (quality,) = [row for row in rows_of(output, tables.QUALITY) if row["video_id"].startswith("people")]
    assert quality["label"] == "lunge"


def test_another_sampling_rate_is_another_fingerprint_and_estimates_again(extracted, mixed, tmp_path, capsys):
    output = tmp_path / "tables"
    shutil.copytree(extracted[0], output)
    extract(mixed / "nobody.mp4", output, frame_rate_hz=5.0)
    assert "1 videos done" in capsys.readouterr().out
    rows = [row for row in rows_of(output) if row["video_id"] == "nobody.mp4"]
    assert len(rows) == 15
    # The tables still know the videos of the former run.
    assert len(rows_of(output, tables.QUALITY)) == 3
    assert len(rows_of(output, tables.DEAD_LETTERS)) == 3


def test_the_pipeline_on_videos_in_a_collection(mixed, extracted, tmp_path, pose_model_path):
    """Beam's own process: no command line, no worker processes, no listing of a folder."""
    names = ("nobody.mp4", "cut.mp4", "text.mp4", "nowhere.mp4")
    with beam.Pipeline("FnApiRunner") as run:
        found = (
            run
            | beam.Create([Video(name, str(mixed / name)) for name in names])
            | beam.ParDo(
                extract_video.ExtractVideo(extract_video.ExtractSettings(str(tmp_path), str(mixed / "labels.csv")))
            ).with_outputs("dead_letters", main="quality")
        )
        sampled = found.quality | "Rows" >> beam.Map(lambda row: (row["video_id"], row["num_frames_sampled"]))
        reasons = found.dead_letters | "Reasons" >> beam.Map(lambda row: (row["video_id"], row["reason"]))
        expected = {row["video_id"]: row["num_frames_sampled"] for row in rows_of(extracted[0], tables.QUALITY)}
        assert_that(sampled, equal_to([(name, expected[name]) for name in ("nobody.mp4", "cut.mp4")]), "Sampled")
        letters = [("cut.mp4", "truncated"), ("text.mp4", "not_a_video"), ("nowhere.mp4", "not_found")]
        assert_that(reasons, equal_to(letters), "Letters")


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(mixed, extracted, tmp_path, capsys):
    extract(mixed, tmp_path / "out", mixed / "labels.csv", dry_run=True)
    messages = capsys.readouterr()
    assert "5 videos" in messages.out and "1 squat" in messages.out and "5 are new" in messages.out
    assert "no label" in messages.err and "3 videos" in messages.err
    # README.md, but not labels.csv: that one is read.
    (passed_over,) = (line for line in messages.out.splitlines() if "passed over" in line)
    assert ": 1 (1 .md)" in passed_over
    assert not (tmp_path / "out").exists()
    extract(mixed, extracted[0], mixed / "labels.csv", dry_run=True)
    assert "3 have landmarks" in (out := capsys.readouterr().out) and "2 are new" in out


def start_extract(videos_folder, output):
    flags = ("--videos", videos_folder, "--output", output, "--direct_num_workers=2")
    return start_command("beam_jobs", "extract", *flags)


def wait_for_first_file(output, process):
    deadline = time.monotonic() + 240
    while not storage.table_files(str(output), tables.LANDMARKS):
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def processes_of(session):
    found = subprocess.run(
        ["ps", "-ww", "-s", str(session), "-o", "pid=,args="], capture_output=True, text=True, check=False
    )
    return [line for line in found.stdout.splitlines() if "defunct" not in line]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "everywhere"),
    [(signal.SIGKILL, True), (signal.SIGINT, False), (signal.SIGINT, True)],
    ids=["killed", "launcher interrupted", "Ctrl-C in a terminal"],
)
def test_a_job_stopped_half_way_leaves_whole_files_and_goes_on(clips, tmp_path, how, everywhere, pose_model_path):
    # More than two workers are at work on when the first one is done.
    folder, output = tmp_path / "videos", tmp_path / "tables"
    folder.mkdir()
    for clip in clips[:4]:
        shutil.copy(clip, folder)
    process = start_extract(folder, output)
    wait_for_first_file(output, process)
    if everywhere:
        os.killpg(process.pid, how)
    else:
        process.send_signal(how)  # to the launcher alone: it must end its workers itself
    printed, _ = process.communicate(timeout=60)
    whole = [pathlib.Path(file) for file in storage.table_files(str(output), tables.LANDMARKS)]
    assert 1 <= len(whole) < 4
    assert all(pq.read_table(file).num_rows > 50 for file in whole)
    if how == signal.SIGINT:
        assert process.returncode == 130, printed
        assert "Traceback" not in printed
        deadline = time.monotonic() + 20
        while processes_of(process.pid) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert processes_of(process.pid) == []
        assert [file for file in (output / "landmarks").iterdir() if file.name.startswith(".")] == []
    stamps = {file: file.stat().st_mtime_ns for file in whole}
    done = run_command("beam_jobs", "extract", "--videos", folder, "--output", output)
    assert done.returncode == 0
    assert f"{len(whole)} skipped" in done.stdout
    assert {file: file.stat().st_mtime_ns for file in whole} == stamps
    keys = [(row["video_id"], row["frame_id"]) for row in rows_of(output)]
    assert len(set(keys)) == len(keys)
    assert len({video for video, _ in keys}) == 4
    assert len(rows_of(output, tables.QUALITY)) == 4


def test_a_manifest_names_videos_beside_itself_and_carries_labels(mixed, tmp_path):
    manifest = tmp_path / "videos.csv"
    shutil.copy(mixed / "nobody.mp4", tmp_path / "a.mp4")
    manifest.write_text(f"video,label\na.mp4,plank\n{mixed / 'nobody.mp4'},squat\nmissing.mp4,squat\n")
    extract(manifest, tmp_path / "tables", max_failed_share=0.5)
    found = {row["video_id"]: row["label"] for row in rows_of(tmp_path / "tables", tables.QUALITY)}
    assert found == {"a.mp4": "plank", str(mixed / "nobody.mp4"): "squat"}
    (letter,) = rows_of(tmp_path / "tables", tables.DEAD_LETTERS)
    assert (letter["video_id"], letter["reason"]) == ("missing.mp4", "not_found")


def test_from_and_to_cloud_storage(mixed, tmp_path, gcs_bucket, pose_model_path):
    from beam_jobs import storage

    for name in ("nobody.mp4", "text.mp4"):
        with storage.atomic_file(f"{gcs_bucket}/videos/{name}") as local:
            shutil.copy(mixed / name, local)
    args = ("--videos", f"{gcs_bucket}/videos", "--output", f"{gcs_bucket}/tables", "--max_failed_share", "0.5")
    assert run_command("beam_jobs", "extract", *args, *IN_PROCESS).returncode == 0
    rows = rows_of(f"{gcs_bucket}/tables")
    assert [row["frame_id"] for row in rows] == list(range(45))
    assert [row["reason"] for row in rows_of(f"{gcs_bucket}/tables", tables.DEAD_LETTERS)] == ["not_a_video"]
    again = run_command("beam_jobs", "extract", *args, *IN_PROCESS)
    assert "1 skipped" in again.stdout


def test_the_metadata_says_what_a_file_was_made_of(extracted, mixed):
    metadata = storage.read_metadata(storage.landmarks_file(str(extracted[0]), "cut.mp4"))
    assert metadata["content_sha256"] == json.loads(metadata["quality"])["content_sha256"]
    assert [letter["reason"] for letter in json.loads(metadata["dead_letters"])] == ["truncated"]


def process(output, video, labels_path=None, timeout_s=60.0, on_frame=lambda dofn, number: None, monkeypatch=None):
    """Runs the DoFn on one video as a worker does; returns its quality rows and its dead letters."""
    dofn = extract_video.ExtractVideo(
        extract_video.ExtractSettings(str(output), labels_path, decode_timeout_s=timeout_s)
    )
    dofn.setup()
    numbers = iter(range(10_000))
    estimate = pose_estimator.PoseEstimator.estimate

    def watched(self, image, timestamp_ms):
        on_frame(dofn, next(numbers))
        return estimate(self, image, timestamp_ms)

    if monkeypatch is not None:
        monkeypatch.setattr(pose_estimator.PoseEstimator, "estimate", watched)
    found = list(dofn.process(video))
    dofn.teardown()
    letters = [one.value for one in found if isinstance(one, beam.pvalue.TaggedOutput)]
    return [one for one in found if isinstance(one, dict)], letters


@pytest.mark.parametrize(
    ("signal_sent", "reason", "timeout_s"),
    [
        (signal.SIGSEGV, "decoder_crashed", 60.0),
        # Long enough for the decoder to start on a busy machine.
        pytest.param(signal.SIGSTOP, "decoder_hung", 20.0, marks=pytest.mark.slow),
    ],
)
def test_a_decoder_that_dies_or_hangs_costs_the_rest_of_one_video_and_is_tried_again(
    tmp_path, monkeypatch, signal_sent, reason, timeout_s, pose_model_path
):
    video = Video("v.mp4", videos.write(tmp_path / "v.mp4", frames=300, size_px=(640, 480)))

    def attack(dofn, number):
        if number == 5:
            os.kill(dofn.decoder.process_id, signal_sent)

    quality, letters = process(tmp_path / "out", video, timeout_s=timeout_s, on_frame=attack, monkeypatch=monkeypatch)
    assert [letter["reason"] for letter in letters] == [reason]
    assert 5 < quality[0]["num_frames_sampled"] == letters[0]["num_frames_kept"] < 150
    monkeypatch.undo()
    quality, letters = process(tmp_path / "out", video)
    assert (quality[0]["num_frames_sampled"], letters) == (150, [])


def test_a_pose_model_that_fails_on_a_frame_keeps_the_rows_before_it(tmp_path, monkeypatch, pose_model_path):
    video = Video("v.mp4", videos.write(tmp_path / "v.mp4", frames=60))

    def fail(dofn, number):
        if number == 7:
            raise RuntimeError("a graph broke")

    quality, (letter,) = process(tmp_path / "out", video, on_frame=fail, monkeypatch=monkeypatch)
    assert (letter["stage"], letter["reason"], letter["num_frames_kept"]) == ("estimate", "pose_failed", 7)
    assert "a graph broke" in letter["message"]
    assert quality[0]["num_frames_sampled"] == 7


def test_what_cannot_be_written_is_no_fault_of_the_video(tmp_path, pose_model_path):
    video = Video("v.mp4", videos.write(tmp_path / "v.mp4", frames=30))
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        process(tmp_path / "file" / "out", video)


@pytest.mark.slow
def test_a_worker_that_dies_ends_the_job_with_what_to_do(athlete_videos, tmp_path, pose_model_path):
    output = tmp_path / "tables"
    started = start_extract(athlete_videos, output)
    wait_for_first_file(output, started)
    listed = subprocess.run(
        ["ps", "-ww", "-s", str(started.pid), "-o", "pid=,args="], capture_output=True, text=True, check=True
    )
    workers = [
        int(line.split()[0]) for line in listed.stdout.splitlines() if "sdk_worker_main" in line and "sh -c" not in line
    ]
    assert len(workers) >= 2
    os.kill(workers[0], signal.SIGKILL)
    printed, _ = started.communicate(timeout=120)
    assert started.returncode == 1, printed
    assert "A worker process died" in printed
    assert "Traceback" not in printed


@pytest.mark.slow
def test_names_that_look_like_patterns_are_long_or_lead_nowhere(tmp_path, capsys, pose_model_path):
    folder = tmp_path / "v [1]#%20"
    folder.mkdir()
    long_name = "深蹲" * 30 + ".mp4"
    videos.write(tmp_path / "plain.mp4", frames=15)
    for name in ("b [x].mp4", long_name):
        shutil.copy(tmp_path / "plain.mp4", folder / name)
    (folder / "desktop.ini").touch()
    (folder / "gone.mp4").symlink_to("/nowhere/gone.mp4")
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(tmp_path / "plain.mp4", tmp_path / "elsewhere")
    (folder / "data").symlink_to(tmp_path / "elsewhere")
    (folder / "labels.csv").write_text("video,label\nb [x].mp4,Squat\ndata/plain.mp4,squat\nno.mp4,lunge\n")
    output = tmp_path / "out [2]"
    extract(folder, output, folder / "labels.csv", max_failed_share=0.3)
    messages = capsys.readouterr()
    found = {row["video_id"]: row["label"] for row in rows_of(output, tables.QUALITY)}
    assert found == {"b [x].mp4": "squat", "data/plain.mp4": "squat", long_name: None}
    (letter,) = rows_of(output, tables.DEAD_LETTERS)
    assert (letter["video_id"], letter["reason"]) == ("gone.mp4", "not_found")
    assert "link to /nowhere/gone.mp4" in letter["message"]
    assert "1 row" in messages.err and "Squat (1) as squat" in messages.err
    assert ".ini" in messages.out


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_whole_files_are_kept(mixed, small_disk, pose_model_path):
    folder = small_disk.parent / "videos"
    folder.mkdir()
    for number in range(3):
        shutil.copy(mixed / "people" / "good clip.mp4", folder / f"{number}.mp4")
    done = run_command("beam_jobs", "extract", "--videos", folder, "--output", small_disk)
    assert done.returncode == 1
    assert "disk is full" in done.stderr and "Traceback" not in done.stderr
    for file in storage.table_files(str(small_disk), tables.LANDMARKS):
        assert pq.read_table(file).num_rows > 50


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label\nx\n", "has no column `video`"),
        ("video\na\na\n", "line 3.* twice"),
        ("v,video\nx\n", "empty"),
    ],
)
def test_a_manifest_that_is_wrong_is_reported(tmp_path, text, message):
    path = tmp_path / "videos.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        manifest_videos(str(path))
