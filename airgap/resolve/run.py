"""One run of `lock`: what is kept, what is asked of upstream, what fails, what is worth a note."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from airgap.digest import Digest
from airgap.errors import IntegrityError, UpstreamError
from airgap.factory.client import BUILDING
from airgap.lock import AssetPin, ImagePin, Lock
from airgap.oci.reference import Reference
from airgap.progress import Tally
from airgap.resolve.assets import Assets
from airgap.resolve.images import keep_pin, missing_architectures, read_tag, resolve_image
from airgap.resolve.needs import AssetWant
from airgap.resolve.notes import Note
from airgap.resolve.selection import Selection
from airgap.resolve.sources import ImageSource
from airgap.resolve.upgrade import Upgrade
from airgap.resolve.wants import ImageWant
from airgap.rules.signers import UNSIGNED
from airgap.transfer.pool import Failures, run_each

__all__ = ["Note", "Run"]


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
        interrupted: Called on Ctrl-C, to end what would take long.
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
        interrupted: Callable[[], object] | None = None,
    ) -> None:
        self._previous = previous
        self._upgrade = upgrade
        self._registries = registries
        self._assets = assets
        self._architectures = tuple(architectures)
        self._selection = selection
        self._tally = tally
        self._workers = workers
        self._interrupted = interrupted
        self._read: dict[str, tuple[Reference, str]] = {}
        self.failures: Failures = []
        self.notes: list[Note] = []

    # Images

    def images(self, wants: Mapping[str, ImageWant]) -> dict[str, ImagePin]:
        """Pin images; those that fail are missing in the answer."""
        self._tally.expect(len(wants))
        pins, failures = run_each(
            list(wants),
            lambda key: self._image(key, wants[key]),
            workers=self._workers,
            interrupted=self._interrupted,
        )
        self.failures += failures
        for key, pin in pins.items():
            for architecture in missing_architectures(pin, self._architectures):
                self._note(key, f"it has no image for linux/{architecture}")
            if remark := self._selection.remark(wants[key], pin):
                self._note(key, remark)
        return pins

    def is_kept(self, key: str, want: ImageWant) -> bool:
        """Tell whether an image has a pin that stays."""
        return self._kept_image(key, want) is not None

    def _image(self, key: str, want: ImageWant) -> ImagePin:
        kept = self._kept_image(key, want)
        if kept is not None:
            self._look_for_move(key, want, kept)
            self._tally.add(key, "kept")
            return keep_pin(self._cut_anew(kept, want), want)
        pin = self._resolved(key, want)
        if want.reference.digest is None and not want.made:
            self._read[key] = (want.reference, pin.upstream_digest)
        self._tally.add(key, "resolved")
        return pin

    def _resolved(self, key: str, want: ImageWant) -> ImagePin:
        platforms = self._selection.of(want)
        if not want.made:
            return resolve_image(self._registries, want, platforms=platforms)
        with self._tally.awaiting(key, BUILDING):
            return resolve_image(self._registries, want, platforms=platforms)

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

    def _look_for_move(self, key: str, want: ImageWant, pin: ImagePin) -> None:
        """Ask what a kept tag points to today; a silent upstream must not fail the lock.

        A factory is not asked: it would make the image again.
        """
        if want.reference.digest is not None or want.made:
            return
        try:
            now = read_tag(self._registries, want.reference)
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
