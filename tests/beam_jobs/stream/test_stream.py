"""The stream command on real parts: a bucket that announces uploads, Pub/Sub, Beam's DirectRunner, MediaPipe."""

import json
import time

import cloud
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from commands import run_command

from beam_jobs import storage, tables
from beam_jobs.features.pipeline import WRITTEN
from live.defaults import DEFAULT_BUNDLE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pubsub():
    with cloud.pubsub_emulator() as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", address)
        yield address


@pytest.fixture(scope="module")
def uploads(pubsub):
    """The topic and subscription about objects of gs://bucket, and the bucket's file system."""
    topic = cloud.Topic()
    with cloud.announcing_store(pubsub, topic.short_name) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", address)
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        import gcsfs

        gcsfs.GCSFileSystem.clear_instance_cache()
        store = gcsfs.GCSFileSystem(project=cloud.PROJECT, token="anon")
        store.mkdir("bucket")
        yield topic, store
    gcsfs.GCSFileSystem.clear_instance_cache()


def in_order(rows: pa.Table) -> pa.Table:
    return rows.sort_by([(name, "ascending") for name in ("video_id", "person_id", "frame_id")])


def put(store, folder, name: str, under: str) -> None:
    store.put_file(str(folder / name), f"bucket/{under}/{name}")


@pytest.fixture(scope="module")
def streamed(uploads, athlete_videos, tmp_path_factory):
    """What a stream has written of six videos, of which one was overwritten, one vanished, and others are damaged."""
    topic, store = uploads
    answers, letters = cloud.Topic(), cloud.Topic()
    names = sorted(path.relative_to(athlete_videos).as_posix() for path in athlete_videos.rglob("*.mp4"))
    waiting, burst = names[:2], names[2:]
    # All this waits for the job when it starts.
    for name in waiting:
        put(store, athlete_videos, name, "videos")
    store.pipe_file("bucket/videos/broken.mp4", b"no video")
    store.pipe_file("bucket/videos/vanished.mp4", b"anything")
    store.rm_file("bucket/videos/vanished.mp4")  # which is announced, too: an event of no interest
    store.pipe_file(f"bucket/videos/{burst[0]}", b"a former version")
    store.pipe_file("bucket/elsewhere/other.mp4", b"not below the folder")
    topic.publish(b"poison")
    topic.publish(
        eventType="OBJECT_FINALIZE", bucketId="bucket", objectId="videos/x.mp4", objectGeneration="1", eventTime="soon"
    )
    # A day and an hour before: its window is closed.
    topic.publish(
        eventType="OBJECT_FINALIZE",
        bucketId="bucket",
        objectId="videos/too_late.mp4",
        objectGeneration="1",
        eventTime=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 25 * 3600)),
    )
    for name in burst:
        put(store, athlete_videos, name, "videos")
    info = store.info(f"bucket/videos/{waiting[0]}")
    # The same upload announced once more, as a new message.
    for _ in range(2):
        topic.publish(
            eventType="OBJECT_FINALIZE",
            bucketId="bucket",
            objectId=f"videos/{waiting[0]}",
            objectGeneration=str(info["generation"]),
            eventTime=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )
    output, log = "gs://bucket/tables", tmp_path_factory.mktemp("stream") / "log"
    flags = ("--videos", "gs://bucket/videos", "--subscription", topic.subscription, "--bundle", DEFAULT_BUNDLE)
    topics = ("--predictions_topic", answers.path, "--dead_letters_topic", letters.path)
    with (
        cloud.traffic(topic),
        cloud.streaming(*flags, *topics, "--output", output, "--window_s", 10, log=log) as process,
    ):
        found = [json.loads(message.data) for message in answers.pull(len(names), 400)]
        failed = [json.loads(message.data) for message in letters.pull(6)]
        # A pause, then one more while the stream runs.
        store.pipe_file("bucket/videos/last.mp4", b"no video either")
        failed += [json.loads(message.data) for message in letters.pull(1)]
        cloud.wait_for(process, lambda: len(cloud.written(output, tables.QUALITY)) >= len(names), what="quality")
        cloud.wait_for(process, lambda: len(cloud.written(output, tables.DEAD_LETTERS)) >= 7, what="dead letters")
        time.sleep(3)  # were there more, they would come now
    return output, names, found, failed, log.read_text()


