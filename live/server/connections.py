"""Connections below ASGI: Uvicorn's protocols, with bounds on what they keep for a client and how long they wait."""

import asyncio
import logging
import socket

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from live.server.limits import Limits

logger = logging.getLogger(__name__)


def http_protocol(limits: Limits) -> type[H11Protocol]:
    """Uvicorn's HTTP protocol; a connection that asks for nothing is cut off.

    That is so before its first request and after each answer. Uvicorn ends only those that send nothing at all, so a
    client could keep its place by sending a header bit by bit, or a body that no answer waits for.
    """

    class BoundedHttp(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.loop.call_later(limits.request_s, self._expect_request, None)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self.loop.call_later(limits.request_s, self._expect_request, self.cycle)

        def _expect_request(self, answered: RequestResponseCycle | None) -> None:
            if self.cycle is answered and self.transport.get_protocol() is self:
                self.transport.abort()

    return BoundedHttp


def websocket_protocol(limits: Limits) -> type[WebSocketsSansIOProtocol]:
    """Uvicorn's WebSocket protocol, which keeps little for a client.

    What a client does not read is kept: answers, for which a session waits, but also the answers to pings. What makes
    up a message that has not ended is kept: its bytes are bounded, but fragments may be empty.
    """

    class BoundedWebSocket(WebSocketsSansIOProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            # The system would keep megabytes of answers for a client that does not read.
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.sent_bytes)
            self.transport.set_write_buffer_limits(limits.sent_bytes // 4)

        async def run_asgi(self) -> None:
            await super().run_asgi()
            # A close waits for the client to read what was sent before.
            self.loop.call_later(limits.send_s, self.transport.abort)

        def send_receive_event_to_app(self) -> None:
            # Uvicorn stops reading after every message, and goes on when it is taken: four system calls a frame.
            waits_already = self.read_paused
            self.read_paused = waits_already or self.queue.qsize() < limits.max_queued
            super().send_receive_event_to_app()
            if not waits_already and self.queue.qsize() <= limits.max_queued:
                self.read_paused = False

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            unsent_bytes = self.transport.get_write_buffer_size()
            if unsent_bytes > limits.max_unsent_bytes or len(self.frames) > limits.max_fragments:
                logger.warning("cut off: a client that does not read, or sends a message in countless fragments")
                self.transport.abort()

    return BoundedWebSocket
