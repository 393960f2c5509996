"""A bundle, a small page, and a server of both."""

import pathlib
from collections.abc import Iterator

import pytest
import session_clients

from live.defaults import DEFAULT_BUNDLE
from model import exported_bundle


@pytest.fixture(scope="session")
def bundle() -> exported_bundle.ExportedBundle:
    return exported_bundle.load(DEFAULT_BUNDLE)


@pytest.fixture(scope="session")
def page(tmp_path_factory) -> pathlib.Path:
    """A page's folder, with files of each kind and files that must not be served."""
    folder = tmp_path_factory.mktemp("site") / "page"
    content = {
        "index.html": '<!doctype html><script type="importmap">{}</script><script src="static/a.js"></script>',
        "a.js": "// a script\n" * 200,
        "small.css": "p {}",
        ".hidden.js": "secret",
        "notes.py": "secret",
        "node_modules/a/a.js": "secret",
        "vendor/@a/b@1.2.3/c.wasm": "\0asm" + "0" * 5000,
        "vendor/d/e.js": "1",
    }
    for name, text in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder.parent / "outside.js").write_text("secret")
    (folder / "link.js").symlink_to(folder.parent / "outside.js")
    return folder


@pytest.fixture(scope="session")
def pose_model(tmp_path_factory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("pose") / "pose.task"
    path.write_bytes(bytes(range(256)) * 100)
    return path


@pytest.fixture(scope="module")
def server(bundle, pose_model, page) -> Iterator[session_clients.Served]:
    """A server with its usual bounds."""
    with session_clients.serving(bundle, pose_model, page) as served:
        yield served
