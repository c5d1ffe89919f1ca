"""ImageSet: images in the site's registry, by digest.

Identity: destination (kind, endpoint, path prefix, layout) and set name. `embedded` is this
project's own server over the store: nothing is pushed, but each image has to be answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import pulumi
from pulumi.dynamic import Resource
from pydantic import Field, model_validator

from airgap.digest import Digest
from airgap.errors import AirgapError, RegistryError
from airgap.transfer.destination import ImageItem, RegistryDestination
from providers.adapter import ModelProvider, ProviderInputs
from providers.surroundings import (
    connect_registry,
    engine_log,
    open_ledger,
    open_store,
    shared_traffic,
    tell_refusals,
)

if TYPE_CHECKING:
    from airgap.oci.client import RegistryClient

__all__ = ["ImageSet", "ImageSetInputs", "ImageSetProvider"]

MISSING = "missing"
_SERVE = "is `python -m airgap serve` running there, over a store that `fetch` has filled?"
Pins = str | tuple[str, ...]


class RegistryInputs(ProviderInputs):
    """Where the images go."""

    kind: Literal["existing", "embedded"]
    endpoint: str
    path_prefix: str = ""
    layout: Literal["prefix", "flat"] = "prefix"
    ca: str | None = None
    overwrite: bool = False

    def destination(self) -> RegistryDestination:
        """Return the destination as the transfer knows it."""
        return RegistryDestination(**self.model_dump())


class ImageSetInputs(ProviderInputs):
    """The inputs: `images` maps `registry/repository` to `tag@digest`, or several of them."""

    set: Annotated[str, Field(min_length=1)]
    destination: RegistryInputs
    images: dict[str, Pins]
    on_delete: Literal["retain", "delete"] = "retain"

    @model_validator(mode="after")
    def _read_items(self) -> ImageSetInputs:
        self.items()
        return self

    @property
    def identifier(self) -> str:
        """`<kind>+<layout>:<endpoint>/<path prefix>#<set>`."""
        place = self.destination
        where = "/".join(part for part in (place.endpoint.rstrip("/"), place.path_prefix) if part)
        return f"{place.kind}+{place.layout}:{where}#{self.set}"

    def items(self) -> tuple[ImageItem, ...]:
        """Return the images.

        Raises:
            ValueError: A pin is not `tag@sha256:…`.
        """
        return tuple(_items(self.images))


class ImageSetProvider(ModelProvider[ImageSetInputs]):
    """Pushes what is missing, adopts what is there, finds what is gone."""

    model = ImageSetInputs
    identity = (
        "set",
        "destination.kind",
        "destination.endpoint",
        "destination.pathPrefix",
        "destination.layout",
    )

    def apply(self, inputs: ImageSetInputs) -> None:
        """Push what is missing; an embedded registry is only asked."""
        from airgap.transfer.push import push_images

        destination = inputs.destination.destination()
        with self._connect(destination) as client:
            if destination.kind == "embedded":
                _check_served(client, destination, inputs.items())
                return
            with engine_log(f"set {inputs.set}") as log:
                push_images(
                    open_store(),
                    client,
                    destination,
                    inputs.set,
                    inputs.items(),
                    open_ledger(destination.identity),
                    twin=open_ledger(destination.twin.identity),
                    traffic=shared_traffic(self.limits),
                    progress=log.progress,
                )

    def observe(self, inputs: dict[str, object]) -> dict[str, object]:
        """Ask for each image: `missing`, or the digest its tag has now."""
        destination = _destination(inputs)
        pins = _pins(inputs)
        items = tuple(_items(pins))
        with self._connect(destination) as client:
            found = _ask(client, destination, items)
        if destination.kind != "embedded":
            open_ledger(destination.identity).reconcile(
                str(inputs["set"]), [item.key for item in items]
            )
        return {**inputs, "images": dict(_observed(pins, found))}

    def release(self, inputs: dict[str, object]) -> None:
        """Release the set; with `onDelete: delete`, remove what was made and nobody names."""
        from airgap.transfer.prune import remove_images

        destination = _destination(inputs)
        if destination.kind == "embedded":
            return
        ledger = open_ledger(destination.identity)
        # What it says itself, too: a delete that failed had released the set already.
        said = {item.key for item in _items(_pins(inputs))}
        ours = said.union(ledger.release(str(inputs["set"])))
        if inputs.get("onDelete") == "delete":
            with self._connect(destination) as client, engine_log(f"set {inputs['set']}") as log:
                tell_refusals(
                    log, remove_images(client, destination, ledger, sorted(ours), wait=True)
                )

    def _connect(self, destination: RegistryDestination) -> RegistryClient:
        return connect_registry(destination, self.credentials, self.limits)


class ImageSet(Resource, module="airgap", name="ImageSet"):
    """Images of one need in the site's registry."""

    def __init__(
        self,
        name: str,
        inputs: Mapping[str, object],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(ImageSetProvider(), name, dict(inputs), opts)


def _items(images: Mapping[str, Pins]) -> Iterator[ImageItem]:
    """Yield the images; one that an earlier refresh found missing has no pin to look for."""
    for name, pins in images.items():
        for pin in (pins,) if isinstance(pins, str) else pins:
            if pin != MISSING:
                yield _item(name, pin)


def _item(name: str, pin: str) -> ImageItem:
    tag, _, digest = pin.rpartition("@")
    try:
        return ImageItem(name=name, tag=tag, digest=Digest.parse(digest))
    except AirgapError:
        raise ValueError(f"{name}: {pin!r} is not <tag>@sha256:<64 hex digits>") from None


def _observed(
    images: Mapping[str, Pins], found: Mapping[str, Digest | None]
) -> Iterator[tuple[str, Pins]]:
    def observe(name: str, pin: str) -> str:
        if pin == MISSING:
            return MISSING
        item = _item(name, pin)
        digest = found[item.key]
        if digest is None:
            return MISSING
        return f"{item.tag}@{digest}" if item.tag else str(digest)

    for name, pins in images.items():
        if isinstance(pins, str):
            yield name, observe(name, pins)
        else:
            yield name, tuple(observe(name, pin) for pin in pins)


def _check_served(
    client: RegistryClient, destination: RegistryDestination, items: tuple[ImageItem, ...]
) -> None:
    found = _ask(client, destination, items)
    wrong = [item.label for item in items if found[item.key] != item.digest]
    if wrong:
        raise RegistryError(
            f"{destination.endpoint} does not serve {', '.join(wrong)} with the locked digest",
            hint=_SERVE,
        )


def _ask(
    client: RegistryClient, destination: RegistryDestination, items: tuple[ImageItem, ...]
) -> dict[str, Digest | None]:
    from airgap.transfer.push import read_images

    try:
        return read_images(client, destination, items)
    except AirgapError as error:
        if destination.kind == "embedded" and not error.hint:
            error.hint = _SERVE
        raise


def _destination(inputs: Mapping[str, object]) -> RegistryDestination:
    return RegistryInputs.model_validate(inputs["destination"]).destination()


def _pins(inputs: Mapping[str, object]) -> dict[str, Pins]:
    images = inputs.get("images")
    pins: dict[str, Pins] = {}
    for name, value in (images if isinstance(images, dict) else {}).items():
        pins[str(name)] = tuple(map(str, value)) if isinstance(value, list) else str(value)
    return pins
