"""Authorized requests to one registry, repeated where that is safe; errors as `RegistryError`."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

from airgap.errors import RegistryError, UpstreamError
from airgap.net import (
    Answer,
    Body,
    Download,
    Patience,
    RetryPolicy,
    Session,
    Sink,
    Target,
    Traffic,
    Transfer,
    UnauthorizedError,
    Wire,
    client_context,
)
from airgap.net.answer import MAX_ANSWER_BYTES
from airgap.net.failure import WIRE_ERRORS, refuse_page, unreachable
from airgap.net.redirect import is_same_origin
from airgap.net.target import Nowhere
from airgap.net.wire import Exchange
from airgap.oci.auth import Authorizer, Scope
from airgap.oci.credentials import Credentials

__all__ = ["Channel"]

T = TypeVar("T")

_DETAIL_BYTES = 4096
_USER_AGENT = "sidero-airgap"


class Channel:
    """The way to one registry. Thread-safe.

    Args:
        url: `scheme://host[:port]`.
        ca: PEM to trust instead of the machine's authorities.
        host: The name credentials go by; the URL's host by default.
        credentials: Where credentials come from.
        retry: How patiently to repeat.
        traffic: The run's; unlimited and uncounted by default.
        answer_s: How long a small answer may take to begin, where that is long: an Image Factory
            makes images when they are asked for.
    """

    def __init__(
        self,
        url: str,
        *,
        ca: str | None,
        host: str,
        credentials: Credentials,
        retry: RetryPolicy,
        traffic: Traffic | None = None,
        answer_s: float | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        tls = client_context(ca)
        self._traffic = traffic or Traffic(most_per_host=None)
        self._session = Session(tls, self._traffic)
        self._wire = Wire(tls, traffic=self._traffic)
        self._retry = self._traffic.counted(retry)
        self._patience = None if answer_s is None else Patience(answer_s=answer_s)
        self._host = host or urlsplit(url).netloc
        self._authorizer = Authorizer(self.url, self._host, self._session, credentials)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()
        self._wire.close()

    def send(
        self,
        method: str,
        target: str,
        scope: Scope,
        *,
        ok: Collection[int],
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        """Send a request and return its answer, whose status is one of `ok`.

        Raises:
            RegistryError: Another status, or no answer.
        """

        def operation(authorization: dict[str, str]) -> Answer:
            return self.send_once(
                method,
                self.url + target,
                ok=ok,
                headers={**(headers or {}), **authorization},
                content=content,
                max_bytes=max_bytes,
            )

        return self.run(target, scope, operation)

    def send_once(
        self,
        method: str,
        url: str,
        *,
        ok: Collection[int],
        headers: Mapping[str, str],
        content: bytes | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        """Send a request as it is; a part of an operation given to `run`."""
        answer = self._wire.send(
            method,
            url,
            headers={"User-Agent": _USER_AGENT, **headers},
            content=content,
            max_bytes=max_bytes,
            patience=self._patience,
        )
        if answer.status not in ok:
            raise answer.refusal()
        refuse_page(answer.url, answer.headers)
        return answer

    def send_body(
        self, method: str, url: str, body: Body | None, *, headers: Mapping[str, str]
    ) -> Answer:
        """Send a request with a body of any size, and return its answer, whatever its status.

        A part of an operation given to `run`. Once some of the body was sent, nothing is sent
        again: the registry may have kept it.

        Raises:
            UpstreamError: There was no answer.
        """
        fields = {
            "User-Agent": _USER_AGENT,
            "Content-Type": "application/octet-stream",
            "Content-Length": str(body.size if body else 0),
            **headers,
        }
        once = _Once(body) if body else None
        with self._wire.open(method, url, headers=fields, body=once) as exchange:
            try:
                detail = exchange.response.read(_DETAIL_BYTES)
            except WIRE_ERRORS as error:
                raise unreachable(url, error) from error
        self._traffic.observe(url, exchange.headers)
        return Answer(
            method=method, url=url, status=exchange.status, headers=exchange.headers, body=detail
        )

    def pause(self, seconds: float) -> None:
        """Wait, as between two tries."""
        self._retry.sleep(seconds)

    def transfer(
        self, target: str, scope: Scope, into: Target | Sink, *, size: int | None, max_bytes: int
    ) -> Transfer:
        """Return the transfer of a body into a target; nothing is asked before it runs.

        It goes on where a connection broke, and other threads may help with it.
        """
        download = Download(self._wire, self.url + target, into, size=size, max_bytes=max_bytes)
        return Transfer(download, lambda attempt: self.run(target, scope, attempt))

    def open(self, target: str, scope: Scope, *, size: int, offset: int) -> Exchange:
        """Return the answer with a body from an offset on; the caller reads and closes it.

        Raises:
            RegistryError: Refused, or it does not begin there.
            IntegrityError: Another size than promised.
        """
        url = self.url + target
        download = Download(self._wire, url, Nowhere(), size=size, max_bytes=size)
        return self.run(target, scope, lambda headers: download.open_at(offset, headers))

    def run(self, target: str, scope: Scope, operation: Callable[[dict[str, str]], T]) -> T:
        """Run an operation with the authorization it needs, again on a retryable failure.

        A challenge is answered where it is the registry's own; its realm may be on another host,
        but who else is led to (a redirect, an upload's Location) is told nothing.

        Args:
            target: The path and query that it asks for: a registry counts manifests apart.
            scope: What it needs to be allowed.
            operation: Takes the headers that say who we are.

        Raises:
            RegistryError: It failed for good.
        """
        url = self.url + target

        def attempt() -> T:
            with self._registry_errors(), self._traffic.attempt(url):
                headers = self._authorizer.headers(scope)
                try:
                    return operation(headers)
                except UnauthorizedError as refusal:
                    if self._is_elsewhere(refusal):
                        raise
                    self._authorizer.answer(refusal.challenge, scope, headers)
                return operation(self._authorizer.headers(scope))

        return self._retry.run(attempt)

    def _is_elsewhere(self, refusal: UnauthorizedError) -> bool:
        """Tell whether a 401 came from a host that the registry only led to."""
        return not is_same_origin(refusal.url, self.url)

    @contextmanager
    def _registry_errors(self) -> Iterator[None]:
        try:
            yield
        except RegistryError:
            raise
        except UpstreamError as error:
            known = f" (request ID {error.request_id})" if error.request_id else ""
            raise RegistryError(
                f"{error.message}{known}",
                status=error.status,
                retryable=error.retryable,
                retry_after_s=error.retry_after_s,
                hint=self._hint(error),
            ) from error

    def _hint(self, error: UpstreamError) -> str:
        if isinstance(error, UnauthorizedError) and self._is_elsewhere(error):
            return (
                f"{self._host} led there, and its credentials go nowhere else: that host has "
                "to let in whom it sends"
            )
        if error.status in (401, 403):
            return f"check the credentials for {self._host} and what they may do"
        if error.status == 405:
            return f"{self._host} does not do this: it is read-only, or deletes are switched off"
        return error.hint


class _Once:
    """A body that is not sent again on another connection."""

    is_repeatable = False

    def __init__(self, body: Body) -> None:
        self._body = body
        self.size = body.size

    def send(self, connection: socket.socket, traffic: Traffic) -> None:
        """Send all of it."""
        self._body.send(connection, traffic)
