"""The page in Debian's Chromium, with a camera that plays a drawn athlete."""

import functools
import http.server
import pathlib
import shutil
import subprocess
import threading

import imageio_ffmpeg
import pytest
from page_visits import FLAGS, Server, Visit

from beam_jobs.athletes import command
from beam_jobs.athletes.clip import Clip
from beam_jobs.errors import UserError
from beam_jobs.pose import model_file
from live import static_page, vendor
from live.recognizer import DEFAULT_MIN_PROBABILITY

BUNDLE = pathlib.Path(vendor.PAGE).parent / "default_bundle"


def ffmpeg(*args: object) -> None:
    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-nostdin", "-loglevel", "error", "-y", *map(str, args)], check=True)


@pytest.fixture(scope="session")
def drawn_clips(tmp_path_factory) -> dict[str, pathlib.Path]:
    """A drawn person's squats and jumping jacks, as browsers can play them: by name, 8 s each."""
    folder = tmp_path_factory.mktemp("drawn")
    clips = {}
    for name, index in (("squat", 1), ("jumping_jack", 0)):
        drawn = Clip(3, index, index, name, "test")
        command.write_clip(drawn, str(folder), duration_s=5.0)
        clips[name] = folder / f"{name}.mp4"
        scaled = "scale=320:240:force_original_aspect_ratio=decrease,pad=320:240:-1:-1"
        encoding = ("-t", 8, "-r", 15, "-vf", scaled, "-c:v", "libx264", "-pix_fmt", "yuv420p")
        ffmpeg("-stream_loop", 3, "-i", folder / drawn.video, *encoding, clips[name])
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
    try:
        vendor.locate()
    except UserError as error:
        pytest.skip(str(error))
    with sync_api.sync_playwright() as playwright:
        yield functools.partial(playwright.chromium.launch, executable_path=program)


@pytest.fixture(scope="session")
def browser(chromium, camera_file):
    """A browser with a camera."""
    browser = chromium(args=[*FLAGS, f"--use-file-for-fake-video-capture={camera_file}"])
    yield browser
    browser.close()


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
