"""A Pub/Sub subscription read by pulling, for every runner that can read an unbounded source written in Python.

Beam's own ReadFromPubSub is carried out by Dataflow and by the DirectRunner themselves, and by no other runner.

A message is acknowledged when the runner says that the bundle which it came in is durable (`finalize_checkpoint`). What
was not acknowledged is delivered again: at least once, so what follows must bear repeats.
"""

import collections
import dataclasses
import functools
import json
import logging
import time
from typing import Any

import apache_beam as beam
from apache_beam import coders
from apache_beam.io.unbounded_source import CheckpointMark, ReadFromUnboundedSource, UnboundedReader, UnboundedSource
from apache_beam.utils.timestamp import MAX_TIMESTAMP, MIN_TIMESTAMP, Timestamp
from google.api_core import exceptions
from google.cloud import pubsub_v1  # type: ignore[attr-defined]

from beam_jobs.errors import UserError
from beam_jobs.stream.event_time import event_time_s
from beam_jobs.stream.messages import Message
from beam_jobs.stream.sources.arrival_watermark import ArrivalWatermark

# A pull comes back with the first messages, or after so long without any.
_WAIT_S = 1.0
# How long the service may be out of reach before the job fails.
_PATIENCE_S = 300.0
_TRANSIENT = (
    exceptions.ServiceUnavailable,
    exceptions.Aborted,
    exceptions.InternalServerError,
    exceptions.TooManyRequests,
    exceptions.Cancelled,
)
_LOG = logging.getLogger(__name__)


@functools.cache
def _client() -> pubsub_v1.SubscriberClient:
    """One connection a process; it goes to PUBSUB_EMULATOR_HOST where that is set."""
    return pubsub_v1.SubscriberClient()


class AcknowledgeMark(CheckpointMark):
    """What a bundle has read: the ids to acknowledge once it is durable, and no messages."""

    def __init__(self, subscription: str, ack_ids: tuple[str, ...]) -> None:
        self.subscription, self.ack_ids = subscription, ack_ids

    def finalize_checkpoint(self) -> None:
        """Acknowledges; costs nothing where nothing was read."""
        if self.ack_ids:
            _client().acknowledge(subscription=self.subscription, ack_ids=list(self.ack_ids))


class _MarkCoder(coders.Coder):
    # Equal marks must have equal bytes (readers are kept under them), which pickle does not promise.
    def encode(self, value: AcknowledgeMark) -> bytes:
        return json.dumps([value.subscription, *value.ack_ids]).encode()

    def decode(self, encoded: bytes) -> AcknowledgeMark:
        subscription, *ack_ids = json.loads(encoded)
        return AcknowledgeMark(subscription, tuple(ack_ids))

    def is_deterministic(self) -> bool:
        return True


@dataclasses.dataclass(frozen=True)
class PubSubPullSource(UnboundedSource):
    """A subscription as an unbounded source.

    Attributes:
      subscription: projects/PROJECT/subscriptions/SUBSCRIPTION.
      timestamp_attribute: the attribute with the event time, in RFC 3339; where it is missing or no time, the time of
        publication counts.
      settle_s: how late a message may come without being late data; the watermark is so far behind.
      ack_deadline_s: after so long without an acknowledgement a message is delivered again, for instance because its
        worker died. A bundle must be durable sooner (a Flink checkpoint, for instance), or everything is read twice.
      max_held: how many messages a reader holds at once, and how many a bundle has. On Prism, with an emulator, one
        reader passed on 570 messages a second by bundles of 10, and 2,600 by bundles of 100.
      num_readers: how many read side by side.
      stop_when_idle_s: ends the source when nothing has come for so long; None: it never ends.
      index: which of the readers.
    """

    subscription: str
    timestamp_attribute: str = "eventTime"
    settle_s: float = 10.0
    ack_deadline_s: int = 120
    max_held: int = 100
    num_readers: int = 1
    stop_when_idle_s: float | None = None
    index: int = 0

    def split(self, desired_num_splits: int, options: Any = None) -> list["PubSubPullSource"]:
        """One source a reader; they differ by their index alone."""
        return [dataclasses.replace(self, index=index) for index in range(self.num_readers)]

    def create_reader(self, options: Any, checkpoint_mark: CheckpointMark | None) -> "PubSubPullReader":
        """A reader; the service itself knows what was acknowledged, so every reader begins the same way."""
        return PubSubPullReader(self)

    def get_checkpoint_mark_coder(self) -> coders.Coder:  # noqa: D102
        return _MarkCoder()


