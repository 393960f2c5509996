"""When the event of a message was."""

import datetime


def event_time_s(text: str | None, otherwise_s: float) -> float:
    """Seconds since 1970 of a time in RFC 3339; `otherwise_s` where there is none, or it is no time.

    Whatever decodes the message says what is wrong with it; the source must go on.
    """
    try:
        moment = datetime.datetime.fromisoformat(text or "")
    except ValueError:
        return otherwise_s
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
