"""Reads a site whole: strict, every fault at once, before anything is touched.

`parse_site` works on values and is what the program calls; `load_site` reads a stack file without
the engine. Both lead to the same site, so that a lock made outside fits a program run inside.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from airgap.errors import Fault, SiteError
from airgap.site.certificates import CertificateReader
from airgap.site.check import check_site
from airgap.site.known import known_here
from airgap.site.model import Site
from airgap.site.path import STACKS
from airgap.site.secrets import find_secrets, refuse_secret_site
from airgap.site.shape import read_shape
from airgap.site.signing import SigningReader
from airgap.site.stackfile import read_site_value
from airgap.site.translate import translate
from airgap.site.verification import VerificationReader
from airgap.site.workloads import MANIFEST_BYTES, WorkloadReader

__all__ = [
    "STACKS",
    "load_site",
    "names_beside",
    "parse_site",
    "read_beside",
    "refuse_secret_site",
]

_MANIFESTS = frozenset({".yaml", ".yml", ".json"})
_MAX_BYTES = MANIFEST_BYTES + 1


def _no_names(_: str) -> Sequence[str]:
    return ()


def parse_site(
    value: Mapping[str, object],
    *,
    name: str,
    read: Callable[[str], bytes],
    names: Callable[[str], Sequence[str]] = _no_names,
) -> Site:
    """Return the site that a value of `sidero-airgap:site` describes.

    Args:
        value: The configuration value, as read from YAML or given by the engine.
        name: The site's name, for faults.
        read: Returns the bytes of a file by its path relative to the stack file.
        names: Returns the paths of the manifests in a directory; nothing of a file.

    Returns:
        The site: every `ca` filled from its `caFile`, keys and trust root from theirs, what its
        manifests name, a relative `assetMirror.path` turned from the stack file's folder to the
        project's.

    Raises:
        SiteError: With every fault there is.
    """
    return _parsed(value, document=f"{STACKS}/Pulumi.{name}.yaml", read=read, names=names)


def load_site(stack_file: Path) -> Site:
    """Return the site in a stack file, read without the engine.

    Raises:
        SiteError: With every fault there is; also when the file is not there or no YAML.
    """
    document = str(stack_file)
    read = read_beside(stack_file.parent)
    try:
        text = read(stack_file.name).decode("utf-8")
    except FileNotFoundError:
        raise _absent(stack_file) from None
    except UnicodeDecodeError as error:
        raise _no_utf8(document, error) from None
    except OSError as error:
        message = f"cannot be read: {error.strerror or type(error).__name__}"
        raise SiteError(document, [Fault(path="file", message=message)]) from error
    value = read_site_value(text, document=document)
    names = names_beside(stack_file.parent)
    return _parsed(value, document=document, read=read, names=names)


def read_beside(directory: Path) -> Callable[[str], bytes]:
    """Return a function that reads files by paths relative to this directory, up to 32 MiB."""

    def read(path: str) -> bytes:
        with (directory / path).open("rb") as file:
            return file.read(_MAX_BYTES)

    return read


def names_beside(directory: Path) -> Callable[[str], Sequence[str]]:
    """Return a function that lists the manifests in a directory and those below it, sorted.

    Paths are relative to this directory; what is hidden is left out, and nothing is in a file.
    """

    def names(path: str) -> Sequence[str]:
        found = []
        for folder, folders, files in os.walk(directory / path):
            folders[:] = [name for name in folders if not name.startswith(".")]
            below = os.path.relpath(folder, directory / path)
            found += [
                posixpath.normpath(posixpath.join(path, below, name))
                for name in files
                if posixpath.splitext(name)[1] in _MANIFESTS and not name.startswith(".")
            ]
        return sorted(found)

    return names


def _parsed(
    value: Mapping[str, object],
    *,
    document: str,
    read: Callable[[str], bytes],
    names: Callable[[str], Sequence[str]],
) -> Site:
    written = {str(key): _with_text_keys(item) for key, item in value.items()}
    plain, translations = translate(written)
    shape = read_shape(plain)
    certificates = CertificateReader(read)
    signing = SigningReader(read)
    verification = VerificationReader(read)
    workloads = WorkloadReader(read, names)
    site = signing.fill(certificates.fill(shape.site, shape.sound), shape.sound)
    site = verification.fill(site, shape.sound)
    site = workloads.fill(site, shape.sound)
    secrets = [fault for _, fault in find_secrets(plain)]
    shapes = _outside(secrets, [fault for _, fault in shape.faults])
    between = [
        *certificates.faults,
        *signing.faults,
        *verification.faults,
        *workloads.faults,
        *check_site(site, known_here(), sections=shape.sound),
    ]
    ill_formed = {fault.path for fault in shapes}
    faults = [
        *secrets,
        *shapes,
        *(fault for fault in _outside(secrets, between) if fault.path not in ill_formed),
    ]
    if faults:
        raise SiteError(document, faults)
    return _with_project_path(site).read_as(translations)


def _with_text_keys(value: object) -> object:
    """Return the value with every key as text, as JSON has them."""
    if isinstance(value, Mapping):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_text_keys(item) for item in value]
    return value


def _outside(secrets: Iterable[Fault], faults: Iterable[Fault]) -> list[Fault]:
    """Drop what is told of a secret's place: it says nothing new and might repeat the value."""
    places = [secret.path for secret in secrets]
    return [fault for fault in faults if not any(_covers(place, fault.path) for place in places)]


def _covers(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _with_project_path(site: Site) -> Site:
    mirror = site.asset_mirror
    if mirror.path is None or posixpath.isabs(mirror.path):
        return site
    path = posixpath.normpath(posixpath.join(STACKS, mirror.path))
    return site.model_copy(update={"asset_mirror": mirror.model_copy(update={"path": path})})


def _no_utf8(document: str, error: UnicodeDecodeError) -> SiteError:
    before = error.object[: error.start]
    line = before.count(b"\n") + 1
    column = len(before.rpartition(b"\n")[2].decode("utf-8")) + 1
    message = f"column {column} is not UTF-8 (byte 0x{error.object[error.start]:02x})"
    fault = Fault(path=f"line {line}", message=message, hint="save the file as UTF-8")
    return SiteError(document, [fault])


def _absent(stack_file: Path) -> SiteError:
    names = sorted(
        path.name.removeprefix("Pulumi.").removesuffix(".yaml")
        for path in stack_file.parent.glob("Pulumi.*.yaml")
    )
    hint = "sites here: " + ", ".join(names) if names else "copy stacks/Pulumi.airgap-basic.yaml"
    return SiteError(str(stack_file), [Fault(path="file", message="not there", hint=hint)])
