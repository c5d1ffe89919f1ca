"""A client of an Image Factory's HTTP API, as siderolabs/image-factory v0.8 to v1.5 have it.

The factory says little when it fails (500 `internal server error`, details in its log only), so
each request carries an X-Request-ID, and each error names it. Every call is safe to repeat:
registering a schematic twice gives the same ID.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

from airgap.digest import is_digest
from airgap.errors import FactoryError, UpstreamError, redact
from airgap.net import Answer, RetryPolicy, Session, client_context
from airgap.net.failure import refuse_page
from airgap.schematic import Schematic, canonical_yaml, schematic_id

__all__ = ["FactoryClient", "OfficialExtension"]

_MAX_BYTES = 8 * 1024 * 1024
_ID = re.compile(r"[0-9a-f]{64}")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_READ_LOG = "look for the request ID in the factory's log"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialExtension:
    """An extension as the factory lists it; its own `ref` is left out, it names internal hosts."""

    name: str
    digest: str
    author: str
    description: str


class FactoryClient:
    """One Image Factory. Thread-safe; `close` it, or use it as a context manager.

    Args:
        endpoint: `scheme://host[:port][/path]`.
        ca: PEM to trust instead of the machine's authorities.
        version: The factory's own version: IDs of unusual strings depend on it.
        retry: How patiently to repeat.
    """

    def __init__(
        self,
        endpoint: str,
        ca: str | None = None,
        *,
        version: str | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._version = version
        self._retry = retry or RetryPolicy()
        self._session = Session(client_context(ca))

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def __enter__(self) -> Self:
        """Enter."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def register(self, schematic: Schematic) -> str:
        """Register a schematic and return its ID, which is the one predicted.

        Raises:
            FactoryError: Refused, out of reach, or answered with another ID.
        """
        text = canonical_yaml(schematic, factory=self._version)
        answer = self._send("POST", "/schematics", ok=(200, 201), content=text.encode())
        found = _text(self._mapping(self._json(answer), answer), "id")
        if not _ID.fullmatch(found):
            raise self._misunderstood(answer, "a schematic ID of 64 hex digits")
        predicted = schematic_id(schematic, factory=self._version)
        if found != predicted:
            raise FactoryError(
                f"{redact(answer.url)}: the factory answered with schematic ID {found}, "
                f"expected {predicted}",
                hint="set imageFactory.version to the factory's own version, then lock again",
            )
        return found

    def schematic_text(self, identity: str) -> str | None:
        """Return a registered schematic's text; None when the factory does not know it.

        Factories before v0.9.0 cannot be asked: they answer as if they knew none.

        Raises:
            FactoryError: Refused or out of reach.
        """
        path = f"/schematics/{quote(identity, safe='')}"
        answer = self._send("GET", path, ok=(200, 404, 405))
        return _decoded(answer) if answer.status == 200 else None

    def versions(self) -> tuple[str, ...]:
        """Return the Talos releases it can build, in its order.

        Raises:
            FactoryError: Refused, out of reach, or no list of versions.
        """
        answer = self._send("GET", "/versions")
        listed = self._json(answer)
        if not isinstance(listed, list):
            raise self._misunderstood(answer, "a list of versions")
        return tuple(str(item) for item in listed)

    def extensions(self, talos: str) -> tuple[OfficialExtension, ...]:
        """Return the official extensions of a Talos release, in the factory's order.

        Raises:
            FactoryError: The release is not available there, or the answer is no such list.
        """
        path = f"/version/{quote(talos, safe='')}/extensions/official"
        answer = self._send("GET", path)
        listed = self._json(answer)
        if not isinstance(listed, list):
            raise self._misunderstood(answer, "a list of extensions")
        return tuple(self._extension(item, answer) for item in listed)

    def _extension(self, value: object, answer: Answer) -> OfficialExtension:
        fields = self._mapping(value, answer)
        if not is_digest(_text(fields, "digest")):
            raise self._misunderstood(answer, "extensions with their digests")
        return OfficialExtension(
            name=_text(fields, "name"),
            digest=_text(fields, "digest"),
            author=_text(fields, "author"),
            description=_text(fields, "description"),
        )

    def _send(
        self,
        method: str,
        path: str,
        *,
        ok: tuple[int, ...] = (200,),
        content: bytes | None = None,
    ) -> Answer:
        """Send a request until it is answered, and refuse all but the statuses hoped for."""
        url, request_id = f"{self._endpoint}{path}", str(uuid.uuid4())
        headers = {"X-Request-ID": request_id, "Accept": "application/json, application/yaml"}
        if content is not None:
            headers["Content-Type"] = "application/yaml"

        def attempt() -> Answer:
            answer = self._session.send(
                method, url, headers=headers, content=content, max_bytes=_MAX_BYTES
            )
            if answer.status not in ok:
                raise _with_request_id(answer.refusal(), _request_id(answer, request_id))
            refuse_page(answer.url, answer.headers)
            return answer

        try:
            return self._retry.run(attempt)
        except FactoryError:
            raise
        except UpstreamError as error:
            raise _with_request_id(error, request_id) from error

    def _json(self, answer: Answer) -> object:
        try:
            document: object = json.loads(answer.body)
        except ValueError:
            raise self._misunderstood(answer, "JSON") from None
        return document

    def _mapping(self, value: object, answer: Answer) -> Mapping[str, object]:
        if not isinstance(value, dict):
            raise self._misunderstood(answer, "a JSON object")
        return value

    def _misunderstood(self, answer: Answer, expected: str) -> FactoryError:
        return FactoryError(
            f"{redact(answer.url)}: the answer is not {expected}",
            status=answer.status,
            hint="the endpoint has to be an Image Factory, and nothing that stands before it",
        )


def _request_id(answer: Answer, sent: str) -> str:
    """Return the ID the factory logged: it may have made its own."""
    stated = answer.headers.get("x-request-id", "")
    return stated if _REQUEST_ID.fullmatch(stated) else sent


def _with_request_id(error: UpstreamError, request_id: str) -> FactoryError:
    return FactoryError(
        f"{error.message} (request ID {request_id})",
        status=error.status,
        retryable=error.retryable,
        retry_after_s=error.retry_after_s,
        hint=error.hint or (_READ_LOG if error.status >= 500 else ""),
    )


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def _decoded(answer: Answer) -> str:
    return answer.body.decode("utf-8", "replace")
