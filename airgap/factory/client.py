"""A client of an Image Factory's HTTP API, as siderolabs/image-factory v0.8 to v1.5 have it.

Registers schematics and holds the factory to the IDs that were predicted, lists what it can build,
and waits for what it builds. Whether it is well is asked at `/versions`, which needs its registry;
`/healthz` is 200 whatever happens.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Self, TypeVar
from urllib.parse import quote

from airgap.errors import FactoryError, redact
from airgap.factory.asset import AssetTransfer
from airgap.factory.catalogue import (
    OfficialExtension,
    OfficialOverlay,
    parse_extensions,
    parse_id,
    parse_overlays,
    parse_versions,
)
from airgap.factory.channel import Channel
from airgap.factory.identity import other_id
from airgap.factory.memory import Memory
from airgap.net import Answer, Patience, RetryPolicy, Sink, Target, Traffic
from airgap.oci.credentials import Credentials
from airgap.progress import Awaited, Progress
from airgap.schematic import Schematic, canonical_yaml, schematic_id
from airgap.talos import FactoryAsset

__all__ = ["BUILD_S", "FactoryClient"]

T = TypeVar("T")

BUILD_S = 30 * 60.0
"""How long a build may take before the first byte comes."""
BUILDING = "being built by the factory"
EVERY_S = 15.0
"""How often a wait is told of."""
_READABLE_SINCE = (0, 9)
_MOST_LISTED = 12
_NO_VERSION = re.compile(r"version \S+ is not available")
_NOT_LISTED = re.compile(r"(?:extension|overlay) \S+ is not available")


class FactoryClient:
    """One Image Factory. Thread-safe; `close` it, or use it as a context manager.

    Answers are remembered: versions, lists, texts of schematics, the factory's own URL.

    Args:
        endpoint: `scheme://host[:port][/path]`.
        ca: PEM to trust instead of the machine's authorities.
        version: The factory's own version: IDs of unusual strings depend on it.
        credentials: Where credentials come from when the factory wants some (enterprise).
        retry: How patiently to repeat.
        traffic: The run's; unlimited and uncounted by default.
        progress: Told of what is waited for, by the lock's keys.
        build_s: How long a build may take before the first byte comes.
        every_s: How often a wait is told of.
    """

    def __init__(
        self,
        endpoint: str,
        ca: str | None = None,
        *,
        version: str | None = None,
        credentials: Credentials | None = None,
        retry: RetryPolicy | None = None,
        traffic: Traffic | None = None,
        progress: Progress | None = None,
        build_s: float = BUILD_S,
        every_s: float | None = None,
    ) -> None:
        self._channel = Channel(endpoint, ca, credentials=credentials, retry=retry, traffic=traffic)
        self._version = version
        self._progress = progress
        self._build_s = build_s
        self._every_s = EVERY_S if every_s is None else every_s
        self._versions: Memory[tuple[str, ...]] = Memory()
        self._extensions: Memory[tuple[OfficialExtension, ...]] = Memory()
        self._overlays: Memory[tuple[OfficialOverlay, ...]] = Memory()
        self._texts: Memory[str] = Memory()
        self._urls: Memory[str] = Memory()

    def close(self) -> None:
        """Close all connections."""
        self._channel.close()

    def stop(self) -> None:
        """End every wait of the run, also for what is being built; for whoever got Ctrl-C."""
        self._channel.traffic.stop()

    def __enter__(self) -> Self:
        """Enter."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    @property
    def endpoint(self) -> str:
        """Where it is, without user information."""
        return redact(self._channel.endpoint)

    @property
    def version(self) -> str | None:
        """The release whose IDs are expected of it; None for the newest known."""
        return self._version

    @property
    def release(self) -> str:
        """The factory's own release, as far as it has said so: from v1.0.0 on, in any answer."""
        return self._channel.release

    # Schematics

    def register(self, schematic: Schematic) -> str:
        """Register a schematic, read it back, and return its ID, which is the one predicted.

        Raises:
            FactoryError: Refused, out of reach, or it holds something else afterwards;
                `OtherIdError` where it gives the schematic another ID.
        """
        text = canonical_yaml(schematic, factory=self._version)
        predicted = schematic_id(schematic, factory=self._version)

        def compare(answer: Answer) -> str:
            found = parse_id(answer)
            if found != predicted:
                raise other_id(
                    answer.url,
                    schematic,
                    found,
                    predicted,
                    expected=self._version,
                    release=self.release,
                )
            return found

        content = text.encode()
        found = self._ask("POST", "/schematics", compare, ok=(200, 201), content=content)
        self._read_back(found, text)
        return found

    def schematic_text(self, identity: str) -> str | None:
        """Return a registered schematic's text; None when the factory does not know it.

        Factories before v0.9.0 cannot be asked: they answer as if they knew none. Ask after
        `register`, not before: v1.0 remembers for ever that it did not know one.

        Raises:
            FactoryError: Refused or out of reach.
        """
        try:
            return self._texts.get(identity, lambda: self._read_text(identity))
        except _UnknownError:
            return None

    def _read_text(self, identity: str, expected: str | None = None) -> str:
        def parse(answer: Answer) -> str:
            if answer.status != 200:
                raise _UnknownError(f"{redact(answer.url)}: schematic {identity} is not known")
            text = _text(answer)
            if expected not in (None, text):
                raise _lost(f"{redact(answer.url)}: reads back as another schematic")
            return text

        path = f"/schematics/{quote(identity, safe='')}"
        return self._ask("GET", path, parse, ok=(200, 404, 405))

    def _read_back(self, identity: str, text: str) -> None:
        """See that what was registered is there; a release that cannot be asked is believed."""
        if not self._can_be_read():
            return
        try:
            self._texts.put(identity, self._read_text(identity, expected=text))
        except _UnknownError as error:
            if self._version or self.release:
                raise _lost(f"{error.message}, though it was registered") from error
        except FactoryError as error:
            if error.status == 400:  # yaml/v4 rc.3 writes what it does not read
                error.hint = (
                    "the factory does not understand the schematic that it wrote itself, and will "
                    "build nothing of it: no value may have a line break and begin with a space"
                )
            raise

    def _can_be_read(self) -> bool:
        match = re.match(r"v?(\d+)\.(\d+)\.", self.release or self._version or "")
        return match is None or (int(match[1]), int(match[2])) >= _READABLE_SINCE

    # What it can build

    def versions(self) -> tuple[str, ...]:
        """Return the Talos releases it can build, in its order.

        Raises:
            FactoryError: Refused, out of reach, or no list of versions.
        """
        return self._versions.get("", self._list_versions)

    def _list_versions(self) -> tuple[str, ...]:
        return self._channel.ask("GET", "/versions", parse_versions)

    def require_version(self, talos: str) -> None:
        """See that it can build a Talos release.

        Raises:
            FactoryError: It cannot; or it cannot be asked.
        """
        if talos in self.versions():
            return

        def look(answer: Answer) -> tuple[str, ...]:
            """Look again: a release may have come since, and an error names its request."""
            found = parse_versions(answer)
            if talos not in found:
                message = f"{self.endpoint} does not build Talos {talos}"
                raise FactoryError(message, hint=_offer(found))
            return found

        self._versions.put("", self._channel.ask("GET", "/versions", look))

    def extensions(self, talos: str) -> tuple[OfficialExtension, ...]:
        """Return the official extensions of a Talos release, in the factory's order.

        Raises:
            FactoryError: The release is not available there, or the answer is no such list.
        """
        path = f"/version/{quote(talos, safe='')}/extensions/official"
        return self._extensions.get(talos, lambda: self._ask("GET", path, parse_extensions))

    def overlays(self, talos: str) -> tuple[OfficialOverlay, ...]:
        """Return the official overlays of a Talos release, in the factory's order.

        Raises:
            FactoryError: The release is not available there, or the answer is no such list.
        """
        path = f"/version/{quote(talos, safe='')}/overlays/official"
        return self._overlays.get(talos, lambda: self._ask("GET", path, parse_overlays))

    # What it builds

    def transfer(
        self, asset: FactoryAsset, into: Target | Sink, *, size: int | None, max_bytes: int
    ) -> AssetTransfer:
        """Return the transfer of a boot asset, to be run: it waits until that is built.

        Running it raises:
            FactoryError: Refused, out of reach, or the build failed.
            IntegrityError: Another size than `size`, or more than `max_bytes`.
        """
        path = f"/image/{asset.schematic}/{quote(asset.talos)}/{quote(asset.name)}"
        return AssetTransfer(
            self._channel,
            path,
            into,
            size=size,
            max_bytes=max_bytes,
            patience=self._patience(asset.key),
            explain=self._explain,
        )

    def external_url(self, asset: FactoryAsset, architecture: str) -> str:
        """Return the URL that it calls itself, which it writes into what it builds.

        It is told by the boot script of any schematic it knows; "" where there is none.

        Raises:
            FactoryError: Out of reach.
        """

        def ask() -> str:
            path = f"/pxe/{asset.schematic}/{quote(asset.talos)}/metal-{architecture}"
            patience = self._patience(f"{asset.talos}/{asset.schematic}/boot script")
            try:
                script = self._channel.ask("GET", path, _text, patience=patience)
            except FactoryError as error:
                if error.status:
                    return ""
                raise
            match = re.search(rf"(https?://\S+)/image/{asset.schematic}/", script)
            return match[1] if match else ""

        return self._urls.get("", ask)

    def _patience(self, item: str) -> Patience:
        def told(seconds: float) -> None:
            if self._progress is not None:
                self._progress(Awaited(item=item, what=BUILDING, seconds=seconds))

        return Patience(answer_s=self._build_s, every_s=self._every_s, told=told)

    def _ask(
        self,
        method: str,
        path: str,
        parse: Callable[[Answer], T],
        *,
        ok: tuple[int, ...] = (200,),
        content: bytes | None = None,
    ) -> T:
        try:
            return self._channel.ask(method, path, parse, ok=ok, content=content)
        except FactoryError as error:
            self._explain(error)
            raise

    def _explain(self, error: FactoryError) -> None:
        """Say in an error's hint what the factory has instead."""
        if error.status == 404 and _NO_VERSION.search(error.message):
            error.hint = self._known_releases()
        elif error.status == 400 and _NOT_LISTED.search(error.message):
            error.hint = "python -m airgap extensions <version> lists what there is"
        elif error.status == 402:
            error.hint = "only the enterprise edition of the factory does this"

    def _known_releases(self) -> str:
        try:
            return _offer(self.versions())
        except FactoryError:
            return ""


def _offer(known: tuple[str, ...]) -> str:
    more = f"{len(known) - _MOST_LISTED} older ones, " if len(known) > _MOST_LISTED else ""
    return f"it builds {more}{', '.join(known[-_MOST_LISTED:])}" if known else "it builds none"


def _text(answer: Answer) -> str:
    return answer.body.decode("utf-8", "replace")


def _lost(message: str) -> FactoryError:
    hint = "is its registry (artifacts.schematic) the one that it reads from?"
    return FactoryError(message, hint=hint)


class _UnknownError(FactoryError):
    """The factory does not know a schematic; never remembered, it may be registered later."""
