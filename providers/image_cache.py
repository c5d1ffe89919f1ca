"""ImageCache: what machines of a Talos release need, as files on the mirror or a registry's image.

Identity: destination and set name. Content is images and signatures by digest; paths on the mirror
carry a key of it, so that another content is another URL. `embedded` serves the store as it is and
has no place for what is made of it: the site's check says so first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import pulumi
from pulumi.dynamic import Resource
from pydantic import Field, model_validator

from airgap.errors import PublishError
from airgap.plan.cache_content import CacheContent, FileForm, cache_file
from airgap.transfer.destination import RegistryDestination
from providers.adapter import ModelProvider, ProviderInputs
from providers.asset_set import MirrorInputs
from providers.image_set import MISSING, RegistryInputs
from providers.surroundings import (
    EngineLog,
    connect_registry,
    engine_log,
    open_ledger,
    open_store,
    shared_traffic,
    tell_refusals,
    thoroughness,
)

if TYPE_CHECKING:
    from airgap.net import Traffic
    from airgap.oci.client import RegistryClient

__all__ = ["ImageCache", "ImageCacheInputs", "ImageCacheProvider"]

_IMAGE = "image"
_FORMS: tuple[FileForm, ...] = get_args(FileForm)
_EMBEDDED = (
    "use assetMirror.kind: directory or registry.kind: existing, or make the cache by hand: "
    "`python -m airgap image-cache create <site>`"
)
Pins = str | tuple[str, ...]


class ImageCacheInputs(ProviderInputs):
    """The inputs.

    `published` maps a form to its path below the mirror, or `image` to `repository:tag`; `images`
    and `signatures` map `registry/repository` to `tag@digest`, or several of them. `typed_only`
    refuses manifests that the release cannot serve: where machines have nothing but the cache.
    """

    set: Annotated[str, Field(min_length=1)]
    destination: MirrorInputs | RegistryInputs
    talos: Annotated[str, Field(min_length=1)]
    architecture: Annotated[str, Field(min_length=1)]
    published: Annotated[dict[str, str], Field(min_length=1)]
    platforms: Annotated[tuple[str, ...], Field(min_length=1)]
    images: dict[str, Pins]
    signatures: dict[str, Pins] = Field(default_factory=dict)
    typed_only: bool = False
    on_delete: Literal["retain", "delete"] = "retain"

    @model_validator(mode="after")
    def _fit(self) -> ImageCacheInputs:
        if isinstance(self.destination, RegistryInputs):
            if list(self.published) != [_IMAGE]:
                raise ValueError("published: a registry takes an image")
            return self
        for form, path in self.published.items():
            if form not in _FORMS:
                raise ValueError(f"published.{form}: an asset mirror takes {', '.join(_FORMS)}")
            if self.paths()[form] != path:
                raise ValueError(f"published.{form}: {path!r} does not name this content")
        return self

    @property
    def identifier(self) -> str:
        """`<kind>:<url>[<path>]#<set>`, `<kind>+<layout>:<endpoint>[/<path prefix>]#<set>`."""
        place = self.destination
        if isinstance(place, MirrorInputs):
            return f"{place.kind}:{place.url.rstrip('/')}[{place.path}]#{self.set}"
        where = "/".join(part for part in (place.endpoint.rstrip("/"), place.path_prefix) if part)
        return f"{place.kind}+{place.layout}:{where}#{self.set}"

    def content(self) -> CacheContent:
        """Return what is in it."""
        return CacheContent(
            platforms=self.platforms,
            images=dict(_references(self.images)),
            signatures=dict(_references(self.signatures)),
        )

    def paths(self) -> dict[FileForm, str]:
        """Return where the forms are below the mirror."""
        return _paths(self.published, self.content(), self.talos, self.architecture)


class ImageCacheProvider(ModelProvider[ImageCacheInputs]):
    """Makes what is missing, adopts what is there, finds what is gone or changed."""

    model = ImageCacheInputs
    identity = (
        "set",
        "destination.kind",
        "destination.url",
        "destination.path",
        "destination.endpoint",
        "destination.pathPrefix",
        "destination.layout",
    )

    def apply(self, inputs: ImageCacheInputs) -> None:
        """Make what is missing from the store."""
        if inputs.destination.kind == "embedded":
            raise PublishError(
                f"{inputs.set}: an embedded destination serves the store as it is", hint=_EMBEDDED
            )
        with engine_log(inputs.set) as log:
            if isinstance(inputs.destination, MirrorInputs):
                _publish(inputs, inputs.destination, shared_traffic(self.limits), log)
            else:
                self._push(inputs, inputs.destination.destination(), log)

    def observe(self, inputs: dict[str, object]) -> dict[str, object]:
        """Look at each form: `missing`, or the digest that is there, stands in place of one."""
        published = _texts(inputs["published"])
        place = _place(inputs)
        if isinstance(place, MirrorInputs):
            seen = _observe_files(inputs, place, published)
        else:
            seen = self._observe_image(inputs, place.destination(), published)
        return {**inputs, "published": seen}

    def release(self, inputs: dict[str, object]) -> None:
        """Release the set; with `onDelete: delete`, remove what was made and nobody names."""
        place = _place(inputs)
        ledger = open_ledger(place.destination().identity)
        ours = ledger.release(str(inputs["set"]))
        if inputs.get("onDelete") != "delete":
            return
        with engine_log(str(inputs["set"])) as log:
            if isinstance(place, MirrorInputs):
                from airgap.transfer.prune import remove_assets

                tell_refusals(log, remove_assets(place.destination(), ledger, ours, wait=True))
                return
            from airgap.transfer.prune import remove_images

            destination = place.destination()
            with self._connect(destination) as client:
                tell_refusals(log, remove_images(client, destination, ledger, ours, wait=True))

    def _push(
        self, inputs: ImageCacheInputs, destination: RegistryDestination, log: EngineLog
    ) -> None:
        from airgap.imagecache.image import push_cache

        with self._connect(destination) as client:
            push_cache(
                open_store(),
                client,
                destination,
                inputs.set,
                inputs.content(),
                inputs.published[_IMAGE],
                open_ledger(destination.identity),
                talos=inputs.talos,
                traffic=shared_traffic(self.limits),
                progress=log.progress,
                warn=log.warn,
            )

    def _observe_image(
        self,
        inputs: Mapping[str, object],
        destination: RegistryDestination,
        published: dict[str, str],
    ) -> dict[str, str]:
        """Ask for the tag; what it should be is what the ledger says this set holds."""
        from airgap.transfer.destination import ImageItem
        from airgap.transfer.push import read_images

        record = open_ledger(destination.identity).sets().get(str(inputs["set"]))
        named = [ImageItem.parse(key) for key in record.named] if record else []
        if not named:
            return {_IMAGE: MISSING}
        with self._connect(destination) as client:
            found = read_images(client, destination, named)
        wrong = {
            str(found[item.key] or MISSING) for item in named if found[item.key] != item.digest
        }
        return {_IMAGE: ", ".join(sorted(wrong))} if wrong else published

    def _connect(self, destination: RegistryDestination) -> RegistryClient:
        return connect_registry(destination, self.credentials, self.limits)


class ImageCache(Resource, module="airgap", name="ImageCache"):
    """The image cache of one Talos release and architecture, at one destination."""

    def __init__(
        self,
        name: str,
        inputs: Mapping[str, object],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(ImageCacheProvider(), name, dict(inputs), opts)


def _publish(
    inputs: ImageCacheInputs, place: MirrorInputs, traffic: Traffic, log: EngineLog
) -> None:
    from airgap.imagecache.publish import publish_caches

    destination = place.destination()
    publish_caches(
        open_store(),
        destination,
        inputs.set,
        inputs.content(),
        inputs.paths(),
        open_ledger(destination.identity),
        talos=inputs.talos,
        typed_only=inputs.typed_only,
        traffic=traffic,
        progress=log.progress,
        warn=log.warn,
    )


def _observe_files(
    inputs: Mapping[str, object], place: MirrorInputs, published: Mapping[str, str]
) -> dict[str, str]:
    from airgap.imagecache.publish import keys_of, observe_caches

    destination = place.destination()
    if destination.kind == "embedded":
        return dict.fromkeys(published, MISSING)
    ledger = open_ledger(destination.identity)
    talos, architecture = str(inputs["talos"]), str(inputs["architecture"])
    paths = _paths(published, _content(inputs), talos, architecture)
    quick = thoroughness() == "quick"
    faults = observe_caches(destination, paths, ledger, quick=quick)
    with engine_log(str(inputs["set"])) as log:
        if quick:
            log.note("AIRGAP_VERIFY=quick: unchanged size, times and inode were trusted")
    ledger.reconcile(str(inputs["set"]), keys_of(ledger, paths.values()))
    return {form: faults[form] or path for form, path in paths.items()}


def _paths(
    forms: Collection[str], content: CacheContent, talos: str, architecture: str
) -> dict[FileForm, str]:
    """Return where the forms are: of drift that an earlier refresh found, too."""
    return {
        form: cache_file(content, form, talos, architecture) for form in _FORMS if form in forms
    }


def _content(inputs: Mapping[str, object]) -> CacheContent:
    return CacheContent(
        platforms=tuple(map(str, _items(inputs["platforms"]))),
        images=dict(_references(_pins(inputs["images"]))),
        signatures=dict(_references(_pins(inputs.get("signatures", {})))),
    )


def _references(images: Mapping[str, Pins]) -> Iterator[tuple[str, str]]:
    """Yield digest by reference, as a lock has them."""
    for name, pins in images.items():
        for pin in (pins,) if isinstance(pins, str) else pins:
            tag, _, digest = pin.rpartition("@")
            yield f"{name}:{tag}" if tag else f"{name}@{digest}", digest


def _pins(images: object) -> dict[str, Pins]:
    found: dict[str, Pins] = {}
    for name, value in (images if isinstance(images, dict) else {}).items():
        found[str(name)] = str(value) if isinstance(value, str) else tuple(map(str, value))
    return found


def _place(inputs: Mapping[str, object]) -> MirrorInputs | RegistryInputs:
    destination = inputs["destination"]
    if isinstance(destination, dict) and "url" in destination:
        return MirrorInputs.model_validate(destination)
    return RegistryInputs.model_validate(destination)


def _texts(mapping: object) -> dict[str, str]:
    return {
        str(key): str(value)
        for key, value in (mapping if isinstance(mapping, dict) else {}).items()
    }


def _items(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []
