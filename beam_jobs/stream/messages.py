"""What every source of messages yields, whatever it reads from."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Message:
    """A message of a topic. Its timestamp in the pipeline is when it was published, or the event where that is known.

    Attributes:
      data: the body.
      attributes: names with values, beside the body.
      message_id: the topic's own name for it; another one when the same thing is published again.
    """

    data: bytes
    attributes: dict[str, str] = dataclasses.field(default_factory=dict)
    message_id: str = ""
