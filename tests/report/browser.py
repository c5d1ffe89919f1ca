"""A real Chromium without a screen, driven by its own protocol (Chrome DevTools Protocol 1.3).

Commands and events are JSON on two pipes (`--remote-debugging-pipe`: file descriptors 3 and 4,
each message ends with a NUL). Names are looked up nowhere: the browser has no network.
"""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Browser", "Page", "open_browser"]

Json = Any  # messages of the protocol; their shape is the browser's
LIMIT_S = 120.0
OPTIONS = (
    "--headless",
    "--no-sandbox",  # tests may be root, whom the sandbox refuses
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)
# Puts two descriptors where the browser looks for them, whatever numbers they have here.
LAUNCH = """\
import fcntl, os, sys
reading, writing = (fcntl.fcntl(int(text), fcntl.F_DUPFD, 10) for text in sys.argv[1:3])
os.dup2(reading, 3)
os.dup2(writing, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


@dataclass(kw_only=True)
class Browser:
    """A browser that runs."""

    commands: int
    answers: int
    process: subprocess.Popen[bytes]
    events: list[Json] = field(default_factory=list)
    _buffer: bytes = b""
    _last: int = 0

    def ask(self, method: str, session: str = "", **parameters: Json) -> Json:
        """Send a command; return its result."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        _write(self.commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + LIMIT_S
        while True:
            answer = self._read(deadline)
            if answer.get("id") == self._last:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def wait_for(self, method: str, session: str) -> Json:
        """Return the parameters of an event that came, or comes."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            for event in self.events:
                if event["method"] == method and event.get("sessionId") == session:
                    self.events.remove(event)
                    return event["params"]
            self._read(deadline)

    def open_page(self, width: int = 1400, height: int = 900) -> Page:
        """Return a new, empty page."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        page = Page(browser=self, session=attached["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.ask(f"{domain}.enable")
        page.resize(width, height)
        return page

    def _read(self, deadline: float) -> Json:
        """Return the next message; an event is kept as well."""
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.answers], [], [], max(left, 0))
            data = os.read(self.answers, 1 << 20) if ready else b""
            assert data, f"the browser says nothing (exit code {self.process.poll()})"
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of the browser."""

    browser: Browser
    session: str

    def ask(self, method: str, **parameters: Json) -> Json:
        """Send a command about this page; return its result."""
        return self.browser.ask(method, self.session, **parameters)

    def open(self, file: Path) -> None:
        """Open a file, and wait until it is loaded."""
        self.ask("Page.navigate", url=file.as_uri())
        self.browser.wait_for("Page.loadEventFired", self.session)

    def resize(self, width: int, height: int) -> None:
        """Set the window's size."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def appear(self, *, scheme: str = "light", media: str = "") -> None:
        """Show the page in a colour scheme, on screen or as `print` has it."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media=media, features=features)

    def evaluate(self, expression: str) -> Json:
        """Return the value of an expression, a promise's when it is there."""
        result = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def click(self, selector: str) -> None:
        """Click into the middle of an element, once it is in view."""
        place = self.evaluate(
            f"""(() => {{
              const element = document.querySelector({json.dumps(selector)});
              element.scrollIntoView({{block: "center", inline: "center"}});
              const box = element.getClientRects()[0];
              return [box.x + box.width / 2, box.y + box.height / 2];
            }})()"""
        )
        where = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, **where)

    def press(self, key: str, code: int) -> None:
        """Press a key, as a person would."""
        text = {"text": "\r"} if key == "Enter" else {}
        names = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **names, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **names)

    def complaints(self) -> list[str]:
        """Return what stands in the console: messages, exceptions, and what the browser logs."""
        self.evaluate("1")
        found = []
        for event in self._events():
            method, parameters = event["method"], event["params"]
            if method == "Runtime.consoleAPICalled":
                found.append(str(parameters["args"]))
            elif method == "Runtime.exceptionThrown":
                found.append(str(parameters["exceptionDetails"]))
            elif method == "Log.entryAdded":
                found.append(str(parameters["entry"]["text"]))
        return found

    def requests(self) -> list[str]:
        """Return the URLs that were asked for."""
        self.evaluate("1")
        return [
            event["params"]["request"]["url"]
            for event in self._events()
            if event["method"] == "Network.requestWillBeSent"
        ]

    def screenshot(self, file: Path) -> None:
        """Take a picture of the whole page."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, file: Path) -> None:
        """Print the page."""
        printed = self.ask("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
        file.write_bytes(base64.b64decode(printed["data"]))

    def _events(self) -> Iterator[Mapping[str, Json]]:
        return (each for each in self.browser.events if each.get("sessionId") == self.session)


@contextmanager
def open_browser(program: Path, profile: Path) -> Iterator[Browser]:
    """Run a browser with a new profile while the context lasts."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    profile.mkdir(parents=True)
    command = (sys.executable, "-c", LAUNCH, str(theirs_in), str(theirs_out), str(program))
    with subprocess.Popen(
        (*command, *OPTIONS, f"--user-data-dir={profile}"),
        pass_fds=(theirs_in, theirs_out),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(profile), "LANG": "C.UTF-8"},
    ) as process:
        os.close(theirs_in)
        os.close(theirs_out)
        browser = Browser(commands=ours_out, answers=ours_in, process=process)
        try:
            yield browser
        finally:
            with suppress(AssertionError, OSError):
                browser.ask("Browser.close")
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            os.close(ours_out)
            os.close(ours_in)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
