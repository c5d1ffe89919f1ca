"""One run of `lock`: what is kept, what is asked of upstream, what fails, what is worth a note."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from airgap.digest import Digest
from airgap.errors import Fault, IntegrityError, SiteError, UpstreamError
from airgap.lock import AssetPin, ImagePin, Lock, image_key
from airgap.oci.reference import Reference, parse_reference
from airgap.progress import Tally
from airgap.resolve.assets import Assets
from airgap.resolve.catalogue import find_extension, read_catalogue
from airgap.resolve.image_needs import ImageWant
from airgap.resolve.images import keep_pin, missing_architectures, read_tag, resolve_image
from airgap.resolve.needs import AssetWant
from airgap.resolve.selection import Selection
from airgap.resolve.sources import ImageSource
from airgap.resolve.upgrade import Upgrade
from airgap.rules.signers import UNSIGNED
from airgap.talos import catalogue_image
from airgap.transfer.pool import Failures, run_each

__all__ = ["Extensions", "Note", "Run"]

Extensions = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Talos version → extension name → the server classes that name it."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Note:
    """Something a person should know, and that is no error."""

    subject: str
    message: str

    def __str__(self) -> str:
        """Return `subject: message`."""
        return f"{self.subject}: {self.message}"


class Run:
    """Pins items; failures and notes are collected, nothing is raised before the end.

    Args:
        previous: The lock so far.
        upgrade: Which of its pins to move.
        registries: Where images are asked for.
        assets: Where boot assets are read.
        architectures: Those of the site.
        selection: Which platforms of an image are carried.
        tally: Told of each item.
        workers: How many items at a time.
    """

    def __init__(
        self,
        previous: Lock | None,
        upgrade: Upgrade,
        *,
        registries: ImageSource,
        assets: Assets,
        architectures: Collection[str],
        selection: Selection,
        tally: Tally,
        workers: int,
    ) -> None:
        self._previous = previous
        self._upgrade = upgrade
        self._registries = registries
        self._assets = assets
        self._architectures = tuple(architectures)
        self._selection = selection
        self._tally = tally
        self._workers = workers
        self._read: dict[str, tuple[Reference, str]] = {}
        self.failures: Failures = []
        self.notes: list[Note] = []

    # Images

    def images(self, wants: Mapping[str, ImageWant]) -> dict[str, ImagePin]:
        """Pin images; those that fail are missing in the answer."""
        self._tally.expect(len(wants))
        pins, failures = run_each(
            list(wants), lambda key: self._image(key, wants[key]), workers=self._workers
        )
        self.failures += failures
        for key, pin in pins.items():
            for architecture in missing_architectures(pin, self._architectures):
                self._note(key, f"it has no image for linux/{architecture}")
            if remark := self._selection.remark(wants[key], pin):
                self._note(key, remark)
        return pins

    def _image(self, key: str, want: ImageWant) -> ImagePin:
        kept = self._kept_image(key, want)
        if kept is not None:
            self._look_for_move(key, want.reference, kept)
            self._tally.add(key, "kept")
            return keep_pin(self._cut_anew(kept, want), want)
        pin = resolve_image(self._registries, want, platforms=self._selection.of(want))
        if want.reference.digest is None:
            self._read[key] = (want.reference, pin.upstream_digest)
        self._tally.add(key, "resolved")
        return pin

    def _cut_anew(self, pin: ImagePin, want: ImageWant) -> ImagePin:
        """Return a kept pin with today's platforms: of the index it was made of, not of the tag."""
        before = self._previous.inputs.platforms if self._previous else ()
        if self._selection.fits(want, pin, before):
            return pin
        there = replace(want.reference, digest=Digest.parse(pin.upstream_digest))
        return resolve_image(
            self._registries,
            replace(want, reference=there),
            platforms=self._selection.of(want),
        )

    def _kept_image(self, key: str, want: ImageWant) -> ImagePin | None:
        pin = self._previous.images.get(key) if self._previous else None
        if pin is None or self._upgrade.moves(key):
            return None
        wanted = want.reference.digest
        return pin if wanted is None or str(wanted) == pin.upstream_digest else None

    def _look_for_move(self, key: str, reference: Reference, pin: ImagePin) -> None:
        """Ask what a kept tag points to today; a silent upstream must not fail the lock."""
        if reference.digest is not None:
            return
        try:
            now = read_tag(self._registries, reference)
        except (UpstreamError, IntegrityError) as error:
            self._note(key, f"kept; upstream could not be asked: {error.message}")
            return
        if str(now) != pin.upstream_digest:
            self._note(key, f"the tag moved upstream to {now}; kept at {pin.upstream_digest}")

    def read_again(self) -> None:
        """Ask again for every tag that was resolved: one that moved meanwhile is an error."""
        _, failures = run_each(list(self._read), self._compare, workers=self._workers)
        self.failures += failures

    def _compare(self, key: str) -> None:
        reference, first = self._read[key]
        now = read_tag(self._registries, reference)
        if str(now) != first:
            raise UpstreamError(
                f"the tag moved while it was resolved, from {first} to {now}",
                retryable=True,
                hint="run lock again once it has settled",
            )

    # Extensions

    def extensions(
        self, wanted: Extensions, images: Mapping[str, ImagePin]
    ) -> dict[str, dict[str, Reference]]:
        """Return the image of each extension, from the catalogues pinned among the images."""
        catalogues = {
            catalogue_image(version): version
            for version in wanted
            if catalogue_image(version) in images
        }
        found, failures = run_each(
            list(catalogues),
            lambda key: self._extensions_of(catalogues[key], wanted[catalogues[key]], images[key]),
            workers=self._workers,
        )
        self.failures += failures
        return {catalogues[key]: references for key, references in found.items()}

    def _extensions_of(
        self, version: str, classes: Mapping[str, tuple[str, ...]], catalogue: ImagePin
    ) -> dict[str, Reference]:
        known = self._known_extensions(version, catalogue)
        if known.keys() >= classes.keys():
            return {name: known[name] for name in sorted(classes)}
        image = parse_reference(catalogue_image(version))
        listed = read_catalogue(self._registries, image, Digest.parse(catalogue.digest))
        found: dict[str, Reference] = {}
        faults: list[Fault] = []
        for name in sorted(classes):
            try:
                found[name] = find_extension(listed, name, talos=version, classes=classes[name])
            except SiteError as error:
                faults += error.faults
        if faults:
            raise SiteError(f"extensions of Talos {version}", faults)
        return found

    def _known_extensions(self, version: str, catalogue: ImagePin) -> dict[str, Reference]:
        """Return the earlier lock's extensions, if they came from this very catalogue."""
        before = self._previous.images.get(catalogue_image(version)) if self._previous else None
        if self._previous is None or before is None or before.digest != catalogue.digest:
            return {}
        locked = self._previous.extensions.get(version, {})
        return {name: parse_reference(text) for name, text in locked.items()}

    def extension_images(
        self,
        wanted: Extensions,
        found: Mapping[str, Mapping[str, Reference]],
        images: dict[str, ImagePin],
    ) -> dict[str, ImagePin]:
        """Return the images with those of the extensions added, by digest.

        A tag that two catalogues give different digests cannot name both: the later one is
        pinned without its tag.
        """
        pins = dict(images)
        wants: dict[str, ImageWant] = {}
        for version, by_name in found.items():
            for name, reference in by_name.items():
                reasons = tuple(f"server class {item}" for item in wanted[version][name])
                _want_extension(reference, reasons, pins, wants)
        return pins | self.images(wants)

    # Boot assets

    def assets(self, wants: Mapping[str, AssetWant]) -> dict[str, AssetPin]:
        """Pin boot assets; those that fail are missing in the answer."""
        self._tally.expect(len(wants))
        pins, failures = run_each(
            list(wants), lambda key: self._asset(key, wants[key]), workers=self._workers
        )
        self.failures += failures
        return pins

    def _asset(self, key: str, want: AssetWant) -> AssetPin:
        kept = self._previous.assets.get(key) if self._previous else None
        if want.file:
            return self._own_asset(key, want, kept)
        if kept is None or kept.url != want.url or self._upgrade.moves(key):
            pin = self._assets.resolve(want)
            self._tally.add(key, "resolved")
            return pin
        try:
            stated = self._assets.stated_sum(want)
            if str(stated) != kept.sha512:
                self._note(key, f"the release now states {stated}; kept at {kept.sha512}")
            else:
                kept = kept.model_copy(update={"signed_by": self._signer(kept, want)})
        except (UpstreamError, IntegrityError) as error:
            self._note(key, f"kept; upstream could not be asked: {error.message}")
        self._tally.add(key, "kept")
        return kept.model_copy(update={"needed_by": want.needed_by})

    def _own_asset(self, key: str, want: AssetWant, kept: AssetPin | None) -> AssetPin:
        """Pin the author's own file: the pin follows it, and stays where it is not at hand."""
        try:
            pin = self._assets.resolve(want)
        except UpstreamError as error:
            if kept is None or kept.url != want.url:
                raise
            self._note(key, f"kept; the file could not be read: {error.message}")
            pin = kept.model_copy(update={"needed_by": want.needed_by})
        self._tally.add(key, "kept" if pin == kept else "resolved")
        return pin

    def _signer(self, kept: AssetPin, want: AssetWant) -> str:
        """Return who signed the sums; a signature that was there once is not forgotten."""
        now = self._assets.signer(want)
        return kept.signed_by if now == UNSIGNED and kept.signed_by else now

    def _note(self, subject: str, message: str) -> None:
        self.notes.append(Note(subject=subject, message=message))


def _want_extension(
    reference: Reference,
    reasons: tuple[str, ...],
    pins: dict[str, ImagePin],
    wants: dict[str, ImageWant],
) -> None:
    key = image_key(reference)
    taken = pins[key].digest if key in pins else ""
    if key in wants:
        taken = str(wants[key].reference.digest)
    if taken and taken != str(reference.digest):
        reference = replace(reference, tag=None)
        key = image_key(reference)
    if key in pins:
        needed_by = tuple(sorted({*pins[key].needed_by, *reasons}))
        pins[key] = pins[key].model_copy(update={"needed_by": needed_by})
    elif key in wants:
        wants[key] = wants[key].also_for(reasons)
    else:
        wants[key] = ImageWant(reference=reference, need="extensions", needed_by=reasons)
