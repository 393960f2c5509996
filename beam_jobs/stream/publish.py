"""Publishing to a Pub/Sub topic, from any runner."""

import json
from collections.abc import Sequence
from typing import Any

import apache_beam as beam

# How long the service may take to accept a message, in seconds, with the client's own retries.
_ACCEPT_WITHIN_S = 120.0


class Publish(beam.DoFn):
    """Publishes rows as JSON messages; at least once, since a runner may do a bundle again.

    Beam's WriteToPubSub works on two runners alone.
    """

    def __init__(self, topic: str, attributes: Sequence[str]) -> None:
        """Names the topic.

        Args:
          topic: projects/PROJECT/topics/TOPIC.
          attributes: the entries of a row that are attributes of its message, too, for filters and to drop repeats.
        """
        self._topic, self._attributes = topic, tuple(attributes)
        self._client: Any = None
        self._sent: list[Any] = []

    def setup(self) -> None:
        """Connects."""
        from google.cloud import pubsub_v1  # type: ignore[attr-defined]

        self._client = pubsub_v1.PublisherClient()

    def process(self, row: dict[str, Any]) -> None:
        """Sends a row."""
        attributes = {name: str(row[name]) for name in self._attributes if row.get(name) is not None}
        data = json.dumps(row, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
        self._sent.append(self._client.publish(self._topic, data, **attributes))

    def finish_bundle(self) -> None:
        """Waits until the service has every message of the bundle; raises its error otherwise."""
        sent, self._sent = self._sent, []
        for message in sent:
            message.result(timeout=_ACCEPT_WITHIN_S)

    def teardown(self) -> None:
        """Disconnects."""
        if self._client is not None:
            self._client.stop()
