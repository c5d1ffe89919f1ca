"""The site's Image Factory, and the system extensions that need one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from airgap.errors import Fault
from airgap.site.check.address import host_of, is_registry, origin, url_fault
from airgap.site.check.subject import Known, checks, fault, repeated
from airgap.site.model import ImageFactory, Site
from airgap.site.path import shown

__all__ = ["CHECKS"]

_NEEDED = {
    "existing": ("version", "endpoint", "registry"),
    "deployed": ("version", "endpoint"),
}
_PLAIN = {"version": "version", "endpoint": "endpoint", "registry": "registry"}
_OPTIONAL = {"ca_file": "caFile", "ca": "ca"}
_RUNNING = {"deployment": "deployment"}
_HOLDING = {
    "catalogue": "catalogue",
    "talosctl": "talosctl",
    "secure_boot": "secureBoot",
    "verification": "verification",
}
_EXTENSION = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*/[a-z0-9]+(?:[._-]+[a-z0-9]+)*\Z")
_CHOICES = (
    "set imageFactory.kind: existing with the site's factory, or deployed; or set "
    "imageFactory.installer: mirrored to carry upstream's; or leave them out"
)
_LEFT_OUT = "leave it out, or set imageFactory.kind: existing or deployed"
_MADE = {
    "extensions": "extensions",
    "extra_kernel_args": "extraKernelArgs",
    "overlay": "overlay",
    "meta": "meta",
    "bootloader": "bootloader",
    "secure_boot": "secureBoot",
}
"""What is part of a server class' schematic."""


def _check_keys(site: Site, _: Known) -> Iterator[Fault]:
    factory = site.image_factory
    for key in _NEEDED.get(factory.kind, ()):
        if getattr(factory, key) is None:
            yield fault(("imageFactory", key), "missing", f"kind {factory.kind} needs {key}")
    if factory.kind == "none":
        named = _PLAIN | _OPTIONAL | _HOLDING | _RUNNING
        for key in _given(factory, named):
            yield fault(("imageFactory", key), "kind none has no factory", _LEFT_OUT)
        if factory.installer == "builtOnSite":
            hint = "set imageFactory.kind: existing or deployed, or installer: mirrored"
            yield fault(("imageFactory", "installer"), "kind none has no factory to build", hint)
    if factory.kind == "existing":
        for key in _given(factory, _RUNNING):
            hint = "leave it out, or set imageFactory.kind: deployed"
            yield fault(("imageFactory", key), "kind existing is run by somebody else", hint)


def _given(factory: ImageFactory, keys: Mapping[str, str]) -> Iterator[str]:
    """Yield which of these keys differ from their defaults, as YAML calls them."""
    fields = ImageFactory.model_fields
    for name in sorted(keys):
        if getattr(factory, name) != fields[name].get_default():
            yield keys[name]


def _check_addresses(site: Site, _: Known) -> Iterator[Fault]:
    factory = site.image_factory
    if factory.endpoint and (found := url_fault(factory.endpoint, path_allowed=False)):
        yield fault(("imageFactory", "endpoint"), *found)
    if (factory.endpoint or "").startswith("http://") and (factory.ca_file or factory.ca):
        key = "caFile" if factory.ca_file else "ca"
        hint = "use https, or leave the CA out; one of its registry is imageFactory.registry.caFile"
        yield fault(("imageFactory", key), "a CA for a plain http URL", hint)


def _check_own_registry(site: Site, _: Known) -> Iterator[Fault]:
    """Where it writes: an address, and no other than the site has for the same registry."""
    written = site.image_factory.registry
    if written is None:
        return
    at = ("imageFactory", "registry")
    if "://" in written.url:
        if not re.match(r"https?://", written.url):
            yield fault(at, f"{shown(written.url)} is no http URL", "use http:// or https://")
        elif found := url_fault(written.url, path_allowed=False):
            yield fault(at, *found)
    elif not is_registry(written.url):
        yield fault(
            at,
            f"{shown(written.url)} is not a registry's host[:port]",
            "write it without a path, such as registry.example:5000 or http://registry.example",
        )
    if written.url.startswith("http://") and (written.ca_file or written.ca):
        key = "caFile" if written.ca_file else "ca"
        yield fault((*at, key), "a CA for a plain http URL", "use https, or leave the CA out")
    for index, endpoint in enumerate(site.registry.endpoints):
        is_same = host_of(endpoint.url) == written.host.lower()
        if is_same and "://" in written.url and origin(endpoint.url) != origin(written.url):
            message = f"registry.endpoints[{index}] is {endpoint.url}: the same with another scheme"
            yield fault(at, message, f"write {written.host} alone, or {endpoint.url}")


def _check_writable(site: Site, _: Known) -> Iterator[Fault]:
    """A factory writes schematics and installers; the embedded registry is read-only."""
    registry, factory = site.registry, site.image_factory
    if registry.kind != "embedded" or factory.kind == "none" or factory.registry is None:
        return
    if factory.registry.host.lower() in {host_of(endpoint.url) for endpoint in registry.endpoints}:
        yield fault(
            ("imageFactory", "registry"),
            "the factory writes to it, but the site's registry is embedded: read-only",
            "use registry.kind: existing, or give the factory a registry of its own",
        )


def _check_needed(site: Site, _: Known) -> Iterator[Fault]:
    """What an installer contains beyond the release's own is put there by a factory."""
    factory = site.image_factory
    if factory.kind != "none" or factory.installer == "mirrored":
        return
    for index, server_class in enumerate(site.server_classes):
        for name, key in _MADE.items():
            if getattr(server_class, name):
                at = ("serverClasses", index, key)
                yield fault(at, "needs an installer made by an Image Factory", _CHOICES)


def _check_extensions(site: Site, _: Known) -> Iterator[Fault]:
    for index, server_class in enumerate(site.server_classes):
        at = ("serverClasses", index, "extensions")
        for number, name in enumerate(server_class.extensions):
            if not _EXTENSION.match(name):
                hint = "expected vendor/name without tag, such as siderolabs/iscsi-tools"
                yield fault((*at, number), f"{shown(name)} is not an extension's name", hint)
        for number, first in repeated(server_class.extensions):
            message = f"{shown(server_class.extensions[number])} is item {first} already"
            yield fault((*at, number), message, "remove one: it would change the schematic ID")


CHECKS = checks(
    (_check_keys, "image_factory"),
    (_check_addresses, "image_factory"),
    (_check_own_registry, "registry image_factory"),
    (_check_writable, "registry image_factory"),
    (_check_needed, "image_factory server_classes"),
    (_check_extensions, "server_classes"),
)
