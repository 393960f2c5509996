"""The page's libraries: fetched from a registry by the lock, verified, whole or not at all."""

import base64
import hashlib
import http.server
import io
import json
import pathlib
import shutil
import subprocess
import tarfile

import pytest
from servers import serving

from live import vendor


def archive(library: str) -> bytes:
    """A library as npm packs it, with small files in place of its own."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as members:
        for source, target in ((source, target) for name, source, target in vendor.FILES if name == library):
            data = target.encode() + b"".join(old for changed, old, _ in vendor.CHANGES if changed == target)
            member = tarfile.TarInfo(f"package/{source}")
            member.size = len(data)
            members.addfile(member, io.BytesIO(data))
    return content.getvalue()


def registry_handler(archives: dict[str, bytes]) -> type:
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            content = archives.get(self.path)
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(content or b"")

    return Handler


@pytest.fixture
def registry(monkeypatch, tmp_path):
    """A registry with small archives, which a lock fits; yields them by path, to be changed."""
    libraries = {library for library, *_ in vendor.FILES}
    archives = {f"/{library}/-/{library.split('/')[1]}-1.0.0.tgz": archive(library) for library in libraries}
    locked = {
        f"node_modules/{library}": {
            "version": "1.0.0",
            "integrity": "sha512-" + base64.b64encode(hashlib.sha512(archive_).digest()).decode(),
            "license": "Apache-2.0",
        }
        for library, archive_ in ((path.split("/-/")[0][1:], content) for path, content in archives.items())
    }
    lock = tmp_path / "package-lock.json"
    lock.write_text(json.dumps({"packages": locked}))
    monkeypatch.setattr(vendor, "LOCK", lock)
    vendor.version.cache_clear()
    with serving(registry_handler(archives)) as address:
        monkeypatch.setenv("npm_config_registry", address)
        yield archives
    vendor.version.cache_clear()


def test_libraries_are_fetched_changed_and_listed_with_their_licences(registry, tmp_path):
    folder = tmp_path / "vendor"
    assert vendor.main([str(folder)]) == 0
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written == {target for *_, target in vendor.FILES} | {vendor.LICENSES, "version.txt"}
    assert b"odml.pa.googleapis.com" not in (folder / "tasks-vision/vision_bundle.mjs").read_bytes()
    listed = (folder / vendor.LICENSES).read_text()
    assert all(f"{library} 1.0.0: Apache-2.0" in listed for library, *_ in vendor.FILES)
    assert "TERMS AND CONDITIONS FOR USE" in listed
    assert vendor.is_complete(folder)
    # A second time nothing is asked for.
    registry.clear()
    assert vendor.main([str(folder)]) == 0


def test_an_archive_that_is_not_the_one_in_the_lock_leaves_nothing(registry, tmp_path, capsys):
    path = next(iter(registry))
    registry[path] += b"x"
    assert vendor.main([str(tmp_path / "new" / "vendor")]) == 1
    assert "sha512" in capsys.readouterr().err
    assert list((tmp_path / "new").glob("*")) == [] if (tmp_path / "new").exists() else True


def test_without_a_registry_the_message_says_the_ways_out(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    assert vendor.main([str(tmp_path / "vendor")]) == 1
    assert "npm_config_registry" in capsys.readouterr().err
    assert not (tmp_path / "vendor").exists()


def test_npm_says_where_its_registry_is(monkeypatch):
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    done = subprocess.run(["npm", "config", "get", "registry"], capture_output=True, text=True, check=True)
    assert vendor.registry() == done.stdout.strip().rstrip("/")


def test_without_npm_the_message_says_the_ways_out(monkeypatch, tmp_path, capsys):
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert vendor.main([str(tmp_path / "vendor")]) == 1
    assert "install npm" in capsys.readouterr().err
    assert not (tmp_path / "vendor").exists()


def test_the_libraries_of_another_version_are_replaced(registry, tmp_path):
    folder = tmp_path / "vendor"
    folder.mkdir()
    (folder / "version.txt").write_text("an earlier one")
    (folder / "old.js").write_text("old")
    assert vendor.main([str(folder)]) == 0
    assert vendor.is_complete(folder) and not (folder / "old.js").exists()


def test_without_them_beside_the_page_they_go_to_the_cache(registry, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(vendor, "FOLDER", tmp_path / "nowhere")
    folder = vendor.locate()
    assert folder.is_relative_to(tmp_path / "cache") and vendor.is_complete(folder)
    registry.clear()
    assert vendor.locate() == folder


def test_what_is_fetched_is_in_the_lock_as_the_page_needs_it():
    locked = json.loads(pathlib.Path(vendor.LOCK).read_text())["packages"]
    for library in {library for library, *_ in vendor.FILES}:
        entry = locked[f"node_modules/{library}"]
        assert entry["integrity"].startswith("sha512-") and not entry.get("dev")
