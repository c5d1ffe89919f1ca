"""What the plan document writes and no real system answers, turned into what was meant: and said.

Only where nothing is lost and nothing else can have been meant. Talos v1.9 to v1.13 appends `/v2`
to an endpoint's path unless it ends with it or `overridePath` is set, and drops the upstream host;
Talos releases have disk images as `.raw.zst` since v1.8, never as `.raw.xz`. An image cache is a
directory (`image-cache.oci`), which no URL can name: the asset mirror has it as a tar.
"""

from __future__ import annotations

from collections.abc import Mapping
from posixpath import basename
from urllib.parse import urlsplit

from airgap.site.path import dotted

__all__ = ["translate"]

Tree = dict[str, object]
_VERSION_PATH = "v2"
_CACHE_URL = "imageCacheURL"
_OLD_IMAGE, _IMAGE = ".raw.xz", ".raw.zst"


def translate(value: Mapping[str, object]) -> tuple[Tree, tuple[str, ...]]:
    """Return what a site's value means, and a sentence for each place where that is not its text.

    Parts of a wrong shape are left for the model to refuse.
    """
    notes: list[str] = []
    meant = dict(value)
    registry = _tree(meant.get("registry"))
    mirrors = _tree(registry.get("mirrors"))
    if mirrors:
        own = _Own(registry)
        read = {host: _mirror(host, mirror, own, notes) for host, mirror in mirrors.items()}
        meant["registry"] = {**registry, "mirrors": read}
    cache = _tree(meant.get("imageCache"))
    if _is_on_mirror(cache.get(_CACHE_URL), _tree(meant.get("assetMirror"))):
        meant["imageCache"] = _image_cache(cache, notes)
    environments = meant.get("environments")
    if isinstance(environments, list):
        meant["environments"] = [
            _environment(index, item, notes) for index, item in enumerate(environments)
        ]
    return meant, tuple(notes)


def _mirror(host: str, value: object, own: _Own, notes: list[str]) -> object:
    """Return a mirror whose endpoints have the path that a registry answers at.

    The path has to end with the mirrored host: with any other it may be a product's own (such as
    `/artifactory/api/docker/<name>`), which the checks ask about.
    """
    mirror = _tree(value)
    urls = _urls(mirror.get("endpoints"))
    override = mirror.get("overridePath")
    if not urls or override is False:
        return value
    placed = [own.place(host, url) if override is None else url for url in urls]
    if not any(_path(url)[-1:] == [host] for url in placed):
        return value
    meant = [_with_version(url) for url in placed]
    if meant == urls and override:
        return value
    for index, (before, after) in enumerate(zip(urls, meant, strict=True)):
        if before != after or override is None:
            place = dotted(("registry", "mirrors", host, "endpoints", index))
            notes.append(
                f"{place}: {before} is read as {after} with overridePath: true: Talos asks for "
                "another path otherwise, and a registry answers below /v2 only"
            )
    return {**mirror, "endpoints": meant, "overridePath": True}


def _environment(index: int, value: object, notes: list[str]) -> object:
    """Return an environment whose boot asset is the file's name; the plan document's is a URL."""
    environment = _tree(value)
    written = environment.get("bootAsset")
    name = written if isinstance(written, str) else _file_of(written)
    if name is None:
        return value
    meant = name
    if name.endswith(_OLD_IMAGE) and "bootAssetFile" not in environment:
        meant = name.removesuffix(_OLD_IMAGE) + _IMAGE
    if meant != written:
        place = dotted(("environments", index, "bootAsset"))
        shown = written if isinstance(written, str) else _tree(written)["url"]
        why = "Talos releases have this form" if meant != name else "the asset mirror's URL is ours"
        notes.append(f"{place}: {shown} is read as {meant}: {why}")
    return {**environment, "bootAsset": meant}


def _is_on_mirror(url: object, mirror: Tree) -> bool:
    """Tell whether a cache is named on the asset mirror; anywhere else we would not put it."""
    return _host(url) != "" and _host(url) == _host(mirror.get("url"))


def _image_cache(cache: Tree, notes: list[str]) -> object:
    """Return a cache that is published as a tar, where the plan document names its URL."""
    published = cache.get("publish", [])
    if not isinstance(published, list):
        return cache
    place = dotted(("imageCache", _CACHE_URL))
    notes.append(
        f"{place}: {cache[_CACHE_URL]} is read as publish: [tar]: image-cache.oci is a directory, "
        "its tar (….oci.tar) is on the asset mirror, under a URL that carries its content"
    )
    rest = {key: value for key, value in cache.items() if key != _CACHE_URL}
    return {**rest, "publish": [*published, *(() if "tar" in published else ("tar",))]}


class _Own:
    """The site's own registry: how its layout places an upstream host."""

    def __init__(self, registry: Tree) -> None:
        listed = registry.get("endpoints")
        endpoints = listed if isinstance(listed, list) else []
        self._hosts = {_host(_tree(item).get("url")) for item in endpoints} - {""}
        prefix = registry.get("pathPrefix")
        self._prefix = [prefix] if isinstance(prefix, str) and prefix else []
        self._keeps_host = registry.get("layout", "prefix") == "prefix"

    def place(self, host: str, url: str) -> str:
        """Return a bare endpoint of the site's own registry as its layout has the host."""
        if _path(url) or host == "*" or _host(url) not in self._hosts:
            return url
        below = [*self._prefix, *([host] if self._keeps_host else [])]
        return "/".join([url.rstrip("/"), _VERSION_PATH, *below]) if below else url


def _with_version(url: str) -> str:
    """Return an endpoint whose path has `/v2`; a bare one gets nothing but that."""
    path = _path(url)
    if _VERSION_PATH in path:
        return url
    parts = urlsplit(url)
    return "/".join([f"{parts.scheme}://{parts.netloc}", _VERSION_PATH, *path])


def _path(url: str) -> list[str]:
    return [part for part in urlsplit(url).path.split("/") if part]


def _host(url: object) -> str:
    return urlsplit(url).netloc.lower() if isinstance(url, str) and _is_url(url) else ""


def _urls(value: object) -> list[str]:
    """Return the endpoints; none where one of them is no URL."""
    listed = value if isinstance(value, list) else []
    return [str(url) for url in listed] if all(map(_is_url, listed)) else []


def _is_url(value: object) -> bool:
    try:
        return isinstance(value, str) and urlsplit(value).scheme in ("http", "https")
    except ValueError:
        return False


def _file_of(value: object) -> str | None:
    """Return the file that `{url: …}` names."""
    asset = _tree(value)
    url = asset.get("url")
    return basename(url) if isinstance(url, str) and len(asset) == 1 else None


def _tree(value: object) -> Tree:
    return dict(value) if isinstance(value, Mapping) else {}
