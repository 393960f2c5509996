"""The page's files: which, as what type, compressed, kept; and none from elsewhere."""

import gzip

import pytest
from test_who_may_ask import get

from live.server.files import find


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/static/a.js", "text/javascript; charset=utf-8"),
        ("/static/small.css", "text/css; charset=utf-8"),
        ("/vendor/@a/b@1.2.3/c.wasm", "application/wasm"),
        ("/models/pose.task", "application/octet-stream"),
        ("/health", "application/json"),
    ],
)
def test_types(server, path, kind):
    response, _ = get(server, path)
    assert response.status == 200 and response.headers["Content-Type"] == kind


@pytest.mark.parametrize(
    "path",
    [
        *("/static/../outside.js", "/static/%2e%2e/outside.js", "/static/..%2foutside.js", "/static/..%5coutside.js"),
        *(
            "/vendor/../../outside.js",
            "/vendor/..%2f..%2foutside.js",
            "/static//etc/hostname",
            "/static/%2fetc/hostname",
        ),
        *("/static/.hidden.js", "/static/notes.py", "/static/link.js", "/static/node_modules/a/a.js", "/outside.js"),
        *(
            "/static/vendor/d/e.js",
            "/vendor/../.hidden.js",
            "/static/",
            "/static/vendor",
            "/vendor/",
            "/static/a.js%00",
        ),
        *("/static/a.js/", "/static/a.js/..", "/static/nothing.js", "/models/pose.task.bak", "/static/" + "a/" * 3000),
        *("/static/%ff%fe.js", "/static/" + "a" * 300 + ".js"),
    ],
)
def test_nothing_but_the_pages_files(server, path):
    response, body = get(server, path)
    assert response.status == 404 and b"secret" not in body


def test_find_takes_no_way_out(page):
    assert find(page, "a.js") == page / "a.js"
    for name in ("../outside.js", "link.js", "", "/", ".", "..", "a.js/../a.js", "..\\outside.js", "a.js\0"):
        assert find(page, name) is None


def test_compressible_files_are_compressed_for_those_who_can(server, page):
    wasm = (page / "vendor/@a/b@1.2.3/c.wasm").read_bytes()
    response, body = get(server, "/vendor/@a/b@1.2.3/c.wasm", Accept_Encoding="gzip, br")
    assert response.headers["Content-Encoding"] == "gzip" and response.headers["Vary"] == "accept-encoding"
    assert gzip.decompress(body) == wasm and int(response.headers["Content-Length"]) == len(body) < len(wasm) / 10
    plain, body = get(server, "/vendor/@a/b@1.2.3/c.wasm")
    assert "Content-Encoding" not in plain.headers and body == wasm
    assert plain.headers["ETag"] != response.headers["ETag"]
    model, _ = get(server, "/models/pose.task", Accept_Encoding="gzip")
    assert "Content-Encoding" not in model.headers


def test_browsers_keep_files_and_ask_whether_they_changed(server, page):
    first, body = get(server, "/static/a.js")
    assert first.headers["Cache-Control"] == "no-cache"
    again, nothing = get(server, "/static/a.js", If_None_Match=f'"other", W/{first.headers["ETag"]}')
    assert again.status == 304 and nothing == b"" and again.headers["ETag"] == first.headers["ETag"]
    (page / "a.js").write_bytes(body + b"// more\n")
    changed, longer = get(server, "/static/a.js", If_None_Match=first.headers["ETag"])
    assert changed.status == 200 and longer == body + b"// more\n"


def test_files_of_a_version_are_kept_for_ever(server):
    assert "immutable" in get(server, "/vendor/@a/b@1.2.3/c.wasm")[0].headers["Cache-Control"]
    assert get(server, "/vendor/d/e.js")[0].headers["Cache-Control"] == "no-cache"
    assert get(server, "/health")[0].headers["Cache-Control"] == "no-store"


def test_a_part_of_the_pose_model_can_be_asked_for(server, pose_model):
    response, body = get(server, "/models/pose.task", Range="bytes=10-19")
    assert response.status == 206 and body == pose_model.read_bytes()[10:20]
