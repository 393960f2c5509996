"""A client of Kafka: which properties it has, and when it asks again.

Accounts and encryption come from a file; they stand in no command line, job description or message.
"""

import confluent_kafka
from google.api_core import retry

from beam_jobs import storage
from beam_jobs.errors import UserError

# A server that has just started knows no coordinator of the group yet.
_PASSING = (
    confluent_kafka.KafkaError.NOT_COORDINATOR,
    confluent_kafka.KafkaError.COORDINATOR_NOT_AVAILABLE,
    confluent_kafka.KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)


def _passes(error: Exception) -> bool:
    """Whether to ask again."""
    if not isinstance(error, confluent_kafka.KafkaException):
        return False
    of_kafka = error.args[0]
    return of_kafka.retriable() or of_kafka.code() in _PASSING


retried = retry.Retry(predicate=_passes, initial=0.5, maximum=5.0, timeout=60.0)


def read_config(file: str) -> dict[str, str]:
    """The properties of a file.

    Args:
      file: local or gs://; lines of NAME=VALUE, with librdkafka's names; those that begin with # are comments.

    Raises:
      UserError: if a line is none of these.
    """
    found = {}
    for number, line in enumerate(storage.read_text(file).splitlines(), 1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not name or name.startswith("#"):
            continue
        if not equals:
            raise UserError(f"{file}, line {number} has no =; expected NAME=VALUE, such as security.protocol=SASL_SSL.")
        found[name] = value
    return found


def consumer(servers: str, group: str, config_file: str | None = None) -> confluent_kafka.Consumer:
    """A consumer, connected nowhere yet.

    Args:
      servers: HOST:PORT, several with commas between.
      group: for which it commits.
      config_file: of further properties; None: there are none.

    Raises:
      UserError: if the client does not take the file's properties.
    """
    settings: dict[str, str | int | bool] = {
        "bootstrap.servers": servers,
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "queued.max.messages.kbytes": 4096,
        "log_level": 3,
    }
    further = read_config(config_file) if config_file is not None else {}
    for name in further:
        if name in settings:
            raise UserError(f"{config_file} has {name}, which stream sets by itself. Remove it.")
    try:
        return confluent_kafka.Consumer(settings | further)
    except confluent_kafka.KafkaException as error:
        reason = error.args[0].str()
        for value in filter(None, further.values()):
            reason = reason.replace(value, "...")  # perhaps a password
        raise UserError(
            f"Kafka's client refuses {config_file} ({reason}); expected properties of librdkafka."
        ) from None
