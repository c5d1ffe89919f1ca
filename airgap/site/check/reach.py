"""What a machine does not get by its way of booting; a factory leaves it out without a word.

Kernel and initramfs carry neither META nor a boot loader nor SecureBoot keys, an older installer no
kernel arguments. Each is a fault that says what does carry it. Source: `airgap.schematic.fields`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airgap.errors import Fault
from airgap.schematic import Output, Schematic, carries, enrols
from airgap.site.check.making import (
    class_schematics,
    installer_of,
    read_outputs,
    upstream_release,
)
from airgap.site.check.subject import Known, checks, fault
from airgap.site.model import Environment, ServerClass, Site
from airgap.site.path import Step

__all__ = ["CHECKS"]

_ARGS = "customization.extraKernelArgs"
_META = "customization.meta"
_BOOTLOADER = "customization.bootloader"


def _check_reach(site: Site, _: Known) -> Iterator[Fault]:
    """What a machine does not get by its way of booting; a factory does not say so."""
    schematics = class_schematics(site)
    environments = {item.name: item for item in site.environments}
    for index, item in enumerate(site.server_classes):
        environment, schematic = environments.get(item.environment), schematics[index]
        if environment is None or schematic is None:
            continue
        own = environment.schematic_of is not None and schematic == _named(
            site, schematics, environment.schematic_of
        )
        way = _Way(site=site, item=item, environment=environment, is_own=own)
        at: tuple[Step, ...] = ("serverClasses", index)
        yield from way.meta_faults((*at, "meta"))
        yield from way.bootloader_faults((*at, "bootloader"))
        yield from way.secure_boot_faults((*at, "secureBoot"))
        yield from way.argument_faults((*at, "extraKernelArgs"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How the machines of a class come up.

    Attributes:
        is_own: Whether their environment boots what a factory makes of the class' schematic.
    """

    site: Site
    item: ServerClass
    environment: Environment
    is_own: bool

    def meta_faults(self, at: tuple[Step, ...]) -> Iterator[Fault]:
        if self.item.meta and not self.is_own and not self._is_carried(_META):
            yield fault(
                at,
                f"does not reach its machines: {self._words} carry no META",
                f"what does: environments[].schematicOf: {self.item.name} (by its kernel "
                f"arguments), or a factory's ISO or disk image: {self._listing('.iso')}",
            )

    def bootloader_faults(self, at: tuple[Step, ...]) -> Iterator[Fault]:
        wish = self.item.bootloader
        if wish is None or (wish == "sd-boot" and self.item.secure_boot):
            return
        if self.item.secure_boot:
            hint = "leave it out, or secureBoot"
            yield fault(at, f"{wish} does nothing: SecureBoot is sd-boot's", hint)
        elif not self._is_carried(_BOOTLOADER):
            yield fault(
                at,
                f"does not reach its machines: {self._words} bring no boot loader, and an "
                "installer chooses its own",
                "what does: a factory's disk image (an ISO has it for itself, from Talos v1.12.0 "
                f"on): {self._listing('.raw.zst')}",
            )

    def secure_boot_faults(self, at: tuple[Step, ...]) -> Iterator[Fault]:
        release = upstream_release(self.site)
        if self.item.secure_boot is None:
            return
        if not any(enrols(each, factory=release) for each in self._written):
            yield fault(
                at,
                f"its keys do not reach its machines' firmware: {self._words} enrol none",
                "what does: a factory's SecureBoot ISO, or from Image Factory v1.3.3 on its disk "
                f"image: {self._listing('-secureboot.iso')}",
            )

    def argument_faults(self, at: tuple[Step, ...]) -> Iterator[Fault]:
        """The installed system has them of its installer, or of a disk written whole."""
        images = [each for each in self._written if each.kind == "disk image"]
        if not self.item.extra_kernel_args or images or self._is_in_installer:
            return
        talos, factory = self.environment.talos, self._installer_release
        by_factory = self.item.overlay is not None and carries(self._installer, _ARGS, talos=talos)
        why = f"Image Factory {factory} with an overlay" if by_factory else f"Talos {talos}"
        newer = "Image Factory v1.0.0" if by_factory else "Talos v1.10.0"
        yield fault(
            at,
            f"do not reach the installed system: an installer of {why} carries none",
            f"what does: {newer} or later; a factory's disk image ({self._listing('.raw.zst')}); "
            "or machine.install.extraKernelArgs in the machine configuration, such as by talosctl "
            "patch machineconfig. environments[].extraKernelArgs lasts for the first boot only",
        )

    @property
    def _words(self) -> str:
        whose = f"schematicOf {self.environment.schematic_of}"
        whose = whose if self.environment.schematic_of else f"Talos {self.environment.talos}"
        booted = self.environment.boot_asset or "kernel and initramfs"
        return f"{booted} of {whose}, which environment {self.environment.name} boots,"

    def _listing(self, suffix: str) -> str:
        name = f"metal-{self.environment.architecture}{suffix}"
        return (
            f"list {name} in the class' bootAssets and write it by hand, or boot it "
            f"(sidero.flavour: airgap; environments[].schematicOf: {self.item.name}, bootAsset)"
        )

    @property
    def _written(self) -> tuple[Output, ...]:
        """Disk images and ISOs that a factory makes of the class' schematic."""
        item, environment = self.item, self.environment
        booted = (environment.boot_asset,) if self.is_own and environment.boot_asset else ()
        found = read_outputs((*item.boot_assets, *booted))
        return tuple(each for each in found if each.kind in ("ISO", "disk image"))

    def _is_carried(self, path: str) -> bool:
        """Tell it whatever the factory's release: what that refuses is told of elsewhere."""
        talos = self.environment.talos
        return any(carries(each, path, talos=talos) for each in self._written)

    @property
    def _installer(self) -> Output:
        return installer_of(self.item, self.environment)

    @property
    def _installer_release(self) -> str | None:
        factory = self.site.image_factory
        mirrored = factory.installer == "mirrored"
        return upstream_release(self.site) if mirrored else factory.version

    @property
    def _is_in_installer(self) -> bool:
        return carries(
            self._installer,
            _ARGS,
            talos=self.environment.talos,
            factory=self._installer_release,
            has_overlay=self.item.overlay is not None,
        )


def _named(site: Site, schematics: Sequence[Schematic | None], name: str) -> Schematic | None:
    pairs = zip(site.server_classes, schematics, strict=True)
    return next((schematic for item, schematic in pairs if item.name == name), None)


CHECKS = checks((_check_reach, "environments server_classes image_factory upstream"))
