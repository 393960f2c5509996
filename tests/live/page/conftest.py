"""The page in Debian's Chromium, with a camera that plays a drawn athlete."""

import functools
import http.server
import pathlib
import re
import shutil
import subprocess
import threading

import imageio_ffmpeg
import pytest
from commands import run_command, start_command

from beam_jobs.pose import model_file
from live import static_page, vendor
from live.recognizer import DEFAULT_MIN_PROBABILITY

BUNDLE = pathlib.Path(vendor.PAGE).parent / "default_bundle"
# Rendering without a graphics chip; everything else as a user has it.
FLAGS = ("--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required")


def ffmpeg(*args: object) -> None:
    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-nostdin", "-loglevel", "error", "-y", *map(str, args)], check=True)


@pytest.fixture(scope="session")
def drawn_clips(tmp_path_factory) -> dict[str, pathlib.Path]:
    """A drawn person's squats and jumping jacks, as browsers can play them: by name, 8 s each."""
    folder = tmp_path_factory.mktemp("drawn")
    flags = ("--num_clips", "6", "--seed", "3", "--exercises", "squat,jumping_jack")
    assert run_command("beam_jobs", "athletes", "--output", folder, *flags).returncode == 0
    clips = {}
    for name in ("squat", "jumping_jack"):
        source = min((folder / name).glob("*.mp4"))
        clips[name] = folder / f"{name}.mp4"
        scaled = "scale=320:240:force_original_aspect_ratio=decrease,pad=320:240:-1:-1"
        encoding = ("-t", 8, "-r", 15, "-vf", scaled, "-c:v", "libx264", "-pix_fmt", "yuv420p")
        ffmpeg("-stream_loop", 3, "-i", source, *encoding, clips[name])
    return clips


@pytest.fixture(scope="session")
def camera_file(drawn_clips) -> pathlib.Path:
    """What the camera plays, over and over: squats."""
    path = drawn_clips["squat"].with_suffix(".y4m")
    ffmpeg("-i", drawn_clips["squat"], path)
    return path


@pytest.fixture(scope="session")
def chromium():
    """Starts Chromium with some flags; Playwright closes it."""
    sync_api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        yield functools.partial(playwright.chromium.launch, executable_path=program)


@pytest.fixture(scope="session")
def browser(chromium, camera_file):
    """A browser with a camera."""
    browser = chromium(args=[*FLAGS, f"--use-file-for-fake-video-capture={camera_file}"])
    yield browser
    browser.close()


class Visit:
    """A page that is open, and what it asked for.

    Attributes:
      page: Playwright's page.
      addresses: of all requests and sockets.
      errors: of its scripts.
    """

    def __init__(self, browser, address: str, permissions=("camera",), **options):
        self.context = browser.new_context(permissions=list(permissions), accept_downloads=True, **options)
        self.addresses, self.errors = [], []
        self.context.on("request", lambda request: self.addresses.append(request.url))
        self.page = self.context.new_page()
        self.page.on("websocket", lambda socket: self.addresses.append(socket.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.set_default_timeout(60_000)
        self.page.goto(address)

    def wait_for_answer(self, name: str) -> None:
        self.page.wait_for_function("name => document.querySelector('.exercise')?.textContent === name", arg=name)

    def wait_for_repetitions(self, least: int) -> None:
        self.page.wait_for_function(
            "least => Number(document.querySelector('.number')?.textContent) >= least", arg=least
        )

    def phase(self) -> str:
        return self.page.evaluate("document.documentElement.dataset.phase")

    def wait_for_phase(self, phase: str) -> None:
        self.page.wait_for_selector(f"html[data-phase={phase}]")

    def left_the_origin(self) -> set[str]:
        """Addresses elsewhere that the page asked for."""
        host = re.match(r"\w+(://[^/]+)", self.page.url)[1]
        local = ("http" + host, "ws" + host, "blob:", "data:")
        return {address for address in self.addresses if not address.startswith(local)}


@pytest.fixture
def visit(browser):
    """Opens an address in the browser with a camera."""
    visits = []

    def opened(address: str, in_browser=browser, **options) -> Visit:
        visits.append(Visit(in_browser, address, **options))
        return visits[-1]

    yield opened
    for one in visits:
        one.context.close()


class Server:
    """`python -m live serve` in a process of its own.

    Attributes:
      address: of its page.
    """

    def __init__(self, *flags: object, port: int = 0):
        self.process = start_command("live", "serve", "--port", port, *flags)
        # Its first line names the address.
        for line in self.process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self.address, self.port = found[0], int(found[1])
                return
        raise AssertionError(f"live serve did not start; exit code {self.process.wait()}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="session")
def server():
    """A server that stays."""
    server = Server()
    yield server
    server.kill()


class _FileHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def static_folder(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("static") / "page"
    static_page.write(str(BUNDLE), "default_bundle", model_file.locate(), str(folder), DEFAULT_MIN_PROBABILITY)
    return folder


@pytest.fixture(scope="session")
def static_address(static_folder):
    """The page as files, in a subfolder of a server that knows nothing of it."""
    handler = functools.partial(_FileHandler, directory=static_folder.parent)
    files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=files.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{files.server_port}/{static_folder.name}/"
    files.shutdown()
    files.server_close()
