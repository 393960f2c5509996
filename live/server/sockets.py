"""The WebSocket of a session, as an ASGI app."""

import asyncio
import itertools
import logging

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from live.server import messages
from live.server.limits import Limits
from live.server.messages import RefusedError
from live.server.sessions import Session
from model.exported_bundle import ExportedBundle

logger = logging.getLogger(__name__)
_SERVER_ENDS = 1012  # what Uvicorn closes sockets with


class SessionSocket:
    """The ASGI app of `/session`.

    A session's work is done in the event loop itself: a frame takes a fraction of a millisecond, less than handing it
    to a thread and back would. While one client does not read, only its own session waits.

    Attributes:
      num_sessions: that are open now.
    """

    def __init__(self, bundle: ExportedBundle, name: str, limits: Limits) -> None:
        self._bundle, self._limits = bundle, limits
        self._hello = messages.hello(bundle, name, limits.max_people)
        self._numbers = itertools.count(1)
        self.num_sessions = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one WebSocket from its opening to its close."""
        await receive()  # the client's wish to connect
        try:
            await send({"type": "websocket.accept"})
            if self.num_sessions >= self._limits.max_sessions:
                logger.warning("refused: %d sessions are open, and no more are allowed", self.num_sessions)
                raise RefusedError(
                    "busy",
                    f"all {self._limits.max_sessions} places are taken; try again in a minute.",
                    messages.TRY_LATER,
                )
            self.num_sessions += 1
            try:
                await self._serve(receive, send)
            finally:
                self.num_sessions -= 1
        except RefusedError as error:
            await _refuse(error, send)
        except ClientDisconnected:
            pass

    async def _serve(self, receive: Receive, send: Send) -> None:
        number, session, why = next(self._numbers), Session(self._bundle, self._limits), "the client went away"
        logger.info("session %d begins; %d of %d", number, self.num_sessions, self._limits.max_sessions)
        try:
            why = await self._exchange(session, receive, send)
        except RefusedError as error:
            why = f"{error.code}: {error.message}"
            raise
        except asyncio.CancelledError:
            why = "the server ends"
            raise
        except ClientDisconnected as error:
            why = str(error) or why
            raise
        except Exception:
            why = "a fault of the server"
            logger.exception("session %d", number)
            raise RefusedError(
                "internal", "the server has made a mistake; begin a new session.", messages.INTERNAL
            ) from None
        finally:
            logger.info("session %d ends after %d frames: %s", number, session.num_frames, why)

    async def _exchange(self, session: Session, receive: Receive, send: Send) -> str:
        """Messages in, messages out; returns why it ended."""
        loop, limits = asyncio.get_running_loop(), self._limits
        sending = False
        try:
            # One deadline that is moved on: cheaper than one for each message.
            async with asyncio.timeout(None) as deadline:

                async def send_text(text: str) -> None:
                    nonlocal sending
                    sending = True
                    deadline.reschedule(loop.time() + limits.send_s)
                    await send({"type": "websocket.send", "text": text})
                    sending = False
                    deadline.reschedule(loop.time() + limits.idle_s)

                await send_text(self._hello)
                while True:
                    message = await receive()
                    if message["type"] == "websocket.disconnect":
                        return "the server ends" if message["code"] == _SERVER_ENDS else "the client went away"
                    data = message.get("bytes")
                    if data is None:
                        await send_text(session.end(message["text"], loop.time()))
                        await send({"type": "websocket.close", "code": 1000})
                        return "the client ended it"
                    answer = session.frame(data, loop.time())
                    # What is answered moves the deadline on: every third message.
                    if answer is not None:
                        await send_text(answer)
        except TimeoutError:
            if sending:
                # There is no way left to tell it.
                raise ClientDisconnected("the client does not take answers") from None
            raise RefusedError(
                "idle", f"nothing came for {limits.idle_s:g} s; begin a new session when you go on.", 1001
            ) from None


async def _refuse(error: RefusedError, send: Send) -> None:
    """Says why, and closes."""
    try:
        async with asyncio.timeout(1):
            await send({"type": "websocket.send", "text": error.text()})
            await send({"type": "websocket.close", "code": error.close_code, "reason": error.code})
    except (ClientDisconnected, TimeoutError):
        pass
