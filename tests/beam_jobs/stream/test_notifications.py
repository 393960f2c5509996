import json

import pytest

from beam_jobs.stream.messages import Message
from beam_jobs.stream.notifications import NotificationError, WatchedFolder, decode

ATTRIBUTES = {
    "eventType": "OBJECT_FINALIZE",
    "bucketId": "bucket",
    "objectId": "videos/squat/a.mp4",
    "objectGeneration": "17",
    "eventTime": "2026-11-27T12:00:00.250000Z",
    "payloadFormat": "JSON_API_V1",
}
BODY = {
    "kind": "storage#object",
    "bucket": "bucket",
    "name": "videos/squat/a.mp4",
    "generation": "17",
    "timeCreated": "2026-11-27T12:00:00.250Z",
}


@pytest.mark.parametrize("message", [Message(b"", ATTRIBUTES), Message(json.dumps(BODY).encode())])
def test_a_notification_is_decoded_from_attributes_or_body(message):
    found = decode(message)
    assert (found.key, found.event) == ("gs://bucket/videos/squat/a.mp4#17", "OBJECT_FINALIZE")
    assert found.time_s == 1795780800.25


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Message(b"\xff\xfe", {}, "7"), "7"),
        (Message(b"[1]"), "JSON_API_V1"),
        (Message(b"{}"), "bucket, name"),
        (Message(b"", ATTRIBUTES | {"eventTime": "yesterday"}), "yesterday"),
        (Message(b"", {name: value for name, value in ATTRIBUTES.items() if name != "bucketId"}), "bucket"),
        (Message(json.dumps(BODY | {"generation": 17}).encode()), "generation"),
    ],
)
def test_other_messages_are_refused(message, expected):
    with pytest.raises(NotificationError, match=expected):
        decode(message)


@pytest.mark.parametrize(
    ("name", "video_id"),
    [
        ("videos/a.mp4", "a.mp4"),
        ("videos/squat/ä b#1.mp4", "squat/ä b#1.mp4"),
        ("videos/no_ending", "no_ending"),
        ("videos/", None),
        ("videos/squat/", None),  # what some tools make in place of a folder
        ("videos", None),
        ("videos2/a.mp4", None),
        ("videos/.hidden.mp4", None),
        ("videos/labels.csv", None),
    ],
)
def test_a_video_is_named_by_its_path_below_the_folder(name, video_id):
    notification = decode(Message(b"", ATTRIBUTES | {"objectId": name}))
    for folder in ("gs://bucket/videos", "gs://bucket/videos/"):
        video = WatchedFolder(folder).video(notification)
        assert (video and video.video_id) == video_id
        if video:
            assert (video.uri, video.generation) == (f"gs://bucket/{name}", "17")
