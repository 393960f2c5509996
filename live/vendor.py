"""The page's libraries: `python -m live.vendor` (or `make page`) fetches them from the npm registry, by its lock file.

MediaPipe for browsers is 13 MB of WebAssembly and LiteRT 9 MB, so they are not in the repository:
page/package-lock.json names them and the sha512 of each archive. npm is asked for its registry's address alone, and not
even for that where the variable npm_config_registry has one. setup.py runs this before anything is installed.
"""

import base64
import functools
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request

from beam_jobs.errors import UserError, report_user_errors

PAGE = pathlib.Path(__file__).resolve().parent / "page"
# Where a clone and a wheel have them.
FOLDER = PAGE / "vendor"
LICENSES = "THIRD_PARTY_LICENSES.txt"
LOCK = PAGE / "package-lock.json"
# npm's own ways to name a registry.
_VARIABLES = ("npm_config_registry", "NPM_CONFIG_REGISTRY")
_TIMEOUT_S = 60
# What the page loads: (library, file in its archive, file in the folder). Their WebAssembly uses SIMD, as every browser
# can since 2023; of LiteRT's, it is the one that needs nothing newer.
FILES = (
    ("@mediapipe/tasks-vision", "vision_bundle.mjs", "tasks-vision/vision_bundle.mjs"),
    ("@mediapipe/tasks-vision", "wasm/vision_wasm_internal.js", "tasks-vision/vision_wasm_internal.js"),
    ("@mediapipe/tasks-vision", "wasm/vision_wasm_internal.wasm", "tasks-vision/vision_wasm_internal.wasm"),
    ("@litertjs/core", "dist/index.js", "litert/index.js"),
    ("@litertjs/core", "wasm/litert_wasm_compat_internal.js", "litert/litert_wasm_compat_internal.js"),
    ("@litertjs/core", "wasm/litert_wasm_compat_internal.wasm", "litert/litert_wasm_compat_internal.wasm"),
    ("@litertjs/wasm-utils", "dist/index.js", "litert/wasm-utils.js"),
)
# What is changed in them: (file, old, new), each exactly once.
CHANGES = (
    # A page without a build step has no module by that name.
    ("litert/index.js", b'"@litertjs/wasm-utils"', b'"./wasm-utils.js"'),
    # MediaPipe reports its use to Google. The page sends nothing anywhere; its security policy would refuse it, too.
    ("tasks-vision/vision_bundle.mjs", b"https://odml.pa.googleapis.com/v1/log", b"data:,"),
)
_NOTICE = "/* Changed by exercise-recognition: see THIRD_PARTY_LICENSES.txt. */\n"


def locate() -> pathlib.Path:
    """The folder with the page's libraries; fetched into the user's cache where neither clone nor wheel has them.

    Raises:
      UserError: if they are not here, and the registry is out of reach or sends something else.
    """
    from beam_jobs.pose.model_file import cache_folder

    cached = cache_folder() / f"page-{version()[:12]}"
    for folder in (FOLDER, cached):
        if is_complete(folder):
            return folder
    fetch(cached)
    return cached


@functools.cache
def version() -> str:
    """sha256 of all that decides what is in the folder: the lock, and this file."""
    return hashlib.sha256(LOCK.read_bytes() + pathlib.Path(__file__).read_bytes()).hexdigest()


def is_complete(folder: pathlib.Path) -> bool:
    """Whether a folder holds the libraries of this version."""
    stamp = folder / "version.txt"
    return stamp.is_file() and stamp.read_text().strip() == version()


