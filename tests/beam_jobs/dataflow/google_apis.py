"""A proxy that answers for https://*.googleapis.com from a storage emulator.

TensorFlow reads and writes gs:// itself, knows of no emulator, and asks Google's own addresses. It goes through the
proxy that `https_proxy` names and trusts the certificates in `CURL_CA_BUNDLE`.
"""

import contextlib
import datetime
import http.client
import http.server
import json
import os
import pathlib
import ssl
import threading
import urllib.parse
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_DROPPED = ("host", "connection", "transfer-encoding", "accept-encoding")


def write_certificate(path: pathlib.Path) -> None:
    """A certificate for googleapis.com, signed by itself, and its key, in one file."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "googleapis.com")])
    names = x509.SubjectAlternativeName([x509.DNSName("googleapis.com"), x509.DNSName("*.googleapis.com")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(certificate.public_bytes(encoding) + private)


def _handlers(emulator: str, context: ssl.SSLContext) -> type:
    target = urllib.parse.urlsplit(emulator)

    class Inside(http.server.BaseHTTPRequestHandler):
        """What is asked within the tunnel."""

        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "/oauth2/" in self.path:
                return self._answer(
                    200, json.dumps({"access_token": "token", "expires_in": 3600, "token_type": "Bearer"})
                )
            if self.path.endswith("/storageLayout"):  # fake-gcs-server has none
                return self._answer(200, json.dumps({"hierarchicalNamespace": {"enabled": False}}))
            if "allowedLocations" in self.path:
                return self._answer(404, "{}")
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _DROPPED}
            connection = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            kept = {
                name: value for name, value in answer.getheaders() if name.lower() not in (*_DROPPED, "content-length")
            }
            return self._answer(answer.status, answer.read(), kept)

        def _answer(self, status: int, body: str | bytes, headers: dict[str, str] | None = None) -> None:
            body = body.encode() if isinstance(body, str) else body
            self.send_response(status)
            for name, value in (headers or {"Content-Type": "application/json"}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _forward  # noqa: N815 - names of http.server

    class Tunnel(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_CONNECT(self):
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            with contextlib.suppress(OSError), context.wrap_socket(self.connection, server_side=True) as secured:
                Inside(secured, self.client_address, self.server)

    return Tunnel


@contextlib.contextmanager
def google_apis(folder: pathlib.Path, emulator: str) -> Iterator[dict[str, str]]:
    """Runs the proxy; yields the environment that leads TensorFlow to it."""
    certificate = folder / "googleapis.pem"
    write_certificate(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handlers(emulator, context))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield {
            "https_proxy": address,
            "no_proxy": ",".join(["localhost", "127.0.0.1", *filter(None, [os.environ.get("no_proxy")])]),
            "CURL_CA_BUNDLE": str(certificate),
        }
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def tensorflow_in_bucket(folder: pathlib.Path) -> Iterator[None]:
    """TensorFlow of this process and those it starts has the emulator for Google's storage."""
    with google_apis(folder, os.environ["STORAGE_EMULATOR_HOST"]) as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield
