"""Notifications of a bucket, as Google Cloud Storage publishes them: plain functions, no Beam.

Source: cloud.google.com/storage/docs/pubsub-notifications. Attributes say what happened to which object; the body is
the object's description in JSON. At least once, in no order.
"""

import dataclasses
import datetime
import json
from typing import Any

from beam_jobs.extract.video_list import VideoSource
from beam_jobs.labels import Video
from beam_jobs.stream.messages import Message

# A new or overwritten object. Other events (deleted, archived, metadata changed) say of nothing new.
NEW_OBJECT = "OBJECT_FINALIZE"
NOT_A_NOTIFICATION = "not_a_notification"


@dataclasses.dataclass(frozen=True)
class Notification:
    """An object of a bucket, and what happened to it.

    Attributes:
      bucket, name, generation: which object; the generation is another number each time the object is overwritten.
      event: such as NEW_OBJECT.
      time_s: when it happened, in seconds since 1970.
    """

    bucket: str
    name: str
    generation: str
    event: str
    time_s: float

    @property
    def uri(self) -> str:
        """Where the object is, whichever generation."""
        return f"gs://{self.bucket}/{self.name}"

    @property
    def key(self) -> str:
        """The name of this generation of the object."""
        return f"{self.uri}#{self.generation}"


class NotificationError(Exception):
    """A message is no notification; the text says what was expected."""

    reason = NOT_A_NOTIFICATION


def decode(message: Message) -> Notification:
    """A message as a notification: from its attributes, or where it has none (as in Kafka) from its body.

    Raises:
      NotificationError: if it is something else.
    """
    attributes = message.attributes
    if "objectId" in attributes or "eventType" in attributes:
        fields = {
            "bucket": attributes.get("bucketId"),
            "name": attributes.get("objectId"),
            "generation": attributes.get("objectGeneration"),
            "time": attributes.get("eventTime"),
        }
        event = attributes.get("eventType", "")
    else:
        body = _body(message)
        fields = {name: body.get(name) for name in ("bucket", "name", "generation")}
        fields["time"] = body.get("timeCreated")
        event = NEW_OBJECT
    missing = [name for name, value in fields.items() if not isinstance(value, str) or not value]
    if missing:
        raise NotificationError(
            f"message {message.message_id} has no {', '.join(missing)}; expected a notification of a bucket with the "
            "attributes eventType, bucketId, objectId, objectGeneration and eventTime. Publish nothing else there."
        )
    return Notification(
        str(fields["bucket"]), str(fields["name"]), str(fields["generation"]), event, _seconds(str(fields["time"]))
    )


def _body(message: Message) -> dict[str, Any]:
    try:
        body = json.loads(message.data)
    except ValueError:  # no text, or no JSON
        body = None
    if not isinstance(body, dict):
        start = message.data[:40].decode(errors="backslashreplace")
        raise NotificationError(
            f"message {message.message_id} is '{start}'; expected a notification of a bucket (JSON_API_V1)."
        )
    return body


def _seconds(time: str) -> float:
    try:
        moment = datetime.datetime.fromisoformat(time)
    except ValueError:
        raise NotificationError(f"'{time}' is no time; expected one such as 2026-11-27T12:00:00Z.") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return moment.timestamp()


@dataclasses.dataclass(frozen=True)
class WatchedFolder:
    """The folder of a bucket whose new objects are videos; a `video_id` is an object's path below it."""

    uri: str

    def video(self, notification: Notification) -> Video | None:
        """The video that an object is; None where it lies elsewhere, or is no video by its name."""
        base = self.uri.rstrip("/") + "/"
        if not notification.uri.startswith(base) or notification.uri == base or notification.name.endswith("/"):
            return None
        # The same names are passed over as by a job that lists the folder.
        video = VideoSource(base=base, any_file=True).video(notification.uri)
        return video and dataclasses.replace(video, generation=notification.generation)