def fetch(folder: pathlib.Path) -> None:
    """Fetches the libraries, verifies them, and puts them into a folder; whole or not at all.

    Raises:
      UserError: if no registry is known or within reach, or an archive is not the one in the lock.
    """
    locked = json.loads(LOCK.read_text())["packages"]
    address = registry()
    print("Fetching the page's libraries from the npm registry (once; 24 MB)…", file=sys.stderr)
    contents: dict[str, bytes] = {}
    for library in sorted({library for library, *_ in FILES}):
        archive = _archive(address, library, locked[f"node_modules/{library}"])
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as members:
            for _, source, target in (entry for entry in FILES if entry[0] == library):
                # Every archive of npm has one folder, "package".
                content = members.extractfile(f"package/{source}")
                assert content is not None, source
                contents[target] = content.read()
    for target, old, new in CHANGES:
        if contents[target].count(old) != 1:
            raise UserError(
                f"{target} has {contents[target].count(old)} times {old!r}; expected 1. Mend live/vendor.py."
            )
        contents[target] = _NOTICE.encode() + contents[target].replace(old, new)
    contents[LICENSES] = _licenses(locked).encode()
    contents["version.txt"] = version().encode()
    _write(contents, folder)


def registry() -> str:
    """The address of the npm registry: what npm_config_registry says, else what npm says.

    Raises:
      UserError: if there is neither.
    """
    given = next((os.environ[name] for name in _VARIABLES if os.environ.get(name)), "")
    npm = shutil.which("npm")
    if not given and npm:
        done = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, check=False)
        given = done.stdout.strip() if done.returncode == 0 else ""
    if not given.startswith(("http://", "https://")):
        raise UserError(
            "The page's libraries are not here, and no npm registry is known. Ways out: install npm, which knows "
            "one; or set npm_config_registry to the address of one; or install a wheel that has the "
            f"libraries; or copy {FOLDER.name} of another machine (python -m live.vendor DIR) to {FOLDER}."
        )
    return given.rstrip("/")


def _archive(registry_address: str, library: str, entry: dict) -> bytes:
    """An archive of the registry, verified."""
    address = f"{registry_address}/{library}/-/{library.split('/')[-1]}-{entry['version']}.tgz"
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:
            content = answer.read()
    except (OSError, ValueError) as error:
        raise UserError(
            f"The page's libraries are not here, and {library} {entry['version']} cannot be fetched from the npm "
            f"registry ({getattr(error, 'reason', error)}). Ways out: set npm_config_registry to a registry that is "
            f"within reach; or run `python -m live.vendor DIR` where one is, and copy DIR to {FOLDER}."
        ) from None
    algorithm, expected = entry["integrity"].split("-", 1)
    found = base64.b64encode(hashlib.new(algorithm, content).digest()).decode()
    if found != expected:
        raise UserError(
            f"{library} {entry['version']} from the npm registry has {algorithm} {found}; expected {expected}, as "
            "live/page/package-lock.json says. Nothing was kept. Try again, or another registry (npm_config_registry)."
        )
    return content


def _licenses(locked: dict) -> str:
    lines = ["Libraries of others in this folder, and what was changed in them.", ""]
    for library in sorted({library for library, *_ in FILES}):
        entry = locked[f"node_modules/{library}"]
        lines.append(f"{library} {entry['version']}: {entry['license']}; a package of npm")
        lines += [f"  {target}" for name, _, target in FILES if name == library]
    lines += [
        "",
        "Changes:",
        *(f"  {target}: {old.decode()} became {new.decode()}" for target, old, new in CHANGES),
        "",
    ]
    return "\n".join(lines) + "\n" + (PAGE / "apache-2.0.txt").read_text()


def _write(contents: dict[str, bytes], folder: pathlib.Path) -> None:
    """Writes a folder beside its place, and moves it there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    written = pathlib.Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        for name, content in contents.items():
            path = written / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        written.chmod(0o755)
        # Another process may have been quicker: the folders are the same.
        if not is_complete(folder):
            shutil.rmtree(folder, ignore_errors=True)
            written.rename(folder)
    finally:
        shutil.rmtree(written, ignore_errors=True)


@report_user_errors
def main(argv: list[str] | None = None) -> int:
    """Fetches the libraries into the folder that is named, or live/page/vendor."""
    arguments = sys.argv[1:] if argv is None else argv
    folder = pathlib.Path(arguments[0]) if arguments else FOLDER
    if not is_complete(folder):
        fetch(folder)
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
