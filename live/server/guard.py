"""Which requests are answered: checks of the Host and Origin headers, and the headers of every answer."""

import ipaddress
import logging
import urllib.parse
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

# Scripts, styles, pictures and sockets of this server alone; WebAssembly may be compiled, nothing evaluated.
CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "font-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def content_security_policy(script_hashes: Iterable[str] = ()) -> str:
    """The header's value.

    Args:
      script_hashes: of scripts inside the page, such as 'sha256-…' with its quotes.
    """
    scripts = " ".join([CONTENT_SECURITY_POLICY["script-src"], *script_hashes])
    return "; ".join(f"{name} {value}" for name, value in {**CONTENT_SECURITY_POLICY, "script-src": scripts}.items())


HEADERS = {
    "content-security-policy": content_security_policy(),
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), display-capture=(), usb=(), payment=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}


def host_name(netloc: str) -> str | None:
    """The name in `name:port`, in lower case and without brackets; None where that is no address."""
    try:
        parts = urllib.parse.urlsplit(f"//{netloc}")
        parts.port  # noqa: B018 (raises where it is no number)
    except ValueError:
        return None
    if parts.netloc != netloc or parts.username is not None or parts.path or not parts.hostname:
        return None
    return parts.hostname


def is_own_name(name: str) -> bool:
    """Whether no other site can have a name: an IP address, or localhost.

    A site whose name is made to point to this machine (DNS rebinding) is asked for by its name.
    """
    if name == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """ASGI middleware: refuses foreign hosts and origins with 403, and adds `HEADERS`.

    A request without an Origin header passes: browsers send one with every WebSocket, and what is no browser could
    invent one.
    """

    def __init__(self, app: ASGIApp, host: str, allowed_origins: Iterable[str] = ()) -> None:
        """Prepares the checks.

        Args:
          app: what is guarded.
          host: that the server listens on; a name of this machine is one to ask for.
          allowed_origins: further ones, like https://coach.example; their names may be asked for, too.
        """
        self._app = app
        self._origins = frozenset(allowed_origins)
        self._hosts = frozenset({host.lower(), *(urllib.parse.urlsplit(one).hostname or "" for one in self._origins)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request, or refuses it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start", "websocket.accept"):
                message.setdefault("headers", [])
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self.refusal(Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, send_with_headers)
        else:
            logger.warning("refused: %s", refusal)
            await PlainTextResponse(f"{refusal}\n", 403)(scope, receive, send_with_headers)

    def refusal(self, headers: Headers) -> str | None:
        """Why a request with these headers is refused; None where it is not."""
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        host = hosts[0] if len(hosts) == 1 else ""
        name = host_name(host)
        if name is None or not (is_own_name(name) or name in self._hosts):
            return f"the host {host[:100]!a} is not this server's; allow it by --allowed_origin https://NAME"
        if not origins or origins == [f"http://{host}"] or self._origins.issuperset(origins):
            return None
        return (
            f"the origin {','.join(origins)[:100]!a} may not use this server; open the server's own page, or allow it "
            "by --allowed_origin"
        )
