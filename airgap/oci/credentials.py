"""Who we are to a registry: read from the machine when it is needed, kept nowhere.

Looked up in this order: the file `AIRGAP_AUTH_FILE` names (Docker's config.json form), Docker's own
configuration with its credential helpers (`docker-credential-<name> get`), then what the caller
gave. Docker Hub's entry goes by `https://index.docker.io/v1/` for historical reasons.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeGuard
from urllib.parse import urlsplit

from airgap.errors import RegistryError

__all__ = ["Credential", "Credentials", "MachineCredentials"]

_HELPER_TIMEOUT_S = 30
_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io", "https://index.docker.io/v1/")
_ABSENT = "credentials not found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A user with a password, or an identity token to be exchanged; never shown."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    def basic(self) -> str:
        """Return the Authorization header's value (RFC 7617)."""
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode("ascii")


class Credentials(Protocol):
    """Where credentials come from."""

    def find(self, host: str, /) -> Credential | None:
        """Return the credential for a registry's `host[:port]`."""


class MachineCredentials:
    """Credentials of this machine, looked up at call time.

    Args:
        fallback: By `host[:port]`, used when the machine knows none.
        environ: The process' environment by default.
    """

    def __init__(
        self,
        fallback: Mapping[str, Credential] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._fallback = dict(fallback or {})
        self._environ = os.environ if environ is None else environ

    def find(self, host: str) -> Credential | None:
        """Return the credential for a registry's `host[:port]`, or None.

        Raises:
            RegistryError: A configuration is malformed, or a helper failed.
        """
        for path in self._files():
            found = _find_in(path, host)
            if found is not None:
                return found
        return self._fallback.get(host)

    def _files(self) -> list[Path]:
        files = []
        if named := self._environ.get("AIRGAP_AUTH_FILE"):
            files.append(Path(named))
            if not files[0].is_file():
                raise RegistryError(f"AIRGAP_AUTH_FILE names {named}, which is no file")
        home = self._environ.get("DOCKER_CONFIG") or str(
            Path(self._environ.get("HOME", "/")) / ".docker"
        )
        docker = Path(home) / "config.json"
        return [*files, docker] if docker.is_file() else files


def _find_in(path: Path, host: str) -> Credential | None:
    document = _load(path)
    aliases = _HUB if host in _HUB else (host,)
    helpers = _mapping(document, "credHelpers")
    for alias in aliases:
        helper = helpers.get(alias)
        if isinstance(helper, str):
            return _ask_helper(helper, alias)
    entry = _entry(_mapping(document, "auths"), aliases)
    if entry is not None and (found := _decode(entry, path, host)) is not None:
        return found
    store = document.get("credsStore")
    if isinstance(store, str) and store:
        return next(filter(None, (_ask_helper(store, alias) for alias in aliases)), None)
    return None


def _load(path: Path) -> dict[str, object]:
    try:
        document: object = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RegistryError(f"{path}: cannot be read as a Docker configuration: {error}") from None
    if not _is_mapping(document):
        raise RegistryError(f"{path}: expected a JSON object")
    return document


def _entry(auths: Mapping[str, object], aliases: tuple[str, ...]) -> dict[str, object] | None:
    """Find a host's entry; keys may be hosts or URLs."""
    for key, value in auths.items():
        host = urlsplit(key).netloc if "://" in key else key.rstrip("/")
        if (key in aliases or host in aliases) and _is_mapping(value):
            return value
    return None


def _decode(entry: dict[str, object], path: Path, host: str) -> Credential | None:
    token, auth = entry.get("identitytoken"), entry.get("auth")
    if isinstance(token, str) and token:
        return Credential(identity_token=token)
    if isinstance(auth, str) and auth:
        try:
            pair = base64.b64decode(auth, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise RegistryError(f"{path}: the auth of {host} is not base64") from None
        username, _, password = pair.rstrip("\0").partition(":")
        return Credential(username=username, password=password)
    username_field, password_field = entry.get("username"), entry.get("password")
    if isinstance(username_field, str) and isinstance(password_field, str) and username_field:
        return Credential(username=username_field, password=password_field)
    return None


def _ask_helper(name: str, host: str) -> Credential | None:
    """Speak the protocol of docker-credential-helpers: the server on stdin, JSON on stdout."""
    program = f"docker-credential-{name}"
    try:
        answer = subprocess.run(
            [program, "get"],
            input=host.encode(),
            capture_output=True,
            timeout=_HELPER_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RegistryError(f"{program} get: {type(error).__name__}") from None
    if answer.returncode != 0:
        if _ABSENT in answer.stdout.decode("utf-8", "replace"):
            return None
        raise RegistryError(f"{program} get failed for {host} (exit {answer.returncode})")
    return _read_answer(program, answer.stdout)


def _read_answer(program: str, stdout: bytes) -> Credential:
    try:
        document: object = json.loads(stdout)
    except ValueError:
        document = None
    username = document.get("Username") if _is_mapping(document) else None
    secret = document.get("Secret") if _is_mapping(document) else None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise RegistryError(f"{program} get: no Username and Secret in its answer")
    if username == "<token>":
        return Credential(identity_token=secret)
    return Credential(username=username, password=secret)


def _mapping(document: Mapping[str, object], key: str) -> dict[str, object]:
    value = document.get(key)
    return value if _is_mapping(value) else {}


def _is_mapping(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)
