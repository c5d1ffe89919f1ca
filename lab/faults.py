"""Faults a test injects into a simulator: what goes wrong, for which requests, how often."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

from werkzeug.wrappers import Response

__all__ = ["LOGIN_PAGE", "Effect", "Fault", "Faults"]

LOGIN_PAGE = b"<!DOCTYPE html><html><title>Sign in</title><form>corporate proxy</form></html>\n"
"""What a captive portal answers, with status 200, instead of the bytes asked for."""


class Effect(TypedDict, total=False):
    """What a fault does to a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncate_to: int
    cut_after: int
    flip_byte: int
    delay_s: float
    drop: bool
    mute: bool
    then: Callable[[], None]
    alter: Callable[[Response], Response]


@dataclass(slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong for the requests it matches.

    Attributes:
        path: A regular expression searched in the request path.
        method: Only this method; empty for all.
        times: How many more requests it strikes; None for ever.
        status: Answer this status instead (with `headers` and `body`); 0 answers as usual.
        truncate_to: Send the full Content-Length but only so many bytes, then hang up.
        cut_after: Take so many bytes of the request's body, then hang up.
        flip_byte: Invert the byte at this offset of the body; negative for none.
        delay_s: Wait before answering.
        drop: Hang up without an answer, and without doing anything.
        mute: Do what is asked, then hang up without an answer.
        then: Run after the answer was made, before it is sent (a tag moves between two reads).
        alter: Makes another answer of the right one (headers that lie, a body without an end).
    """

    path: re.Pattern[str]
    method: str = ""
    times: int | None = 1
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    truncate_to: int = -1
    cut_after: int = -1
    flip_byte: int = -1
    delay_s: float = 0.0
    drop: bool = False
    mute: bool = False
    then: Callable[[], None] | None = None
    alter: Callable[[Response], Response] | None = None

    def matches(self, method: str, path: str) -> bool:
        """Tell whether this fault strikes the request."""
        if self.times == 0 or (self.method and self.method != method):
            return False
        return self.path.search(path) is not None


class Faults:
    """The faults of one simulator, first match first; safe to use from many threads."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self, path: str, *, method: str = "", times: int | None = 1, **effect: Unpack[Effect]
    ) -> None:
        """Strike the next `times` requests whose path the regular expression finds."""
        fault = Fault(path=re.compile(path), method=method, times=times, **effect)
        with self._lock:
            self._faults.append(fault)

    def add_login_page(self, path: str, *, times: int | None = 1) -> None:
        """Answer 200 with a login page, as a captive portal does."""
        self.add(
            path, times=times, status=200, body=LOGIN_PAGE, headers={"Content-Type": "text/html"}
        )

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for this request, and count it."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(method, path):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None