@dataclasses.dataclass(frozen=True)
class _Pulled:
    message: Message
    ack_id: str
    event_time_s: float


class PubSubPullReader(UnboundedReader):
    """Pulls a few messages, hands them on one by one."""

    def __init__(self, source: PubSubPullSource) -> None:
        self._source = source
        self._held: collections.deque[_Pulled] = collections.deque()
        self._current: _Pulled | None = None
        self._handed_on: list[str] = []
        self._watermark = ArrivalWatermark(source.settle_s)
        self._caught_up = self._stopped = False
        self._idle_since_s: float | None = None
        self._last_answer_s = time.monotonic()

    def start(self) -> bool:  # noqa: D102
        return self.advance()

    def advance(self) -> bool:
        """The next message; waits a moment for one."""
        if not self._held and not self._stopped:
            self._pull()
        if not self._held:
            return False
        self._current = self._held.popleft()
        self._handed_on.append(self._current.ack_id)
        return True

    def _pull(self) -> None:
        source = self._source
        try:
            answer = _client().pull(
                subscription=source.subscription, max_messages=source.max_held, timeout=_WAIT_S, retry=None
            )
            received = list(answer.received_messages)
        except exceptions.DeadlineExceeded:  # nothing came
            received = []
        except (exceptions.NotFound, exceptions.PermissionDenied) as error:
            raise UserError(
                f"{source.subscription} cannot be read ({error.message}); expected a subscription that the workers' "
                "account may pull from (roles/pubsub.subscriber)."
            ) from None
        except _TRANSIENT as error:
            if time.monotonic() - self._last_answer_s > _PATIENCE_S:
                raise
            _LOG.warning("%s: %s; trying again", source.subscription, error)
            self._caught_up = False  # perhaps much is there
            time.sleep(_WAIT_S)
            return
        self._last_answer_s = time.monotonic()
        self._caught_up = not received
        if not received:
            self._idle_since_s = self._idle_since_s or self._last_answer_s
            idle_s = self._last_answer_s - self._idle_since_s
            self._stopped = source.stop_when_idle_s is not None and idle_s >= source.stop_when_idle_s
            return
        self._idle_since_s = None
        # The subscription's own deadline may be as short as 10 s.
        _client().modify_ack_deadline(
            subscription=source.subscription,
            ack_ids=[one.ack_id for one in received],
            ack_deadline_seconds=source.ack_deadline_s,
        )
        for one in received:
            attributes = dict(one.message.attributes)
            time_s = event_time_s(attributes.get(source.timestamp_attribute), one.message.publish_time.timestamp())
            self._watermark.add(time_s)
            message = Message(one.message.data, attributes, one.message.message_id)
            self._held.append(_Pulled(message, one.ack_id, time_s))

    def get_current(self) -> Message:  # noqa: D102
        assert self._current is not None
        return self._current.message

    def get_current_timestamp(self) -> Timestamp:  # noqa: D102
        assert self._current is not None
        return Timestamp.of(self._current.event_time_s)

    def get_watermark(self) -> Timestamp:
        """See ArrivalWatermark; the end of time when the source has stopped."""
        if self._stopped:
            return MAX_TIMESTAMP
        watermark_s = self._watermark.advance(self._caught_up, (one.event_time_s for one in self._held))
        return MIN_TIMESTAMP if watermark_s == float("-inf") else Timestamp.of(watermark_s)

    def get_checkpoint_mark(self) -> AcknowledgeMark:
        """The ids of what was handed on since the last mark."""
        mark = AcknowledgeMark(self._source.subscription, tuple(self._handed_on))
        self._handed_on.clear()
        return mark

    def close(self) -> None:
        """Gives back what no mark has, so that it is delivered again at once."""
        ack_ids = [*self._handed_on, *(one.ack_id for one in self._held)]
        self._handed_on.clear()
        self._held.clear()
        if ack_ids:
            _client().modify_ack_deadline(
                subscription=self._source.subscription, ack_ids=ack_ids, ack_deadline_seconds=0
            )


class PullMessages(beam.PTransform):
    """A subscription's messages, each at its event time."""

    def __init__(self, source: PubSubPullSource) -> None:
        super().__init__()
        self._source = source

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection[Message]:  # noqa: D102
        # A bundle ends when it has as many messages as are held at once, or none has come: then it is acknowledged.
        return pipeline | "Pull" >> ReadFromUnboundedSource(
            self._source, poll_interval=0.1, max_records_per_bundle=self._source.max_held
        ).with_output_types(Message)
