"""What one server and one session may use; shared by the app, its sockets and its command."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bounds of a server.

    Attributes:
      max_sessions: at once; more are refused.
      max_people: in a session.
      rate_factor: a session may send so many times the bundle's frame rate, in the long run.
      burst_s: and, after a stalled network, what it would have sent in so many seconds at once.
      request_s: a connection that asks for nothing for so long is cut off.
      idle_s: a session that sends nothing for so long ends.
      send_s: a session whose client does not take an answer for so long ends.
      ping_s: a client is asked so often whether it is there, and has as long to answer.
      max_queued: messages of a session that wait for their turn; then it is not read from.
      sent_bytes: that may be under way to a client, half a minute of answers; then its session waits.
      max_unsent_bytes: a client that leaves more than this unread is cut off.
      max_fragments: of one message.
      max_connections: at once, sessions and files together; more get 503.
    """

    max_sessions: int = 50
    max_people: int = 1
    rate_factor: float = 2.0
    burst_s: float = 4.0
    request_s: float = 10.0
    idle_s: float = 120.0
    send_s: float = 10.0
    ping_s: float = 20.0
    max_queued: int = 8
    sent_bytes: int = 1 << 16
    max_unsent_bytes: int = 1 << 18
    max_fragments: int = 64

    @property
    def max_connections(self) -> int:
        """Of every kind: browsers open up to six for files."""
        return 2 * self.max_sessions + 200


class TokenBucket:
    """Bounds a rate: `rate_hz` in the long run, `capacity` at once."""

    def __init__(self, rate_hz: float, capacity: float) -> None:
        self._rate_hz, self._capacity = rate_hz, capacity
        self._tokens, self._last_s = capacity, 0.0

    def take(self, now_s: float) -> bool:
        """Whether one more may pass at this time, in seconds of a clock that never runs back."""
        self._tokens = min(self._capacity, self._tokens + (now_s - self._last_s) * self._rate_hz)
        self._last_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
