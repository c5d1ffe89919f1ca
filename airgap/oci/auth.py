"""How a registry is told who we are: nothing, basic, or bearer tokens.

Basic: RFC 7617. Bearer: the distribution project's token authentication; a token is asked for the
very scope a request needs, kept until shortly before it expires, and asked for again after a 401.
Nothing is sent before a registry asks for it.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit

from airgap.errors import RegistryError, redact
from airgap.net import Answer, Session
from airgap.oci.credentials import Credential, Credentials

__all__ = ["Authorizer", "Scope", "parse_challenge"]

# A challenge is a scheme, then parameters (RFC 9110, 11.3); several are joined by commas.
_PART = re.compile(
    r"(?P<name>[A-Za-z0-9!#$%&\'*+.^_`|~-]+)\s*"
    r'(?:=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"]*)))?'
)
_TOKEN = re.compile(r"[\x21-\x7e]+\Z")  # anything else would not fit into a header
_DEFAULT_LIFETIME_S = 60.0  # the token specification's default where expires_in is absent
_MAX_TOKEN_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a request needs: one repository's `pull` or `pull,push`, and repositories to mount."""

    repository: str
    push: bool = False
    also_pull: tuple[str, ...] = ()

    def texts(self) -> tuple[str, ...]:
        """Return the scopes as the token specification writes them."""
        actions = "pull,push" if self.push else "pull"
        others = (f"repository:{name}:pull" for name in self.also_pull)
        return (f"repository:{self.repository}:{actions}", *others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A WWW-Authenticate header: scheme in lower case, and its parameters."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Token:
    """One scope's token; whoever asks for it anew holds the lock."""

    value: str = field(default="", repr=False)
    expires: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Authorizer:
    """Authorization headers for one registry. Thread-safe.

    Args:
        url: The registry, `scheme://host[:port]`.
        host: The name its credentials go by.
        session: For the token realm, with the registry's trust.
        credentials: Where credentials come from.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        url: str,
        host: str,
        session: Session,
        credentials: Credentials,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._host = host
        self._session = session
        self._credentials = credentials
        self._clock = clock
        self._challenge: Challenge | None = None
        self._tokens: dict[Scope, _Token] = {}
        self._lock = threading.Lock()

    def headers(self, scope: Scope) -> dict[str, str]:
        """Return the headers for a request, asking for a token where the last one has expired."""
        with self._lock:
            challenge = self._challenge
            token = self._tokens.setdefault(scope, _Token())
        if challenge is None:
            return {}
        if challenge.scheme == "basic":
            return {"Authorization": self._basic()}
        with token.lock:  # other scopes' tokens are asked for meanwhile
            if not token.value or token.expires <= self._clock():
                token.value, token.expires = self._fetch_token(challenge, scope)
            return {"Authorization": f"Bearer {token.value}"}

    def answer(self, challenge: str, scope: Scope, sent: dict[str, str]) -> None:
        """Take a 401's challenge, so that the next `headers` satisfies it.

        Args:
            challenge: The WWW-Authenticate header.
            scope: What the refused request needed.
            sent: The headers it was refused with; whatever came after them stays.

        Raises:
            RegistryError: The challenge cannot be met.
        """
        asked = parse_challenge(challenge)
        if asked.scheme == "bearer":
            self._realm(asked)
        elif asked.scheme != "basic":
            raise RegistryError(
                f"{redact(self._url)} asks for {asked.scheme or 'no known'} "
                "authentication; basic and bearer are supported",
                status=401,
            )
        with self._lock:
            self._challenge = asked
            token = self._tokens.setdefault(scope, _Token())
        with token.lock:
            if sent.get("Authorization") == f"Bearer {token.value}":
                token.value = ""

    def _basic(self) -> str:
        credential = self._credentials.find(self._host)
        if credential is None:
            raise RegistryError(
                f"{redact(self._url)} wants a user and password, and this machine has none for it",
                status=401,
                hint=f"docker login {self._host}, or AIRGAP_AUTH_FILE",
            )
        return credential.basic()

    def _fetch_token(self, challenge: Challenge, scope: Scope) -> tuple[str, float]:
        asked_at = self._clock()
        answer = self._ask_realm(challenge, scope, self._credentials.find(self._host))
        if answer.status != 200:
            refusal = answer.refusal()
            raise RegistryError(
                f"no token for {' '.join(scope.texts())}: {refusal.message}",
                status=answer.status,
                retryable=refusal.retryable,
                retry_after_s=refusal.retry_after_s,
                hint=f"check the credentials for {self._host}" if answer.status < 500 else "",
            )
        value, lifetime = _read_token(answer)
        # Leave before it is over: a tenth, at most ten seconds.
        return value, asked_at + lifetime - min(10.0, lifetime / 10)

    def _ask_realm(
        self, challenge: Challenge, scope: Scope, credential: Credential | None
    ) -> Answer:
        realm, service = self._realm(challenge), challenge.parameters.get("service", "")
        if credential is not None and credential.identity_token:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": credential.identity_token,
                "service": service,
                "client_id": "sidero-airgap",
                "scope": " ".join(scope.texts()),
            }
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return self._session.send(
                "POST",
                realm,
                headers=headers,
                content=urlencode(form).encode(),
                max_bytes=_MAX_TOKEN_BYTES,
            )
        query = [("service", service)] if service else []
        query += [("scope", text) for text in scope.texts()]
        url = realm + ("&" if "?" in realm else "?") + urlencode(query, quote_via=quote)
        headers = {"Authorization": credential.basic()} if credential is not None else {}
        return self._session.send("GET", url, headers=headers, max_bytes=_MAX_TOKEN_BYTES)

    def _realm(self, challenge: Challenge) -> str:
        realm = challenge.parameters.get("realm", "")
        scheme = urlsplit(realm).scheme
        if scheme not in ("http", "https") or (scheme, self._url[:5]) == ("http", "https"):
            raise RegistryError(
                f"{redact(self._url)} names {redact(realm) or 'nothing'} as its token realm: "
                "refused to send credentials there",
                status=401,
            )
        return realm


def parse_challenge(header: str) -> Challenge:
    """Read a WWW-Authenticate header; of several challenges the first that is known counts."""
    found: list[Challenge] = []
    for part in _PART.finditer(header):
        name = part["name"].lower()
        if part["quoted"] is None and part["bare"] is None:
            found.append(Challenge(scheme=name))
        elif found:
            value = re.sub(r"\\(.)", r"\1", part["quoted"] or "") or part["bare"] or ""
            found[-1].parameters.setdefault(name, value)
    known = [challenge for challenge in found if challenge.scheme in ("bearer", "basic")]
    return next(iter(known or found), Challenge(scheme=""))


def _read_token(answer: Answer) -> tuple[str, float]:
    try:
        document: object = json.loads(answer.body)
    except ValueError:
        document = None
    fields = document if isinstance(document, dict) else {}
    value = fields.get("token") or fields.get("access_token")
    if not isinstance(value, str) or not _TOKEN.match(value):
        raise RegistryError(f"{redact(answer.url)}: no token in its answer", status=answer.status)
    lifetime = fields.get("expires_in")
    if isinstance(lifetime, (int, float)) and lifetime > 0:
        return value, float(lifetime)
    return value, _DEFAULT_LIFETIME_S
