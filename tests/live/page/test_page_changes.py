"""What people do with the page while it runs: pause, hide it, unplug the camera, drop files, change their mind."""

import base64
import time

import pytest

pytestmark = pytest.mark.slow

DROP = """
([contents]) => {
  const files = new DataTransfer();
  for (const [bytes, name] of contents) {
    files.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, { type: "video/mp4" }));
  }
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
}
"""
# The browser has no camera to pull out: the stream ends, and the list of cameras is what `plugged` says.
PULL_OUT = """
() => {
  const devices = navigator.mediaDevices;
  const [track] = document.querySelector("#video").srcObject.getVideoTracks();
  globalThis.plugged = false;
  const [list, get] = [devices.enumerateDevices.bind(devices), devices.getUserMedia.bind(devices)];
  devices.enumerateDevices = async () => (globalThis.plugged ? list() : []);
  devices.getUserMedia = async (wish) => {
    if (!globalThis.plugged) throw new DOMException("none", "NotFoundError");
    return get(wish);
  };
  track.stop();
  track.dispatchEvent(new Event("ended"));
}
"""
PLUG_IN = "() => { plugged = true; navigator.mediaDevices.dispatchEvent(new Event('devicechange')); }"
SET_HIDDEN = """
(isHidden) => {
  Object.defineProperty(document, "visibilityState", { value: isHidden ? "hidden" : "visible", configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}
"""


def drop(page, *files):
    page.evaluate(DROP, [[[base64.b64encode(content).decode(), name] for name, content in files]])


@pytest.fixture
def running(visit, server):
    """A page whose camera has been recognised."""
    one = visit(server.address)
    one.page.click("#camera-start")
    one.wait_for_answer("Squat")
    # A set of less than a second is none.
    one.wait_for_repetitions(2)
    return one


def wait_for_new_answers(one) -> None:
    """The page's time goes on."""
    before = one.page.inner_text("#elapsed")
    one.page.wait_for_function("before => document.querySelector('#elapsed').textContent !== before", arg=before)
    one.wait_for_answer("Squat")


def wait_for_message(one, words: str) -> None:
    one.page.wait_for_function("words => document.querySelector('#message').textContent.includes(words)", arg=words)


def test_pauses_in_quick_succession_leave_a_page_that_answers(running):
    """The end of the session before does not close the new one, even when the server takes long to answer."""
    running.page.evaluate("() => { const e = document.querySelector('#pause'); e.click(); e.click(); }")
    assert running.phase() == "running"
    time.sleep(3.5)  # the summary's time is over
    wait_for_new_answers(running)
    assert running.page.inner_text("#link") == "Connected" and running.errors == []


def test_ending_twice_ends_once(running):
    running.page.evaluate("() => { const e = document.querySelector('#end'); e.click(); e.click(); }")
    running.wait_for_phase("done")
    assert running.page.inner_text("#totals tbody tr").startswith("Squat")
    running.page.click("#again")
    running.page.click("#camera-start")
    running.wait_for_answer("Squat")
    time.sleep(3.5)
    assert running.phase() == "running" and running.errors == []


def test_a_hidden_page_pauses_and_goes_on(running):
    running.page.evaluate(SET_HIDDEN, True)
    running.wait_for_phase("paused")
    running.page.evaluate(SET_HIDDEN, False)
    running.wait_for_phase("running")
    wait_for_new_answers(running)
    # A person's own pause stays one.
    running.page.keyboard.press("Space")
    running.wait_for_phase("paused")
    for is_hidden in (True, False):
        running.page.evaluate(SET_HIDDEN, is_hidden)
    time.sleep(0.5)
    assert running.phase() == "paused"


def test_a_camera_that_went_away_is_used_again_when_it_is_back(running):
    running.page.evaluate(PULL_OUT)
    wait_for_message(running, "camera is gone")
    running.wait_for_phase("paused")
    running.page.click("#pause")  # go on, without a camera
    wait_for_message(running, "No camera")
    running.wait_for_phase("paused")
    assert running.page.locator("#segments .dot").count() > 0  # what was done stays
    running.page.evaluate(PLUG_IN)
    running.wait_for_phase("running")
    wait_for_new_answers(running)


