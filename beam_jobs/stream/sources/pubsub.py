"""Beam's own Pub/Sub source, which two runners have: Dataflow, and the DirectRunner on this machine."""

import dataclasses

import apache_beam as beam

from beam_jobs.stream.messages import Message

RUNNERS = ("DirectRunner", "DataflowRunner")


@dataclasses.dataclass
class ReadPubSub(beam.PTransform):
    """A subscription (projects/PROJECT/subscriptions/NAME) -> Messages, at the time at which they were published.

    The time of the event is read later: with Beam's timestamp_attribute one message whose attribute is no time would
    stop the whole stream.
    """

    subscription: str

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection[Message]:  # noqa: D102
        return (
            pipeline
            | "Read" >> beam.io.ReadFromPubSub(subscription=self.subscription, with_attributes=True)
            | "ToMessage" >> beam.Map(_to_message).with_output_types(Message)
        )


def _to_message(message: beam.io.PubsubMessage) -> Message:
    return Message(message.data or b"", dict(message.attributes or {}), message.message_id or "")
