"""What resolution depends on, taken from a site; and whether a lock was made for that site.

Never mirrors, TLS, paths, side or delivery: an isolated site changes those without being online.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airgap.errors import Fault, LockError
from airgap.lock.keys import site_images
from airgap.lock.model import SITE_IMAGES, ClassInputs, Inputs, Lock
from airgap.lock.signed import compare_signers
from airgap.lock.workloads import compare_manifests
from airgap.site.model import (
    Components,
    Environment,
    ImageFactory,
    Management,
    SecureBoot,
    ServerClass,
    Site,
)
from airgap.site.schematics import factory_release, made_classes
from airgap.talos import version_key

__all__ = ["check_lock", "fingerprint"]

_ALL = "all"
_PATHS = {
    "talos": "talos.versions",
    "kubernetes": "kubernetes.versions",
    "sidero": "sidero.version",
    "platforms": "transfer.platforms",
    "upstreamFactory": "upstream.factory.version",
}


def fingerprint(site: Site) -> Inputs:
    """Return what a lock of this site depends on; the order of the author's lists is no part."""
    talos = {environment.name: environment.talos for environment in site.environments}
    return Inputs(
        talos=_versions(site.talos.versions),
        kubernetes=_versions(site.kubernetes.versions),
        architectures=tuple(sorted(set(site.architectures))),
        platforms=tuple(sorted(set(site.transfer.platforms))),
        sidero=site.sidero.version,
        components=_stated(site.talos.components) or None,
        management=_words_of(site.management) or None,
        image_factory=_factory(site.image_factory),
        upstream_factory=_upstream_release(site),
        environments={environment.name: _booted(environment) for environment in site.environments},
        server_classes={
            item.name: _class_inputs(item, talos.get(item.environment, ""))
            for item in site.server_classes
        },
    )


def check_lock(site: Site, lock: Lock, *, name: str = "<site>") -> None:
    """Refuse a lock that was made for another state of the site.

    Args:
        site: The site as it is now.
        lock: The lock as committed.
        name: The site's name, for the command to run.

    Raises:
        LockError: One fault a differing key.
        SiteError: One of the site's images is no reference.
    """
    faults = [
        *_compare_inputs(lock.inputs, fingerprint(site)),
        *_compare_images(site, lock),
        *compare_manifests(site, lock),
        *compare_signers(site, lock),
    ]
    if faults:
        hint = f"run: python -m airgap lock {name}"
        raise LockError(f"the lock does not fit site {name}", faults, hint=hint)


def _compare_inputs(locked: Inputs, wanted: Inputs) -> Iterator[Fault]:
    locked = _without_surplus(locked, wanted)
    old = dict(_flatten(locked.model_dump(by_alias=True, mode="json")))
    new = dict(_flatten(wanted.model_dump(by_alias=True, mode="json")))
    for key in sorted({**old, **new}):
        if old.get(key) != new.get(key):
            own = f"talos.{key}" if key.startswith("components.") else key
            yield _differs(_PATHS.get(key, own), old.get(key), new.get(key))


def _without_surplus(locked: Inputs, wanted: Inputs) -> Inputs:
    """Return what was locked as if it had not been locked with `--all`, where that is more."""
    words = locked.image_factory.split()
    needed = " ".join(word for word in words if word != _ALL)
    if needed != wanted.image_factory:
        return locked
    return locked.model_copy(update={"image_factory": needed})


def _compare_images(site: Site, lock: Lock) -> Iterator[Fault]:
    wanted = site_images(site)
    locked = {key for key, pin in lock.images.items() if SITE_IMAGES in pin.needed_by}
    for key in sorted(locked ^ wanted.keys()):
        held = key if key in locked else None
        asked = key if key in wanted else None
        yield _differs("images", held, asked)
    for key in sorted(locked & wanted.keys()):
        digest = wanted[key].digest
        if digest is not None and str(digest) != lock.images[key].digest:
            yield _differs(f"images.{key}", lock.images[key].digest, str(digest))


def _flatten(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _differs(path: str, locked: object, wanted: object) -> Fault:
    return Fault(path=path, message=f"lock has {_words(locked)}, site has {_words(wanted)}")


def _words(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()  # as YAML has it
    return f"[{', '.join(map(_words, value))}]" if isinstance(value, list) else str(value)


def _class_inputs(item: ServerClass, talos: str) -> ClassInputs:
    """Return what resolution takes of a class; what it does not have is left out."""
    overlay = item.overlay
    return ClassInputs(
        talos=talos,
        extensions=item.extensions,
        extra_kernel_args=item.extra_kernel_args,
        overlay=overlay.model_dump(by_alias=True, mode="json") if overlay else None,
        meta=tuple(f"{each.key}={each.value}" for each in item.meta) or None,
        bootloader=item.bootloader,
        secure_boot=_secure_boot(item.secure_boot) if item.secure_boot else None,
        boot_assets=tuple(sorted(item.boot_assets)) or None,
    )


def _secure_boot(wish: SecureBoot) -> str:
    certificates = "wellKnownCertificates" if wish.include_well_known_certificates else ""
    return " ".join(word for word in ("on", wish.enroll_keys, certificates) if word)


def _booted(item: Environment) -> str:
    """Return what an environment boots.

    `v1.11.5/amd64[ of <server class>][ metal-amd64.raw.zst[ from <file>]]`
    """
    made = f" of {item.schematic_of}" if item.schematic_of else ""
    own = f" from {item.boot_asset_file}" if item.boot_asset_file else ""
    further = f" {item.boot_asset}{own}" if item.boot_asset else ""
    return f"{item.talos}/{item.architecture}{made}{further}"


def _versions(versions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(versions), key=lambda version: (version_key(version), version)))


def _stated(components: Mapping[str, Components]) -> dict[str, dict[str, str]]:
    """Return what is stated in place of the table's, by release."""
    by_release = {version: _words_of(item) for version, item in sorted(components.items())}
    return {version: stated for version, stated in by_release.items() if stated}


def _words_of(part: Components | Management) -> dict[str, str]:
    stated = part.model_dump(by_alias=True, exclude_none=True)
    return {key: str(text) for key, text in stated.items()}


def _factory(factory: ImageFactory) -> str:
    """Return `<kind>[ <release>][ mirrored][ all][ talosctl]`."""
    words = (
        factory.kind,
        factory.version,
        "mirrored" if factory.installer == "mirrored" else None,
        _ALL if factory.catalogue == "all" else None,
        "talosctl" if factory.talosctl else None,
    )
    return " ".join(word for word in words if word)


def _upstream_release(site: Site) -> str | None:
    """Return the release of the factory that `lock` asks, where that decides on schematic IDs.

    The site's own counts before it (and is among `imageFactory`); without anything that is made
    there are no IDs.
    """
    is_made = bool(made_classes(site)) and site.image_factory.version is None
    return factory_release(site) if is_made else None
