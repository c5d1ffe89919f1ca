"""Requests to one Image Factory: identified, authorized, repeated where that is safe.

The factory says little when it fails (500 `internal server error`, details in its log only), so
each request carries an X-Request-ID, and each error names it; releases from v1.5.0 log it and echo
it. Every call is safe to repeat: registering a schematic twice gives the same ID.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from airgap.errors import AirgapError, FactoryError, IntegrityError, UpstreamError
from airgap.net import (
    Answer,
    Patience,
    RetryPolicy,
    Traffic,
    UnauthorizedError,
    Wire,
    client_context,
)
from airgap.net.failure import refuse_page
from airgap.net.wire import Exchange
from airgap.oci.credentials import Credentials

__all__ = ["Channel", "Question"]

T = TypeVar("T")

_MAX_BYTES = 8 * 1024 * 1024
_CONNECT_S = 10.0
_STALL_S = 60.0
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_SERVER = re.compile(r"Image Factory (v\d+\.\d+\.\d+[0-9A-Za-z.+-]{0,40})")
_READ_LOG = "look for the request ID in the factory's log"
_READ_LOG_THEN = "look into the factory's log at this time (request IDs are in it from v1.5.0 on)"


@dataclass(slots=True, kw_only=True)
class Question:
    """One request: the ID it is known by, and what the factory answered to that."""

    request_id: str
    is_logged: bool = False

    def failed(self, error: UpstreamError | IntegrityError) -> AirgapError:
        """Return an error as this request's, with its ID; a FactoryError keeps its own class."""
        message = f"{error.message} (request ID {self.request_id})"
        if not isinstance(error, UpstreamError):
            return IntegrityError(message, hint=error.hint)
        log = _READ_LOG if self.is_logged else _READ_LOG_THEN
        kind = type(error) if isinstance(error, FactoryError) else FactoryError
        return kind(
            message,
            status=error.status,
            retryable=error.retryable,
            retry_after_s=error.retry_after_s,
            hint=error.hint or (log if error.status >= 500 else ""),
        )


class Channel:
    """The way to one factory. Thread-safe.

    Args:
        endpoint: `scheme://host[:port][/path]`.
        ca: PEM to trust instead of the machine's authorities.
        credentials: Where credentials come from when the factory wants some (enterprise).
        retry: How patiently to repeat.
        traffic: The run's; unlimited and uncounted by default.
    """

    def __init__(
        self,
        endpoint: str,
        ca: str | None,
        *,
        credentials: Credentials | None = None,
        retry: RetryPolicy | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.traffic = traffic or Traffic(most_per_host=None)
        self.retry = self.traffic.counted(retry or RetryPolicy())
        self._wire = Wire(
            client_context(ca), timeout_s=_STALL_S, connect_s=_CONNECT_S, traffic=self.traffic
        )
        self._host = urlsplit(self.endpoint).netloc.rpartition("@")[2]
        self._credentials = credentials
        self._authorization: dict[str, str] = {}
        self._release = ""
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all connections."""
        self._wire.close()

    @property
    def release(self) -> str:
        """The factory's own release, as far as an answer has told it (from v1.0.0 on)."""
        return self._release

    def ask(
        self,
        method: str,
        path: str,
        parse: Callable[[Answer], T],
        *,
        ok: Collection[int] = (200,),
        content: bytes | None = None,
        patience: Patience | None = None,
    ) -> T:
        """Send a request until it is answered, refuse all but the statuses hoped for, and parse.

        Raises:
            FactoryError: Another status, a page for people, no answer, or what `parse` raises.
        """
        headers = {"Accept": "application/json, application/yaml, */*"}
        if content is not None:
            headers["Content-Type"] = "application/yaml"

        def operation(question: Question, sent: Mapping[str, str]) -> T:
            answer = self._wire.send(
                method,
                self.endpoint + path,
                headers={**headers, **sent},
                content=content,
                max_bytes=_MAX_BYTES,
                patience=patience,
            )
            self.hear(question, answer.headers)
            if answer.status not in ok:
                raise answer.refusal()
            refuse_page(answer.url, answer.headers)
            return parse(answer)

        return self.run(operation)

    def open(
        self, url: str, headers: Mapping[str, str], patience: Patience | None = None
    ) -> Exchange:
        """Send one GET, to the factory or to where it leads; a part of an operation of `run`."""
        fields = {"Accept-Encoding": "identity", **headers}
        return self._wire.open("GET", url, headers=fields, patience=patience)

    def hear(self, question: Question, headers: Mapping[str, str]) -> None:
        """Learn from an answer's headers: the request's ID in the log, the factory's release."""
        stated = headers.get("x-request-id", "")
        if _REQUEST_ID.fullmatch(stated):
            question.request_id, question.is_logged = stated, True
        if match := _SERVER.fullmatch(headers.get("server", "")):
            self._release = match[1]

    def run(self, operation: Callable[[Question, Mapping[str, str]], T]) -> T:
        """Run an operation with the headers it has to send, again on a retryable failure.

        Raises:
            FactoryError: It failed for good.
            IntegrityError: What came is not what was promised.
        """
        question = Question(request_id=str(uuid.uuid4()))

        def attempt() -> T:
            try:
                with self.traffic.attempt(self.endpoint):
                    return self._authorized(question, operation)
            except (UpstreamError, IntegrityError) as error:
                if isinstance(error, UpstreamError) and error.status in (401, 403):
                    error.hint = f"check this machine's credentials for {self._host}"
                raise question.failed(error) from error

        return self.retry.run(attempt)

    def _authorized(
        self, question: Question, operation: Callable[[Question, Mapping[str, str]], T]
    ) -> T:
        sent = {"X-Request-ID": question.request_id, "User-Agent": "sidero-airgap"}
        known = self._authorization
        try:
            return operation(question, {**sent, **known})
        except UnauthorizedError:
            if known or not self._find_credential():
                raise
        return operation(question, {**sent, **self._authorization})

    def _find_credential(self) -> bool:
        """Look for what this machine has for the factory (its registry's, in Docker's form)."""
        found = self._credentials.find(self._host) if self._credentials else None
        if found is None or not found.username:
            return False
        with self._lock:
            self._authorization = {"Authorization": found.basic()}
        return True
