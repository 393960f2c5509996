"""Hosts and origins that are let in, and the headers of what they get."""

import base64
import hashlib
import http.client
import re
import socket
import time

import pytest
import session_clients
from session_clients import pack
from starlette.datastructures import Headers
from websockets.exceptions import InvalidStatus

from live.server.guard import Guard, host_name


def guard(host="127.0.0.1", allowed_origins=()):
    return Guard(None, host, allowed_origins)


def is_refused(one: Guard, **headers: str) -> bool:
    return one.refusal(Headers(headers)) is not None


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000", "192.168.1.20:8000", "[fe80::1]"]
)
def test_addresses_and_localhost_may_be_asked_for(host):
    assert not is_refused(guard(), host=host)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "xlocalhost", ""),
        *("localhost@evil.example", "localhost:port", "localhost/a", "localhost?", "localhost#", "[::1", "local host"),
        *("2130706433", "0x7f.1", "localhost\t", "localhost,evil.example"),
    ],
)
def test_other_names_may_not(host):
    """A name that is made to point here (DNS rebinding) is sent as the host."""
    assert is_refused(guard(), host=host)


def test_two_hosts_or_none_are_refused():
    assert is_refused(guard())
    assert guard().refusal(Headers(raw=[(b"host", b"localhost"), (b"host", b"evil.example")])) is not None


def test_the_servers_own_name_and_those_of_allowed_origins_may_be_asked_for():
    assert not is_refused(guard("trainer.lan"), host="trainer.lan:8000")
    behind_a_proxy = guard(allowed_origins=["https://coach.example"])
    assert not is_refused(behind_a_proxy, host="coach.example", origin="https://coach.example")
    assert not is_refused(behind_a_proxy, host="127.0.0.1:8000", origin="https://coach.example")
    assert is_refused(behind_a_proxy, host="coach.example.evil.example")


@pytest.mark.parametrize(
    "origin",
    [
        *("http://evil.example", "null", "", "http://localhost:8001", "https://localhost:8000", "http://localhost"),
        *("http://127.0.0.1:8000", "http://localhost:8000/", "http://localhost:8000.evil.example", "localhost:8000"),
    ],
)
def test_other_sites_and_other_ports_may_not_ask(origin):
    assert is_refused(guard(), host="localhost:8000", origin=origin)


def test_the_own_page_and_programs_without_an_origin_may_ask():
    assert not is_refused(guard(), host="localhost:8000", origin="http://localhost:8000")
    assert not is_refused(guard(), host="localhost:8000")


def test_a_host_is_a_name_and_a_port():
    assert host_name("Localhost:80") == "localhost"
    assert host_name("[::1]:80") == "::1"
    assert host_name("a:b") is None and host_name("a/b") is None and host_name("user@a") is None


def test_another_sites_script_gets_no_session(server):
    with pytest.raises(InvalidStatus) as refused:
        server.connect(origin="http://evil.example")
    assert refused.value.response.status_code == 403
    assert b"origin" in refused.value.response.body
    with server.open(origin=server.url) as socket:
        socket.send(pack(0, []))
        assert "people" in socket.recv(timeout=10)


def get(server, path: str, method="GET", **headers: str):
    """A response and its body; the path is sent as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/", "/static/a.js", "/models/pose.task", "/health", "/session"])
def test_a_rebound_name_gets_nothing(server, path):
    response, body = get(server, path, Host="evil.example")
    assert response.status == 403 and b"secret" not in body and len(body) < 200


def test_session_clients_with_a_rebound_name_get_no_session(server):
    with pytest.raises(InvalidStatus) as refused:
        server.connect(additional_headers={"Host": "evil.example"})
    assert refused.value.response.status_code in (400, 403)


@pytest.mark.parametrize("path", ["/", "/static/a.js", "/models/pose.task", "/health", "/none", "/static/none.js"])
def test_every_answer_has_the_headers(server, path):
    response, _ = get(server, path)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=(self)" in response.headers["Permissions-Policy"]
    assert "Server" not in response.headers
    policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    scripts = policy["script-src"].split()
    assert scripts[:2] == ["'self'", "'wasm-unsafe-eval'"] and "unsafe-inline" not in policy["script-src"]
    assert len(response.headers.get_all("Content-Security-Policy")) == 1


def test_scripts_inside_the_page_are_named_by_their_hash(server):
    response, body = get(server, "/")
    (script,) = re.findall(rb'<script type="importmap">(.*?)</script>', body)
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    assert f"'sha256-{digest}'" in response.headers["Content-Security-Policy"]


def test_other_methods_are_not_allowed(server):
    assert get(server, "/", "POST")[0].status == 405
    assert get(server, "/static/a.js", "DELETE")[0].status == 405
    response, body = get(server, "/static/a.js", "HEAD")
    assert response.status == 200 and body == b""


def test_a_connection_that_asks_for_nothing_is_cut_off(bundle, pose_model, page):
    limits = session_clients.Limits(request_s=0.2)
    with session_clients.serving(bundle, pose_model, page, limits) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.connect()
        connection.send(b"GET / HTTP/1.1\r\nHost: loc")
        with pytest.raises(ConnectionError):
            if not connection.sock.recv(1):
                raise ConnectionResetError


def test_a_connection_that_drips_after_its_first_answer_is_cut_off(bundle, pose_model, page):
    """A header bit by bit, and a body that no answer waits for, do not keep a place."""
    limits = session_clients.Limits(request_s=0.3)
    first = {
        "a header": b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "a body": b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
    }
    with session_clients.serving(bundle, pose_model, page, limits) as server:
        for what, request in first.items():
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
                client.sendall(request)
                assert client.recv(4096).startswith(b"HTTP/1.1 ")
                with pytest.raises(ConnectionError):
                    for _ in range(100):
                        client.sendall(b"G")
                        time.sleep(0.05)
                    pytest.fail(f"{what} keeps its place")


def test_a_connection_may_be_used_again_and_again(bundle, pose_model, page):
    limits = session_clients.Limits(request_s=0.5)
    with session_clients.serving(bundle, pose_model, page, limits) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        for _ in range(5):
            connection.request("GET", "/health")
            assert connection.getresponse().read()
            kept = connection.sock
            time.sleep(0.2)
        assert connection.sock is kept is not None
        connection.close()