def test_streaming_writes_the_same_rows_as_batch(streamed, athlete_videos, tmp_path):
    output, names, *_ = streamed
    batch = tmp_path / "batch"
    extract = ("extract", "--videos", athlete_videos, "--output", batch)
    assert run_command("beam_jobs", *extract).returncode == 0
    features = ("features", "--input", batch, "--output", batch, "--transform_fn", DEFAULT_BUNDLE)
    assert run_command("beam_jobs", *features).returncode == 0
    for table in (tables.LANDMARKS, *WRITTEN):
        ours, theirs = in_order(cloud.written(output, table)), in_order(cloud.written(str(batch), table))
        assert ours.num_rows > 100 and ours.schema.equals(theirs.schema)
        for name in ours.column_names:
            one, other = ours[name].to_numpy(), theirs[name].to_numpy()
            np.testing.assert_array_equal(one, other, f"{table.name}.{name}")  # to the last bit; NaN is NaN
    quality = [
        cloud.written(folder, tables.QUALITY).sort_by("video_id").drop(["uri"]) for folder in (output, str(batch))
    ]
    assert quality[0].equals(quality[1]) and quality[0]["video_id"].to_pylist() == names


def test_every_failure_is_a_dead_letter_and_the_stream_goes_on(streamed):
    output, names, _, published, _ = streamed
    expected = {
        ("broken.mp4", "decode", "not_a_video"),
        ("last.mp4", "decode", "not_a_video"),
        ("vanished.mp4", "read", "not_found"),
        (names[2], "read", "overwritten"),
        ("too_late.mp4", "notify", "too_late"),
    }
    for rows in (cloud.written(output, tables.DEAD_LETTERS).to_pylist(), published):
        found = [(row["video_id"], row["stage"], row["reason"]) for row in rows]
        assert len(found) == 7 and expected <= set(found)
        assert [reason for _, _, reason in found].count("not_a_notification") == 2
        assert not any("/tmp" in row["message"] for row in rows)


def test_each_video_is_predicted_once_and_as_by_the_bundle(streamed):
    from beam_jobs import windows
    from model import bundle

    output, names, answers, *_ = streamed
    assert sorted(answer["video_id"] for answer in answers) == names
    loaded = bundle.load(DEFAULT_BUNDLE)
    predicted, features = (
        in_order(cloud.written(output, table)) for table in (tables.PREDICTIONS, tables.FINAL_FEATURES)
    )
    for answer in answers:
        rows = features.filter(pc.equal(features["video_id"], answer["video_id"]))
        values = np.stack([rows[name].to_numpy() for name in tables.FEATURE_NAMES], axis=1)
        ends, inputs = zip(
            *windows.windows(zip(values, rows["detected"].to_pylist(), strict=True), loaded.rule), strict=True
        )
        expected = loaded.probabilities(np.stack(inputs))
        ours = predicted.filter(pc.equal(predicted["video_id"], answer["video_id"]))
        assert ours["frame_id"].to_pylist() == rows["frame_id"].take(list(ends)).to_pylist()
        np.testing.assert_allclose(ours["probabilities"].to_pylist(), expected, atol=1e-5)
        assert answer["exercise"] == loaded.labels[expected.mean(axis=0).argmax()]
        assert answer["num_windows"] == len(ends) and len(answer["bundle_sha256"]) == 64


def test_a_trainer_finds_a_whole_folder(streamed):
    from beam_jobs import transform_graph

    output, *_ = streamed
    fingerprint = storage.fingerprint(storage.table_files(output, tables.FINAL_FEATURES)[0])
    assert transform_graph.find(output, fingerprint)
    assert not [file for file in storage.filesystem(output)[0].find("bucket/tables") if file.endswith(".tmp")]


def test_batch_jobs_do_not_write_over_a_stream(streamed, athlete_videos):
    output, *_ = streamed
    done = run_command("beam_jobs", "extract", "--videos", athlete_videos, "--output", output)
    assert done.returncode == 1 and "stream" in done.stderr
