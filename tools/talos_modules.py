"""What Talos' published Go modules say of a release: values of constants, nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import ZipFile

__all__ = ["COLUMNS", "NotServedError", "Reading", "read_release"]

_MACHINERY = "github.com/siderolabs/talos/pkg/machinery"
_TALOS = "github.com/siderolabs/talos"
_FILES = {_MACHINERY: "constants/constants.go", _TALOS: "pkg/images/list.go"}
_CONSTANTS = {
    "kube": (_MACHINERY, "DefaultKubernetesVersion"),
    "dns": (_MACHINERY, "DefaultCoreDNSVersion"),
    "etcd": (_MACHINERY, "DefaultEtcdVersion"),
    "etcd-image": (_MACHINERY, "EtcdImage"),
    "flannel": (_MACHINERY, "FlannelVersion"),
    "pause": (_TALOS, "DefaultSandboxImage"),
    "netpol": (_MACHINERY, "KubeNetworkPoliciesVersion"),
    "n": (_MACHINERY, "SupportedKubernetesVersions"),
}
_SINCE_1_13 = "KubeNetworkPoliciesVersion"

COLUMNS = tuple(_CONSTANTS)
"""What is read of a release, in the table's order."""


class NotServedError(Exception):
    """The module proxy has no such version, or something else that was expected is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A release as published.

    Attributes:
        version: The release.
        values: What its constants say, in the order of COLUMNS.
        sums: The sum of each module's content (`h1:…`), as Go computes it.
        unvouched: The modules whose sum Go's checksum database was not asked for.
    """

    version: str
    values: tuple[str, ...]
    sums: dict[str, str]
    unvouched: frozenset[str] = field(default=frozenset(), compare=False)


def read_release(version: str, clone: Path | None = None) -> Reading:
    """Read the modules of one release (`v1.11.5`).

    Args:
        version: The release.
        clone: A clone of the repository, for what no module proxy serves: Go makes the module
            from its tag, so that the sum is the published module's, but asks nobody about it.

    Raises:
        NotServedError: A module is not to be had, or has no such constant.
    """
    modules = {name: _module(name, version, clone) for name in _FILES}
    values = tuple(
        _constant(version, modules[module].text, name) for module, name in _CONSTANTS.values()
    )
    return Reading(
        version=version,
        values=values,
        sums={name: module.content for name, module in modules.items()},
        unvouched=frozenset(name for name, module in modules.items() if not module.vouched),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Module:
    text: str
    content: str
    vouched: bool


def _module(module: str, version: str, clone: Path | None) -> _Module:
    """Let Go bring in a module; where that fails, from a clone if there is one."""
    try:
        return _download(module, version, dict(os.environ))
    except NotServedError:
        if clone is None:
            raise
        return _download(module, version, _from_clone(clone))


def _download(module: str, version: str, environment: dict[str, str]) -> _Module:
    target = f"{module}@{version}"
    told = json.loads(_go(environment, "mod", "download", "-json", target) or "{}")
    if "Sum" not in told:
        raise NotServedError(told.get("Error", f"{target}: go said nothing"))
    with ZipFile(told["Zip"]) as archive:
        text = archive.read(f"{target}/{_FILES[module]}").decode()
    asked = json.loads(_go(environment, "env", "-json", "GOSUMDB", "GONOSUMDB"))
    vouched = asked["GOSUMDB"] != "off" and not asked["GONOSUMDB"]
    return _Module(text=text, content=told["Sum"], vouched=vouched)


def _go(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        ["go", *arguments], check=False, stdout=subprocess.PIPE, text=True, env=environment
    )
    return done.stdout


def _from_clone(clone: Path) -> dict[str, str]:
    """Return an environment in which Go reads Talos' tags from a directory."""
    return os.environ | {
        "GOPROXY": "direct",
        "GONOSUMDB": f"{_TALOS},{_TALOS}/*",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{clone.resolve()}.insteadOf",
        "GIT_CONFIG_VALUE_0": f"https://{_TALOS}",
    }


def _constant(version: str, text: str, name: str) -> str:
    match = re.search(rf'^(?:const)?\s*{name} = "?([^"\s]+)"?$', text, re.MULTILINE)
    if match is None and name != _SINCE_1_13:
        raise NotServedError(f"{version}: no constant {name}")
    value = match[1] if match else "-"
    return value.rpartition(":")[2] if name == "DefaultSandboxImage" else value
