"""A page that is open in a browser, and the server that it came from."""

import re

from commands import start_command

# A camera that plays a file, and videos that play without a click.
FLAGS = ("--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required")


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
        # Its scripts listen.
        self.page.wait_for_selector("html[data-ready]")

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