def test_a_camera_that_comes_back_needs_no_click(running):
    running.page.evaluate(PULL_OUT)
    running.wait_for_phase("paused")
    running.page.evaluate(PLUG_IN)
    running.wait_for_phase("running")
    assert running.page.is_hidden("#message")
    wait_for_new_answers(running)


def test_the_graphics_chip_can_be_chosen_in_a_pause(running):
    """The model is loaded again when the page goes on; where it does not work on this chip, without it."""
    running.page.keyboard.press("Space")
    running.wait_for_phase("paused")
    running.page.click("#settings summary")
    running.page.click("#graphics")
    running.page.click("#graphics")
    running.page.click("#pause")
    running.wait_for_phase("running")
    wait_for_new_answers(running)


def test_dropped_files_do_not_end_a_session(running, drawn_clips):
    good = ("jacks.mp4", drawn_clips["jumping_jack"].read_bytes())
    drop(running.page, ("notes.mp4", b"no video"))
    wait_for_message(running, "End this session first")
    wait_for_new_answers(running)
    running.page.keyboard.press("e")
    running.wait_for_phase("done")
    drop(running.page, good, good)
    wait_for_message(running, "one video at a time")
    drop(running.page, good)
    running.wait_for_answer("Jumping jack")


def test_every_frame_of_a_file_is_answered_from_the_first_one_on(visit, server, drawn_clips):
    """The file waits for the server, also where the way there is slow."""
    one = visit(server.address)
    one.page.evaluate(
        """() => {
          const { WebSocket } = globalThis;
          globalThis.WebSocket = class extends WebSocket {
            set onmessage(listener) {
              super.onmessage = listener && ((event) => setTimeout(() => listener(event), 1500));
            }
          };
        }"""
    )
    one.page.set_input_files("#file", drawn_clips["jumping_jack"])
    one.wait_for_phase("running")
    time.sleep(1)
    assert one.page.evaluate("document.querySelector('#video').currentTime") < 0.2
    one.wait_for_answer("Jumping jack")


def test_a_session_survives_a_reload_without_the_camera(running):
    running.page.wait_for_selector("#segments .dot")
    time.sleep(2.5)
    running.context.clear_permissions()
    running.page.reload()
    wait_for_message(running, "not allowed")
    running.wait_for_phase("paused")
    assert running.page.locator("#segments .dot").count() > 0
    running.context.grant_permissions(["camera"])
    running.page.click("#pause")
    running.wait_for_answer("Squat")


def test_a_camera_that_is_allowed_later_is_used(visit, server):
    one = visit(server.address, permissions=())
    one.page.click("#camera-start")
    wait_for_message(one, "not allowed")
    one.context.grant_permissions(["camera"])
    one.page.click("#camera-start")
    one.wait_for_answer("Squat")
    assert one.page.is_hidden("#message")


def test_while_the_browser_asks_for_the_camera_a_person_can_go_back(visit, server):
    one = visit(server.address)
    one.page.evaluate(
        """() => {
          const devices = navigator.mediaDevices;
          const get = devices.getUserMedia.bind(devices);
          const allowed = new Promise((resolve) => { globalThis.allow = resolve; });
          devices.getUserMedia = async (wish) => { await allowed; return get(wish); };
        }"""
    )
    one.page.click("#camera-start")
    assert "allow it" in one.page.inner_text("#loading")
    one.page.click("#cancel")
    assert one.phase() == "start"
    one.page.evaluate("allow()")
    time.sleep(0.5)
    assert one.phase() == "start" and one.page.evaluate("document.querySelector('#video').srcObject") is None


def test_the_chosen_theme_is_kept(visit, server):
    one = visit(server.address, color_scheme="light")
    one.page.click("#theme")
    one.page.reload()
    one.page.wait_for_selector("html[data-ready]")
    assert one.page.get_attribute("html", "data-theme") == "dark"
    assert one.page.get_attribute("#theme", "aria-pressed") == "true"


def test_a_browser_without_webgl_is_told(visit, server):
    one = visit(server.address)
    one.page.evaluate("() => { HTMLCanvasElement.prototype.getContext = () => null; }")
    one.page.click("#camera-start")
    wait_for_message(one, "no WebGL")
    assert one.phase() == "start"
