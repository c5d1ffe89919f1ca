"""One side of a comparison: what a site holds, whether a plan says so or the engine's events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from airgap.lock.model import AssetPin, ImagePin, Lock
from airgap.oci.reference import parse_reference
from airgap.plan.model import PlainValues, Plan
from airgap.site.model import Site

__all__ = ["Asset", "Image", "Scene", "View", "host_of", "part", "scene_of_plan", "scene_of_views"]

_IMAGE_SET = "images-"
_COMPONENT = "airgap:index:"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A component or resource: its type token, its name, its plain inputs."""

    token: str
    name: str
    inputs: PlainValues

    @property
    def kind(self) -> str:
        """The last part of the token: `ImageSet`, `Registry`, `Secret`."""
        return self.token.rpartition(":")[2]

    @property
    def key(self) -> str:
        """What it is known by: its name; of a component its type, for a site may be called so."""
        return self.token if self.token.startswith(_COMPONENT) else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image of a set.

    Attributes:
        size_bytes: At most; None where it is not known.
        parts: What it consists of, by digest, with sizes: its platforms, or itself.
        platforms: Those that the site holds of it, by digest; none where it is for no platform.
        is_made_here: Whether no upstream has it (a signature of the site's own key).
    """

    repository: str
    tag: str
    digest: str
    need: str
    size_bytes: int | None = None
    parts: Mapping[str, int] = field(default_factory=dict)
    platforms: Mapping[str, str] = field(default_factory=dict)
    why: tuple[str, ...] = ()
    is_made_here: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A boot asset."""

    name: str
    sha512: str
    size_bytes: int | None
    why: tuple[str, ...] = ()
    is_own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A site at one moment; nothing at all where it is not (any more).

    Attributes:
        views: Components and resources, by key.
        site: As its author writes it; None where only the engine has told of it.
    """

    views: Mapping[str, View] = field(default_factory=dict)
    images: tuple[Image, ...] = ()
    assets: Mapping[str, Asset] = field(default_factory=dict)
    site: Site | None = None

    @property
    def is_there(self) -> bool:
        """Whether there is a site."""
        return bool(self.views)

    def inputs(self, kind: str) -> PlainValues:
        """Return the inputs of the one component of a kind; empty where there is none."""
        token = f"{_COMPONENT}{kind}"
        return next((view.inputs for view in self.views.values() if view.token == token), {})

    def of_kind(self, *kinds: str) -> Iterator[View]:
        """Yield the views of these kinds."""
        return (view for view in self.views.values() if view.kind in kinds)


def part(values: PlainValues, *keys: str) -> PlainValues:
    """Return a mapping inside mappings; an empty one where there is none."""
    for key in keys:
        inner = values.get(key)
        values = inner if isinstance(inner, Mapping) else {}
    return values


def host_of(url: object) -> str:
    """Return `host[:port]` of a URL, without user information."""
    return urlsplit(str(url)).netloc.rpartition("@")[2]


def scene_of_plan(plan: Plan, lock: Lock, site: Site) -> Scene:
    """Return a site as its author, its plan and its lock have it."""
    views = (View(token=token, name=name, inputs=inputs) for token, name, inputs in plan.views())
    return Scene(
        views={view.key: view for view in views},
        site=site,
        images=tuple(_image(text, pin) for text, pin in sorted(lock.images.items())),
        assets={name: _asset(name, pin) for name, pin in sorted(lock.assets.items())},
    )


def scene_of_views(views: Iterable[View], known: Sequence[Lock]) -> Scene:
    """Return a site as the engine's events have it.

    Args:
        views: Its components and resources.
        known: Locks to look sizes and reasons up in, by digest: events have neither.
    """
    by_key = {view.key: view for view in views}
    pins = {(text, pin.digest): pin for lock in known for text, pin in lock.images.items()}
    published: dict[str, object] = {}
    for view in by_key.values():
        if view.kind == "AssetSet":
            published |= part(view.inputs, "assets")
    mirror = next((view.inputs for view in by_key.values() if view.kind == "AssetMirror"), {})
    return Scene(
        views=by_key,
        images=tuple(image for view in by_key.values() for image in _held(view, pins)),
        assets={
            name: _seen_asset(name, values, known)
            for name, values in sorted({**part(mirror, "assets"), **published}.items())
        },
    )


def _image(text: str, pin: ImagePin) -> Image:
    reference = parse_reference(text)
    platforms = {each.digest: each.size for each in pin.platforms.values()}
    return Image(
        repository=reference.name,
        tag=reference.tag or "",
        digest=pin.digest,
        need=pin.need,
        size_bytes=pin.size,
        parts=platforms or {pin.digest: pin.size},
        platforms={name: each.digest for name, each in pin.platforms.items()},
        why=tuple(pin.needed_by),
        is_made_here=pin.signature is not None,
    )


def _asset(name: str, pin: AssetPin) -> Asset:
    made = (f"made by {pin.made_by.words}",) if pin.made_by else ()
    return Asset(
        name=name,
        sha512=pin.sha512,
        size_bytes=pin.size,
        why=(*pin.needed_by, *made),
        is_own=pin.is_own,
    )


def _held(view: View, pins: Mapping[tuple[str, str], ImagePin]) -> Iterator[Image]:
    """Yield the images of an image set; what a factory reads is in the sets by need as well."""
    if view.kind != "ImageSet" or not view.name.startswith(_IMAGE_SET):
        return
    need = view.name.removeprefix(_IMAGE_SET)
    for repository, value in part(view.inputs, "images").items():
        for text in [value] if isinstance(value, str) else value if isinstance(value, list) else []:
            tag, _, digest = str(text).rpartition("@")  # of a drifted one there are words alone
            name = f"{repository}:{tag}" if tag else f"{repository}@{digest}"
            pin = pins.get((name, digest))
            yield (
                _image(name, pin)
                if pin
                else Image(repository=repository, tag=tag, digest=digest, need=need)
            )


def _seen_asset(name: str, found: object, known: Sequence[Lock]) -> Asset:
    """Return an asset; of a drifted one there are words in place of what it should be."""
    if not isinstance(found, Mapping):
        return Asset(name=name, sha512=str(found), size_bytes=None)
    values: PlainValues = found
    sha512, size = str(values.get("sha512", "")), values.get("size")
    pins = (lock.assets.get(name) for lock in known)
    pin = next((pin for pin in pins if pin and pin.sha512 == sha512), None)
    if pin:
        return _asset(name, pin)
    return Asset(
        name=name, sha512=sha512, size_bytes=int(size) if isinstance(size, int | float) else None
    )
