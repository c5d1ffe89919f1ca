"""How the practice registry asks who is there: not at all, basic, or bearer tokens.

Bearer follows the distribution project's token specification: a 401 names realm, service and
scope; the realm (served by the registry itself) hands out a token for exactly that scope.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from werkzeug.wrappers import Request, Response

__all__ = ["TOKEN_PATH", "Anonymous", "Authenticator", "BasicAuth", "BearerAuth", "error_response"]

TOKEN_PATH = "/token"  # noqa: S105 (a path)

Action = Literal["pull", "push"]


def error_response(status: int, code: str, message: str, **headers: str) -> Response:
    """Return an error in the distribution specification's JSON form."""
    body = json.dumps({"errors": [{"code": code, "message": message, "detail": None}]})
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body, status=status, headers=fields, content_type="application/json")


class Authenticator(Protocol):
    """Decides whether a request may go on."""

    def challenge(self, request: Request, repository: str, action: Action) -> Response | None:
        """Return None when the request may go on, else the answer that refuses it."""

    def token(self, request: Request) -> Response:
        """Answer a request to the token realm."""


class Anonymous:
    """Everybody may do everything."""

    def challenge(self, request: Request, repository: str, action: Action) -> Response | None:  # noqa: ARG002 (protocol)
        """Let it pass."""
        return None

    def token(self, request: Request) -> Response:  # noqa: ARG002 (protocol)
        """There is no token realm."""
        return Response("404 page not found\n", status=404)


class BasicAuth:
    """HTTP basic authentication (RFC 7617) for every request."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = dict(users)

    def challenge(self, request: Request, repository: str, action: Action) -> Response | None:  # noqa: ARG002 (protocol)
        """Refuse with 401 unless user and password fit."""
        if _is_known(request, self._users):
            return None
        return error_response(
            401, "UNAUTHORIZED", "authentication required", WWW_Authenticate='Basic realm="lab"'
        )

    def token(self, request: Request) -> Response:  # noqa: ARG002 (protocol)
        """There is no token realm."""
        return Response("404 page not found\n", status=404)


@dataclass(frozen=True, slots=True)
class _Grant:
    scopes: frozenset[str]
    expires: float


class BearerAuth:
    """Token authentication, as Docker Hub and ghcr.io have it.

    Args:
        users: Who may push (and pull, where anonymous pull is off).
        anonymous_pull: Whether a token for pull needs no user.
        lifetime_s: How long a token is good.
    """

    def __init__(
        self, users: Mapping[str, str], *, anonymous_pull: bool = True, lifetime_s: float = 300.0
    ) -> None:
        self._users = dict(users)
        self._anonymous_pull = anonymous_pull
        self._lifetime_s = lifetime_s
        self._grants: dict[str, _Grant] = {}
        self._lock = threading.Lock()

    def revoke_all(self) -> None:
        """Make every token handed out so far worthless."""
        with self._lock:
            self._grants.clear()

    def challenge(self, request: Request, repository: str, action: Action) -> Response | None:
        """Refuse with 401 and the realm unless the token covers repository and action."""
        scope = f"repository:{repository}:{action}" if repository else ""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        with self._lock:
            grant = self._grants.get(value) if scheme.lower() == "bearer" else None
        is_good = grant is not None and grant.expires > time.monotonic()
        if grant is not None and is_good and (not scope or scope in grant.scopes):
            return None
        asked = f"repository:{repository}:{'pull' if action == 'pull' else 'pull,push'}"
        realm = f'Bearer realm="{request.host_url.rstrip("/")}{TOKEN_PATH}",service="lab"'
        challenge = f'{realm},scope="{asked}"' if repository else realm
        return error_response(
            401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=challenge
        )

    def token(self, request: Request) -> Response:
        """Hand out a token for the scopes asked for that this caller may have."""
        known = _is_known(request, self._users)
        if request.authorization is not None and not known:
            return error_response(401, "UNAUTHORIZED", "incorrect username or password")
        scopes = {
            f"{kind}:{name}:{action}"
            for text in request.args.getlist("scope")
            for scope in text.split()
            for kind, name, action in _split(scope)
            if known or (action == "pull" and self._anonymous_pull)
        }
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._grants[token] = _Grant(frozenset(scopes), time.monotonic() + self._lifetime_s)
        document = {"token": token, "access_token": token, "expires_in": int(self._lifetime_s)}
        return Response(json.dumps(document), content_type="application/json")


def _split(scope: str) -> list[tuple[str, str, str]]:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return [(kind, name, action) for action in actions.split(",")]


def _is_known(request: Request, users: Mapping[str, str]) -> bool:
    given = request.authorization
    if given is None or given.type != "basic":
        return False
    return users.get(given.username or "\0") == given.password
