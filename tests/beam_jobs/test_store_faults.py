"""What a store does wrong: objects that vanish or change, permissions, failures that pass, too many objects."""

import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import pytest
from commands import REPOSITORY
from faulty_store import Fault, FaultyStore, faulty_store

from beam_jobs import local_copies, storage
from beam_jobs.extract.command import match_videos
from beam_jobs.extract.extract_video import ExtractSettings, ExtractVideo
from beam_jobs.extract.video_list import video_source
from beam_jobs.labels import Video
from beam_jobs.video.frames import VideoError


@pytest.fixture
def store(gcs_bucket, monkeypatch, tmp_path) -> FaultyStore:
    """The bucket through a proxy that fails as the test says; local copies go below the test's folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with faulty_store(os.environ["STORAGE_EMULATOR_HOST"]) as (address, faulty):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
        yield faulty


def put(path: str, content: bytes) -> str:
    fs, name = storage.filesystem(path)
    fs.pipe_file(name, content)
    return path


def left() -> list[pathlib.Path]:
    return [path for path in local_copies.root().glob("*") if path.is_dir()]


def dead_letter_of(uri: str, output: str, pose_model_path: str) -> dict:
    """The one dead letter of a video."""
    extract = ExtractVideo(ExtractSettings(output, pose_model_path=pose_model_path))
    extract.setup()
    try:
        (found,) = extract.process(Video("a.mp4", uri))
    finally:
        extract.teardown()
    assert found.tag == "dead_letters"
    return found.value


def test_a_copy_is_there_while_it_is_used_and_gone_afterwards(store, gcs_bucket):
    path = put(f"{gcs_bucket}/copies/a.mp4", b"content")
    with local_copies.local_copy(path) as local:
        assert pathlib.Path(local).read_bytes() == b"content"
        assert len(left()) == 1
    with pytest.raises(RuntimeError), local_copies.local_copy(path):
        raise RuntimeError
    assert left() == []


def test_failures_that_pass_are_tried_again(store, gcs_bucket):
    path = put(f"{gcs_bucket}/copies/b.mp4", b"content")
    store.faults = [Fault("GET", r"b\.mp4", 503, times=1), Fault("GET", r"b\.mp4.*alt=media", 503, times=1)]
    with local_copies.local_copy(path) as local:
        assert pathlib.Path(local).read_bytes() == b"content"
    assert [fault.times for fault in store.faults] == [0, 0]
    store.faults = [Fault("POST", "upload", 503, times=1)]
    storage.write_text(f"{gcs_bucket}/copies/c.txt", "written")
    assert storage.read_text(f"{gcs_bucket}/copies/c.txt") == "written"
    assert store.faults[0].times == 0


def test_a_video_that_vanished_since_it_was_listed_is_a_dead_letter(store, gcs_bucket, tmp_path, pose_model_path):
    path = put(f"{gcs_bucket}/vanishing/a.mp4", b"content")
    (video,) = match_videos(video_source(f"{gcs_bucket}/vanishing"))
    storage.remove(path)
    assert dead_letter_of(video.uri, str(tmp_path / "out"), pose_model_path)["reason"] == "not_found"


def test_a_video_that_is_overwritten_while_it_is_read_is_never_mixed(store, gcs_bucket, tmp_path, pose_model_path):
    path = put(f"{gcs_bucket}/copies/d.mp4", b"first version")
    fault = Fault("GET", r"d\.mp4.*alt=media", times=1, before=lambda: put(path, b"second version"))
    store.faults = [fault]
    assert dead_letter_of(path, str(tmp_path / "out"), pose_model_path)["reason"] == "not_found"
    assert fault.times == 0
    with local_copies.local_copy(path) as local:
        assert pathlib.Path(local).read_bytes() == b"second version"


def test_a_video_that_may_not_be_read_is_a_dead_letter(store, gcs_bucket, tmp_path, pose_model_path):
    path = put(f"{gcs_bucket}/copies/e.mp4", b"content")
    store.faults = [Fault("GET", r"e\.mp4", 403)]
    letter = dead_letter_of(path, str(tmp_path / "out"), pose_model_path)
    assert letter["reason"] == "unreadable" and "Forbidden" in letter["message"]
    assert left() == []


def test_a_video_that_is_larger_than_the_disk_is_a_dead_letter(store, gcs_bucket, monkeypatch):
    path = put(f"{gcs_bucket}/copies/f.mp4", b"content")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 3}))
    with pytest.raises(VideoError) as raised, local_copies.local_copy(path):
        pass
    assert raised.value.reason == local_copies.TOO_LARGE
    assert left() == []


def test_what_a_killed_process_left_is_removed_by_the_next(store, gcs_bucket):
    path = put(f"{gcs_bucket}/copies/g.mp4", b"content")
    code = f"""
import time
from beam_jobs import local_copies
with local_copies.local_copy({path!r}):
    print(flush=True)
    time.sleep(600)
"""
    killed = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE)
    killed.stdout.readline()
    (folder,) = left()
    with local_copies.local_copy(path):  # the other one is alive
        assert len(left()) == 2
    assert left() == [folder]
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    with local_copies.local_copy(path):
        assert folder not in left()
    assert left() == []


def test_copies_of_many_processes_do_not_take_each_other_away(store, gcs_bucket):
    path = put(f"{gcs_bucket}/copies/h.mp4", b"content")
    code = f"""
from beam_jobs import local_copies
for _ in range(20):
    with local_copies.local_copy({path!r}) as local:
        assert open(local, 'rb').read() == b'content'
"""
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY) for _ in range(3)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    assert left() == []


def test_thousands_of_objects_are_listed(store, gcs_bucket):
    """A page of Google's has at most a thousand."""
    names = [f"{gcs_bucket}/many/{number % 7}/{number:05d}.mp4" for number in range(2300)]
    fs, _ = storage.filesystem(names[0])
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: fs.pipe_file(storage.filesystem(name)[1], b"x"), names))
    assert storage.list_files(f"{gcs_bucket}/many") == sorted(names)
    assert len(match_videos(video_source(f"{gcs_bucket}/many"))) == len(names)
