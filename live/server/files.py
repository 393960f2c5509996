"""The files of the page: found below one folder, named by type, compressed once, kept by browsers."""

import asyncio
import base64
import dataclasses
import gzip
import hashlib
import pathlib
import re

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from live.server.guard import content_security_policy

# What is served at all; each with its type.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".data": "application/octet-stream",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".task": "application/octet-stream",
    ".tflite": "application/octet-stream",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
# The rest does not get smaller.
_COMPRESSED = frozenset((".css", ".html", ".js", ".json", ".mjs", ".svg", ".txt", ".wasm", ".webmanifest"))
_MIN_COMPRESSED_BYTES, _CHUNK_BYTES = 1024, 1 << 16
# A path that names its version never changes.
_VERSIONED = re.compile(r"@\d+\.\d+[^/]*/")
_FOR_EVER, _ASK_FIRST = "public, max-age=31536000, immutable", "no-cache"
_INLINE_SCRIPT = re.compile(rb"<script\b(?![^>]*\bsrc\b)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)


def find(folder: pathlib.Path, relative: str) -> pathlib.Path | None:
    """The file of that name in a folder; None where it is none, has no known type, is hidden, or lies elsewhere.

    Args:
      folder: resolved.
      relative: with slashes, as in a URL after unquoting.
    """
    parts = relative.split("/")
    if "\\" in relative or "\0" in relative or any(part.startswith(".") or not part for part in parts):
        return None
    path = folder.joinpath(*parts)
    try:
        # As it lies on the disk: a link that leads out of the folder is none of its files.
        found = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return None
    if not found.is_relative_to(folder) or not found.is_file() or found.suffix.lower() not in TYPES:
        return None
    return found


@dataclasses.dataclass(frozen=True)
class _Kept:
    """What is known of a file as it was at one time."""

    state: tuple[int, int]
    etag: str
    compressed: bytes | None
    script_hashes: tuple[str, ...]


class _InChunks(Response):
    """Sends as fast as the client reads: sent at once, megabytes would wait in memory for each client."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for start in range(0, len(self.body), _CHUNK_BYTES):
            chunk = bytes(self.body[start : start + _CHUNK_BYTES])
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class Files:
    """Answers requests for files; a file's hash and its compressed bytes are made once and kept in memory."""

    def __init__(self) -> None:
        self._kept: dict[pathlib.Path, _Kept] = {}
        self._lock = asyncio.Lock()

    async def respond(self, request: Request, path: pathlib.Path | None, relative: str = "") -> Response:
        """The file; 304 where the browser has it, 404 where there is none.

        Args:
          request: what was asked.
          path: the file, perhaps of `find`.
          relative: its name in the URL; one with a version in it may be kept for ever.
        """
        if path is None:
            return PlainTextResponse("there is no such file\n", 404)
        kept = await self._read(path)
        zipped = kept.compressed is not None and "gzip" in request.headers.get("accept-encoding", "")
        etag = f'"{kept.etag}{"-gzip" if zipped else ""}"'
        headers = {
            "etag": etag,
            "cache-control": _FOR_EVER if _VERSIONED.search(relative) else _ASK_FIRST,
            "content-type": TYPES[path.suffix.lower()],
        }
        if kept.compressed is not None:
            headers["vary"] = "accept-encoding"
        if path.suffix == ".html":
            headers["content-security-policy"] = content_security_policy(kept.script_hashes)
        if etag in {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}:
            return Response(status_code=304, headers=headers)
        if zipped:
            return _InChunks(kept.compressed, headers={**headers, "content-encoding": "gzip"})
        return FileResponse(path, headers=headers)

    async def _read(self, path: pathlib.Path) -> _Kept:
        stat = path.stat()
        state = (stat.st_mtime_ns, stat.st_size)
        kept = self._kept.get(path)
        if kept is None or kept.state != state:
            # In a thread: sessions go on meanwhile. One at a time: a browser asks for one file more than once.
            async with self._lock:
                kept = self._kept.get(path)
                if kept is None or kept.state != state:
                    kept = self._kept[path] = await asyncio.to_thread(_keep, path, state)
        return kept


def _keep(path: pathlib.Path, state: tuple[int, int]) -> _Kept:
    content, suffix = path.read_bytes(), path.suffix.lower()
    compressed = None
    if suffix in _COMPRESSED and len(content) >= _MIN_COMPRESSED_BYTES:
        compressed = gzip.compress(content, 6, mtime=0)
    scripts = _INLINE_SCRIPT.findall(content) if suffix == ".html" else []
    hashes = (base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts)
    return _Kept(
        state, hashlib.sha256(content).hexdigest()[:32], compressed, tuple(f"'sha256-{one}'" for one in hashes)
    )
