"""A proxy in front of a storage server on loopback: it fails where a test says so."""

import contextlib
import dataclasses
import http.client
import http.server
import re
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterator

_DROPPED = ("connection", "transfer-encoding", "accept-encoding")


@dataclasses.dataclass
class Fault:
    """What happens to the next requests of a kind.

    Attributes:
      method: of the requests.
      path: a regular expression that is found in their paths.
      status: what they are answered; None: what the server says.
      times: how many of them.
      before: called before the request is passed on.
    """

    method: str
    path: str
    status: int | None = None
    times: int = 1_000_000
    before: Callable[[], None] = lambda: None


class FaultyStore:
    """The faults to come, and the requests that were made."""

    def __init__(self, server: str) -> None:
        self.server = urllib.parse.urlsplit(server)
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.lock = threading.Lock()

    def fault_of(self, method: str, path: str) -> Fault | None:
        with self.lock:
            self.requests.append(f"{method} {path}")
            for fault in self.faults:
                if fault.times and fault.method == method and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return None

    def pass_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.server.hostname, self.server.port, timeout=60)
        connection.request(method, path, body, headers | {"Host": self.server.netloc})
        return connection.getresponse()


def _handler(store: FaultyStore) -> type:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def _handle(self) -> None:
            body = self._read_body()
            fault = store.fault_of(self.command, self.path)
            if fault is not None:
                fault.before()
                if fault.status is not None:
                    return self._answer(fault.status, b'{"error": {"message": "as the test says"}}', [])
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _DROPPED}
            answer = store.pass_on(self.command, self.path, headers, body)
            kept = [pair for pair in answer.getheaders() if pair[0].lower() not in (*_DROPPED, "content-length")]
            return self._answer(answer.status, answer.read(), kept)

        def _read_body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _handle  # noqa: N815 - names of http.server

    return Handler


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that was refused closes all its connections
            super().handle_error(request, client_address)


@contextlib.contextmanager
def faulty_store(server: str) -> Iterator[tuple[str, FaultyStore]]:
    """Runs the proxy; yields its address and itself."""
    store = FaultyStore(server)
    proxy = _Server(("127.0.0.1", 0), _handler(store))
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{proxy.server_port}", store
    finally:
        proxy.shutdown()
        proxy.server_close()
