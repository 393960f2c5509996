"""The server: the page and its files, the pose model, sessions; and Uvicorn as this app needs it."""

import logging
import pathlib
import socket
from collections.abc import Callable, Iterable

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from live.server import connections
from live.server.files import Files, find
from live.server.guard import Guard
from live.server.limits import Limits
from live.server.sockets import SessionSocket
from model.exported_bundle import ExportedBundle

# What a developer has beside the page's own files.
_NOT_SERVED = frozenset(("vendor", "node_modules"))


def build(
    bundle: ExportedBundle,
    name: str,
    pose_model_path: str,
    limits: Limits,
    page: pathlib.Path,
    vendor: pathlib.Path,
    host: str,
    allowed_origins: Iterable[str] = (),
) -> ASGIApp:
    """The ASGI app.

    Args:
      bundle: answers for all sessions.
      name: of the bundle, for the page.
      pose_model_path: a local `.task` file, for the browsers.
      limits: see there.
      page: the folder of the page's files.
      vendor: that of the libraries which it uses.
      host: that the server listens on.
      allowed_origins: from where else than the server's own page sessions may be opened.
    """
    files, sessions = Files(), SessionSocket(bundle, name, limits)
    page, vendor = page.resolve(), vendor.resolve()

    async def index(request: Request) -> Response:
        return await files.respond(request, find(page, "index.html"))

    async def static(request: Request) -> Response:
        relative = request.path_params["path"]
        served = relative.split("/")[0] not in _NOT_SERVED
        return await files.respond(request, find(page, relative) if served else None, relative)

    async def library(request: Request) -> Response:
        relative = request.path_params["path"]
        return await files.respond(request, find(vendor, relative), relative)

    async def pose_model(request: Request) -> Response:
        return await files.respond(request, pathlib.Path(pose_model_path))

    async def health(_: Request) -> Response:
        content = {"sessions": sessions.num_sessions, "max_sessions": limits.max_sessions}
        return JSONResponse(content, headers={"cache-control": "no-store"})

    routes = [
        Route("/", index),
        Route("/static/{path:path}", static),
        Route("/vendor/{path:path}", library),
        Route("/models/pose.task", pose_model),
        Route("/health", health),
        WebSocketRoute("/session", sessions),
    ]
    return Guard(Starlette(routes=routes), host, allowed_origins)


class Server(uvicorn.Server):
    """Uvicorn with this app's bounds; serves on a socket that is bound already."""

    def __init__(self, app: ASGIApp, limits: Limits, on_started: Callable[[], None] = lambda: None) -> None:
        self._on_started = on_started
        super().__init__(
            uvicorn.Config(
                app,
                interface="asgi3",
                lifespan="off",
                http=connections.http_protocol(limits),
                ws=connections.websocket_protocol(limits),
                # No message is longer than a frame's; those a little longer are answered in words.
                ws_max_size=1 << 16,
                ws_ping_interval=limits.ping_s,
                ws_ping_timeout=limits.ping_s,
                # Landmarks hardly get smaller, and it costs more than all else.
                ws_per_message_deflate=False,
                limit_concurrency=limits.max_connections,
                timeout_graceful_shutdown=2,
                proxy_headers=False,
                server_header=False,
                access_log=False,
                log_config=None,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to listen, then says so."""
        await super().startup(sockets)
        self._on_started()


def quiet_uvicorn(verbose: bool) -> None:
    """Uvicorn's own lines are about every connection."""
    logging.getLogger("uvicorn").setLevel(logging.INFO if verbose else logging.WARNING)
