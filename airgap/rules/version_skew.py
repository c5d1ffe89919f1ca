"""`version-skew`: Talos, Kubernetes, Sidero and the Image Factory fit each other.

Which Kubernetes a Talos release runs: the published module pkg/machinery of that release
(`airgap.talos.table`). What Sidero and a factory can make: the Talos library they are built with
(`TALOS_RELEASE` in siderolabs/sidero's Makefile, go.mod of siderolabs/image-factory). A release
that no table has is judged when the site is read, where its author can state what it brings.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.values import Values, entries, part, text, texts
from airgap.talos.config import SIDERO_MACHINERY
from airgap.talos.factory_release import knows_talos
from airgap.talos.releases import RELEASES, Release, minor_of

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "version-skew"
SUMMARY = "Talos, Kubernetes, Sidero and the Image Factory fit each other."
REASON = (
    "Each of them refuses what is too new in its own way and late: a control plane that does not "
    "come up after an upgrade, HTTP 500 in place of a machine's configuration, an installer that "
    "cannot be built."
)
REMEDY = "Move the one that is too old, or wait with the one that is too new."


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each pair of releases that do not fit."""
    if kind == "Site":
        yield from _check_kubernetes(values)
        yield from _check_factory(values)
    elif kind == "SideroEnvironment":
        yield from _check_sidero(values)


def _check_kubernetes(values: Values) -> Iterator[Violation]:
    stated = texts(part(values, "talos"), "versions")
    known = [RELEASES[version] for version in stated if version in RELEASES]
    if len(known) < len(stated):
        return
    for version in texts(part(values, "kubernetes"), "versions"):
        if not any(release.supports_kubernetes(version) for release in known):
            ranges = ", ".join(map(_range, known))
            yield Violation(
                subject=version,
                message=f"no Talos of the site runs Kubernetes {version}: {ranges}",
                remedy=REMEDY,
                known_as=(f"kubernetes {version}",),
            )


def _range(release: Release) -> str:
    first, last = (".".join(map(str, minor)) for minor in release.kubernetes_range)
    return f"{release.version} runs {first} to {last}"


def _check_factory(values: Values) -> Iterator[Violation]:
    factory = text(part(values, "imageFactory"), "version")
    for talos in texts(part(values, "talos"), "versions") if factory else ():
        if not knows_talos(factory, talos):
            yield Violation(
                subject=talos,
                message=f"Image Factory {factory} is built with the library of an older Talos",
                remedy=REMEDY,
                known_as=(f"image factory {factory}",),
            )


def _check_sidero(values: Values) -> Iterator[Violation]:
    sidero = text(values, "version")
    inside = SIDERO_MACHINERY.get(sidero)
    if inside is None:
        return
    for key, what in (("environments", "environment"), ("serverClasses", "server class")):
        for name, item in entries(values, key):
            talos = text(item, "talos")
            if talos and minor_of(talos) > minor_of(inside):
                yield Violation(
                    subject=name,
                    message=f"{what} of Talos {talos}: Sidero {sidero} is built with {inside} and "
                    "cannot configure its machines",
                    remedy=REMEDY,
                    known_as=(talos,),
                )
