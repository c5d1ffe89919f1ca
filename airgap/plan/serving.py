"""What would run `python -m airgap serve` for an embedded registry or asset mirror.

A systemd unit and a compose file for each port that the site's URLs name. `pulumi up` starts no
daemon: it checks that the URL serves the store. Paths follow the file system hierarchy and can be
overridden in `/etc/sidero-airgap/serve.env`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from airgap.plan.model import PlainValues, ResourcePlan, manifest_files
from airgap.site.model import Site

__all__ = ["plan_serving"]

_HOME = "/opt/sidero-airgap"
_STORE = "/var/lib/sidero-airgap/store"
_ETC = "/etc/sidero-airgap"
_CERTIFICATE, _KEY = "tls.crt", "tls.key"
_PORTS = {"http": 80, "https": 443}
_IMAGE = "${AIRGAP_IMAGE:?an image with Python 3.11 and requirements.txt installed, by digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listener:
    """A port to serve at, and the path under which the boot assets are."""

    port: int
    tls: bool
    asset_path: str = ""

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments of `python -m airgap serve`, store and certificate aside."""
        path = ("--asset-path", self.asset_path) if self.asset_path else ()
        return ("--host", "0.0.0.0", "--port", str(self.port), *path)  # noqa: S104 - a server of the site


def plan_serving(site: Site, *, name: str) -> tuple[ResourcePlan, ...]:
    """Return the files that serve a store, or nothing where nothing is embedded."""
    files: dict[str, PlainValues] = {}
    for listener in _listeners(site):
        base = f"serve/sidero-airgap-{listener.port}"
        files[f"{base}.service"] = {"ini": _unit(name, listener)}
        files[f"{base}.compose.yaml"] = {"documents": [_compose(name, listener)]}
    if not files:
        return ()
    return (manifest_files("serve", name, files),)


def _listeners(site: Site) -> Iterator[_Listener]:
    """Yield a listener a port: registry and assets share one where their ports are equal."""
    by_port: dict[int, _Listener] = {}
    if site.registry.kind == "embedded":
        for endpoint in site.registry.endpoints:
            listener = _listener(endpoint.url)
            by_port[listener.port] = listener
    if site.asset_mirror.kind == "embedded":
        path = urlsplit(site.asset_mirror.url).path.rstrip("/")
        listener = _listener(site.asset_mirror.url, asset_path=path)
        by_port[listener.port] = listener
    yield from (by_port[port] for port in sorted(by_port))


def _listener(url: str, *, asset_path: str = "") -> _Listener:
    parts = urlsplit(url)
    return _Listener(
        port=parts.port or _PORTS[parts.scheme], tls=parts.scheme == "https", asset_path=asset_path
    )


def _unit(name: str, listener: _Listener) -> PlainValues:
    command = (f"{_HOME}/.venv/bin/python", "-m", "airgap", "serve", *listener.arguments)
    # The key is root's: systemd hands a copy to the service (LoadCredential, systemd.exec(5)).
    files = [f"{file}:{_ETC}/{file}" for file in (_CERTIFICATE, _KEY)]
    tls = _tls_arguments("${CREDENTIALS_DIRECTORY}") if listener.tls else ()
    return {
        "Unit": {
            "Description": f"Registry and boot assets of {name} (port {listener.port})",
            "Wants": "network-online.target",
            "After": "network-online.target",
        },
        "Service": {
            "WorkingDirectory": _HOME,
            "Environment": f"AIRGAP_STORE={_STORE}",
            "EnvironmentFile": f"-{_ETC}/serve.env",
            **({"LoadCredential": files} if listener.tls else {}),
            "ExecStart": " ".join([*command, *tls]),
            "Restart": "on-failure",
            **_hardening(listener),
        },
        "Install": {"WantedBy": "multi-user.target"},
    }


def _tls_arguments(folder: str) -> tuple[str, ...]:
    return ("--tls-cert", f"{folder}/{_CERTIFICATE}", "--tls-key", f"{folder}/{_KEY}")


def _hardening(listener: _Listener) -> PlainValues:
    """Return what a read-only server can do without (systemd.exec(5))."""
    low = {"AmbientCapabilities": "CAP_NET_BIND_SERVICE"} if listener.port < 1024 else {}
    return {
        "DynamicUser": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "NoNewPrivileges": "yes",
        **low,
    }


def _compose(name: str, listener: _Listener) -> PlainValues:
    tls = _tls_arguments(_ETC) if listener.tls else ()
    service = {
        "image": _IMAGE,
        "working_dir": _HOME,
        "command": ["python", "-m", "airgap", "serve", *listener.arguments, *tls],
        "environment": {"AIRGAP_STORE": _STORE},
        "ports": [f"{listener.port}:{listener.port}"],
        "volumes": [f"{path}:{path}:ro" for path in (_HOME, _STORE, _ETC)],
        "read_only": True,
        "restart": "unless-stopped",
    }
    return {"name": f"sidero-airgap-{name}", "services": {f"serve-{listener.port}": service}}
