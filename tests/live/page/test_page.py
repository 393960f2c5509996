"""The page of `python -m live serve` as a person uses it, in a browser whose camera plays a drawn athlete."""

import base64
import json
import time

import pytest
from page_visits import FLAGS, Server

from live import vendor

pytestmark = pytest.mark.slow

AXE = vendor.PAGE / "node_modules" / "axe-core" / "axe.min.js"


def assert_is_accessible(page) -> None:
    """No violation that axe finds; where axe is there (`make lint-page` installs it)."""
    if AXE.exists():
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run().then(({ violations }) => violations)")
        assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []


def test_the_camera_is_answered_counted_and_summed(visit, server):
    one = visit(server.address, color_scheme="dark")
    page = one.page
    assert_is_accessible(page)
    page.keyboard.press("c")
    one.wait_for_answer("Squat")
    one.wait_for_repetitions(2)
    assert_is_accessible(page)
    page.wait_for_function("() => /^[0-9]+ %$/.test(document.querySelector('.percent').textContent)")
    assert page.text_content("#announce")  # a screen reader is told

    page.keyboard.press("Space")
    one.wait_for_phase("paused")
    page.keyboard.press("Space")
    one.wait_for_phase("running")
    one.wait_for_answer("Squat")
    page.keyboard.press("e")
    one.wait_for_phase("done")
    assert_is_accessible(page)
    cells = page.inner_text("#totals tbody tr").split("\t")
    assert cells[0] == "Squat" and int(cells[2]) >= 2

    with page.expect_download() as saved:
        page.click("#save-json")
    content = json.loads(saved.value.path().read_text())
    assert {segment["exercise"] for segment in content["segments"]} == {"squat"}
    with page.expect_download() as saved:
        page.click("#save-csv")
    lines = saved.value.path().read_text().splitlines()
    assert lines[0].startswith("person,exercise,start_s") and len(lines) == 1 + len(content["segments"])
    assert one.left_the_origin() == set() and one.errors == []


def test_a_reload_goes_on_with_what_was_done(visit, server):
    one = visit(server.address)
    one.page.click("#camera-start")
    one.wait_for_answer("Squat")
    one.page.wait_for_selector("#segments li:not(:has(.none)) .dot")
    time.sleep(2.5)
    before = one.page.locator("#segments .dot").count()
    one.page.reload()
    one.wait_for_answer("Squat")
    one.page.wait_for_function("least => document.querySelectorAll('#segments .dot').length > least", arg=before)
    assert one.errors == []


def test_a_lost_server_is_told_and_found_again(visit):
    server = Server()
    try:
        one = visit(server.address)
        one.page.click("#camera-start")
        one.wait_for_answer("Squat")
        one.page.wait_for_selector("#segments .dot")
        server.kill()
        one.page.wait_for_selector("#link[data-state=lost]")
        assert "again in" in one.page.inner_text("#message")
        server = Server(port=server.port)
        one.page.wait_for_selector("#link[data-state=ready]")
        one.page.wait_for_selector("#message", state="hidden")
        # A second set begins: the first one is still there.
        one.page.wait_for_function("() => document.querySelectorAll('#segments .dot').length > 1")
    finally:
        server.kill()


def test_a_full_server_is_told(visit):
    server = Server("--max_sessions", "1")
    try:
        first, second = visit(server.address), visit(server.address)
        first.page.click("#camera-start")
        first.wait_for_answer("Squat")
        second.page.click("#camera-start")
        second.page.wait_for_selector("#link[data-state=refused]")
        assert "again in" in second.page.inner_text("#message")
    finally:
        server.kill()


def test_a_denied_camera_is_told_and_a_video_can_be_used(visit, server, drawn_clips):
    one = visit(server.address, permissions=())
    one.page.click("#camera-start")
    one.page.wait_for_selector("#message:not([hidden])")
    assert "not allowed" in one.page.inner_text("#message") and one.phase() == "start"

    drop = """
      async ([bytes, name]) => {
        const files = new DataTransfer();
        files.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, { type: "video/mp4" }));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
      }
    """
    content = base64.b64encode(drawn_clips["jumping_jack"].read_bytes()).decode()
    one.page.evaluate(drop, [content, "jacks.mp4"])
    one.wait_for_answer("Jumping jack")
    assert one.page.locator("#picture.mirrored").count() == 0
    one.wait_for_phase("done")
    assert one.page.inner_text("#totals tbody tr").split("\t")[0] == "Jumping jack"
    assert one.left_the_origin() == set() and one.errors == []


def test_what_is_no_video_is_told(visit, server, tmp_path):
    (tmp_path / "notes.mp4").write_text("no video")
    one = visit(server.address)
    one.page.set_input_files("#file", tmp_path / "notes.mp4")
    one.page.wait_for_selector("#message:not([hidden])")
    assert "notes.mp4" in one.page.inner_text("#message") and one.phase() == "start"


def test_no_camera_is_told(chromium, visit, server):
    without = chromium(args=FLAGS[1:])
    try:
        one = visit(server.address, in_browser=without)
        one.page.click("#camera-start")
        one.page.wait_for_selector("#message:not([hidden])")
        assert "No camera" in one.page.inner_text("#message")
    finally:
        without.close()


def test_the_page_fits_a_phone(visit, server):
    one = visit(server.address, viewport={"width": 390, "height": 844})
    one.page.click("#camera-start")
    one.wait_for_answer("Squat")
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("#pause", ".exercise", ".number"):
        box = one.page.locator(name).bounding_box()
        assert box["y"] + box["height"] <= 844, f"{name} is below the first screen"
