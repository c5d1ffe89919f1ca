"""The registry mirrors of the cluster that runs Sidero: it has no way out either.

Its pods pull Sidero, Cluster API's providers and cert-manager, some of them with
`imagePullPolicy: Always`. Files in `out/<site>/management/`: a patch for one that runs Talos, in
v1alpha1 since its release is not known here (1.9 to 1.13 all read it), and `certs.d` for any other
containerd (its `config_path`, docs/hosts.md).
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.plan.hosts import host_of
from airgap.plan.machine import registries_section
from airgap.plan.mirrors import CATCH_ALL, Mirror, Mirrors
from airgap.plan.model import PlainValues, ResourcePlan, manifest_files
from airgap.plan.reset import reset_documents
from airgap.site.model import Site

__all__ = ["hosts_directory", "plan_management_files"]

_FOLDER = "management"


def plan_management_files(site: Site, mirrors: Mirrors, *, name: str) -> tuple[ResourcePlan, ...]:
    """Return the files, or nothing where there is no registry to mirror to."""
    if site.registry.kind == "none":
        return ()
    files = {f"{_FOLDER}/{path}": values for path, values in _files(mirrors)}
    return (manifest_files(_FOLDER, name, files),)


def _files(mirrors: Mirrors) -> Iterator[tuple[str, PlainValues]]:
    patch: list[PlainValues] = [{"machine": {"registries": registries_section(mirrors)}}]
    yield "talos.patch.yaml", {"documents": patch}
    yield "talos.reset.yaml", {"documents": reset_documents(patch)}
    yield "commands.txt", {"lines": _commands()}
    for host, mirror in mirrors.by_host.items():
        folder = f"certs.d/{hosts_directory(host)}"
        yield f"{folder}/hosts.toml", {"hosts": _hosts(mirror, mirrors)}
        for endpoint in dict.fromkeys(map(host_of, mirror.endpoints)):
            if (trust := mirrors.trust.get(endpoint)) and trust.ca:
                yield f"{folder}/{_certificate(endpoint)}", {"lines": trust.ca.splitlines()}


def hosts_directory(host: str) -> str:
    """Return the directory of a registry below containerd's `config_path`."""
    if host == CATCH_ALL:
        return "_default"
    name, colon, port = host.rpartition(":")
    return f"{name}_{port}_" if colon and not host.endswith("]") else host


def _hosts(mirror: Mirror, mirrors: Mirrors) -> PlainValues:
    endpoints = [_endpoint(url, mirror, mirrors) for url in mirror.endpoints]
    return {"endpoints": endpoints, "skipFallback": mirror.skip_fallback}


def _endpoint(url: str, mirror: Mirror, mirrors: Mirrors) -> PlainValues:
    values: dict[str, object] = {"url": url, "overridePath": mirror.override_path}
    trust = mirrors.trust.get(host_of(url))
    if trust and trust.ca:
        values["ca"] = _certificate(host_of(url))
    if trust and trust.skip_verify:
        values["skipVerify"] = True
    return values


def _certificate(endpoint: str) -> str:
    return f"{hosts_directory(endpoint)}.crt"


def _commands() -> list[str]:
    patches = " ".join(f"--patch @talos.{part}.yaml" for part in ("patch", "reset", "patch"))
    return [
        "# Each machine of the cluster that runs Sidero. With Talos:",
        f"talosctl patch mc --nodes NODE {patches}",
        "",
        "# With another containerd, whose config_path is /etc/containerd/certs.d, on the machine:",
        "cp -R certs.d/. /etc/containerd/certs.d/",
    ]
