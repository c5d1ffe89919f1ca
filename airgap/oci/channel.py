"""Authorized requests to one registry, repeated where that is safe; errors as `RegistryError`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from airgap.errors import RegistryError, UpstreamError
from airgap.net import (
    Answer,
    Download,
    RetryPolicy,
    Session,
    Sink,
    UnauthorizedError,
    Wire,
    client_context,
)
from airgap.net.failure import refuse_page, refused
from airgap.net.redirect import headers_for
from airgap.net.session import MAX_ANSWER_BYTES
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
    """

    def __init__(
        self, url: str, *, ca: str | None, host: str, credentials: Credentials, retry: RetryPolicy
    ) -> None:
        self.url = url.rstrip("/")
        tls = client_context(ca)
        self._session = Session(tls)
        self._wire = Wire(tls)
        self._retry = retry
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

        return self.run(scope, operation)

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
        answer = self._session.send(
            method,
            url,
            headers={"User-Agent": _USER_AGENT, **headers},
            content=content,
            max_bytes=max_bytes,
        )
        if answer.status not in ok:
            raise answer.refusal()
        refuse_page(answer.url, answer.headers)
        return answer

    def put_file(
        self, url: str, path: Path, *, ok: Collection[int], headers: Mapping[str, str]
    ) -> None:
        """PUT a file's bytes; a part of an operation given to `run`."""
        fields = {
            "User-Agent": _USER_AGENT,
            "Content-Type": "application/octet-stream",
            "Content-Length": str(path.stat().st_size),
            **headers_for(url, self.url, headers),
        }
        with (
            path.open("rb") as body,
            self._wire.open("PUT", url, headers=fields, body=body) as exchange,
        ):
            detail = exchange.response.read(_DETAIL_BYTES)
            if exchange.status not in ok:
                raise refused("PUT", url, exchange.status, exchange.headers, detail)

    def download(
        self, target: str, scope: Scope, sink: Sink, *, size: int | None, max_bytes: int
    ) -> None:
        """Stream a body into a sink, going on where a connection broke.

        Raises:
            RegistryError: Refused, or the connection broke too often.
            IntegrityError: Another size than promised.
        """
        download = Download(self._wire, self.url + target, sink, size=size, max_bytes=max_bytes)
        self.run(scope, download.attempt)

    def run(self, scope: Scope, operation: Callable[[dict[str, str]], T]) -> T:
        """Run an operation with the authorization it needs, again on a retryable failure.

        Raises:
            RegistryError: It failed for good.
        """

        def attempt() -> T:
            with _registry_errors(self._host):
                headers = self._authorizer.headers(scope)
                try:
                    return operation(headers)
                except UnauthorizedError as refusal:
                    self._authorizer.answer(refusal.challenge, scope, headers)
                return operation(self._authorizer.headers(scope))

        return self._retry.run(attempt)


@contextmanager
def _registry_errors(host: str) -> Iterator[None]:
    try:
        yield
    except RegistryError:
        raise
    except UpstreamError as error:
        raise RegistryError(
            error.message,
            status=error.status,
            retryable=error.retryable,
            retry_after_s=error.retry_after_s,
            hint=_hint(error, host),
        ) from error


def _hint(error: UpstreamError, host: str) -> str:
    if error.status in (401, 403):
        return f"check the credentials for {host} and what they may do"
    if error.status == 405:
        return f"{host} does not do this: it is read-only, or deletes are switched off"
    return error.hint
