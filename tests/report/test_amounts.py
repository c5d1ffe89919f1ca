"""Bytes of a change: upper bounds, each digest once, and nothing where nothing is moved."""

from __future__ import annotations

import pytest

from airgap.report.amounts import count_transfer, parse_link
from airgap.report.scene import Asset, Image, Scene, View

REGISTRY = View(token="airgap:index:Registry", name="registry", inputs={"kind": "existing"})
MIRROR = View(token="airgap:index:AssetMirror", name="asset-mirror", inputs={"kind": "directory"})


def _image(name: str, parts: dict[str, int], *, is_made_here: bool = False) -> Image:
    return Image(
        repository=f"r.example/{name}",
        tag="v1",
        digest=f"sha256:{name}",
        need="workloads",
        size_bytes=sum(parts.values()),
        parts=parts,
        is_made_here=is_made_here,
    )


def _scene(*images: Image, assets: tuple[Asset, ...] = (), views: tuple[View, ...] = ()) -> Scene:
    found = views or (REGISTRY, MIRROR)
    return Scene(
        views={view.name: view for view in found},
        images=images,
        assets={asset.name: asset for asset in assets},
    )


def _set(layout: str) -> View:
    destination = {"endpoint": "https://r.example", "pathPrefix": "", "layout": layout}
    inputs = {"destination": destination, "images": {}}
    return View(token="x:ImageSet", name="images-workloads", inputs=inputs)


def test_what_the_base_has_counts_as_there() -> None:
    old, new = _image("old", {"a": 10}), _image("new", {"b": 7})
    moved = count_transfer(_scene(old), _scene(old, new), ())
    sizes = [each.size_bytes for each in (moved.fetch, moved.carry, moved.push)]
    assert sizes == [7, 7, 7]


def test_a_digest_that_two_images_share_counts_once() -> None:
    images = (_image("one", {"shared": 10, "a": 1}), _image("two", {"shared": 10, "b": 2}))
    assert count_transfer(Scene(), _scene(*images), ()).fetch.size_bytes == 13


def test_a_platform_that_did_not_change_is_not_fetched_again() -> None:
    old = _image("app", {"amd64 before": 10, "arm64": 20})
    new = _image("app", {"amd64 after": 11, "arm64": 20})
    assert count_transfer(_scene(old), _scene(new), ()).fetch.size_bytes == 11


def test_the_same_file_under_two_names_counts_once() -> None:
    assets = tuple(Asset(name=name, sha512="same", size_bytes=5) for name in ("a", "b"))
    assert count_transfer(_scene(), _scene(assets=assets), ()).carry.size_bytes == 5


def test_what_no_upstream_has_is_carried_and_not_fetched() -> None:
    own = Asset(name="v1/own.iso", sha512="own", size_bytes=5, is_own=True)
    signature = _image("signature", {"s": 1}, is_made_here=True)
    moved = count_transfer(_scene(), _scene(signature, assets=(own,)), ())
    assert (moved.fetch.size_bytes, moved.carry.size_bytes) == (0, 6)


def test_a_served_store_is_pushed_nowhere() -> None:
    views = (
        View(token="airgap:index:Registry", name="registry", inputs={"kind": "embedded"}),
        View(token="airgap:index:AssetMirror", name="m", inputs={"kind": "embedded"}),
    )
    moved = count_transfer(Scene(), _scene(_image("a", {"a": 1}), views=views), ())
    assert (moved.carry.size_bytes, moved.push.size_bytes) == (1, 0)
    assert "nothing is pushed" in moved.notes[0]


def test_another_layout_pushes_everything_again() -> None:
    image = _image("a", {"a": 3})
    before, after = (
        _scene(image, views=(REGISTRY, MIRROR, _set(layout))) for layout in ("prefix", "flat")
    )
    moved = count_transfer(before, after, ())
    assert (moved.carry.size_bytes, moved.push.size_bytes) == (0, 3)


def _held(registry: str, mirror: str = "embedded") -> Scene:
    """Return a site of these kinds that holds one image of 3 bytes and a file of 5."""
    url = {"endpoint": "https://r.example", "pathPrefix": "", "layout": "prefix"}
    views = [
        View(token="airgap:index:Registry", name="registry", inputs={"kind": registry}),
        View(token="airgap:index:AssetMirror", name="asset-mirror", inputs={"kind": mirror}),
        View(token="x:AssetSet", name="assets", inputs={"destination": {"kind": mirror}}),
    ]
    if registry != "none":  # which has no sets
        inputs = {"destination": {"kind": registry, **url}}
        views.append(View(token="x:ImageSet", name="images-talos", inputs=inputs))
    file = Asset(name="v1/file", sha512="file", size_bytes=5)
    return _scene(_image("a", {"a": 3}), assets=(file,), views=tuple(views))


@pytest.mark.parametrize(
    ("before", "after", "pushed"),
    [
        ("none", "none", 0),
        ("none", "existing", 3),
        ("none", "embedded", 0),
        ("existing", "none", 0),
        ("existing", "existing", 0),
        ("existing", "embedded", 0),
        ("embedded", "none", 0),
        ("embedded", "existing", 3),
        ("embedded", "embedded", 0),
    ],
)
def test_a_registry_of_another_kind_is_empty(before: str, after: str, pushed: int) -> None:
    """Under the same URL as well: what was served out of the store is not in the registry."""
    moved = count_transfer(_held(before), _held(after), ())
    sizes = [each.size_bytes for each in (moved.fetch, moved.carry, moved.push)]
    assert sizes == [0, 0, pushed]
    assert ("every image is pushed" in " ".join(moved.notes)) == bool(pushed)


@pytest.mark.parametrize(
    ("before", "after", "pushed"),
    [
        ("embedded", "embedded", 0),
        ("embedded", "directory", 5),
        ("directory", "embedded", 0),
        ("directory", "directory", 0),
    ],
)
def test_an_asset_mirror_of_another_kind_is_empty(before: str, after: str, pushed: int) -> None:
    moved = count_transfer(_held("none", before), _held("none", after), ())
    sizes = [each.size_bytes for each in (moved.fetch, moved.carry, moved.push)]
    assert sizes == [0, 0, pushed]


def test_what_a_factory_reads_does_not_say_where_the_sites_images_go() -> None:
    """Its set is flat in any layout, and the engine's events come in any order."""
    flat = _set("flat")
    factory = View(token="x:ImageSet", name="factory-artifacts", inputs=flat.inputs)
    image = _image("a", {"a": 3})
    before = _scene(image, views=(REGISTRY, MIRROR, factory, _set("prefix")))
    after = _scene(image, views=(REGISTRY, MIRROR, _set("prefix"), factory))
    assert count_transfer(before, after, ()).push.size_bytes == 0


def test_a_new_site_moves_nothing_from_elsewhere() -> None:
    moved = count_transfer(Scene(), _held("existing", "directory"), ())
    assert [each.size_bytes for each in (moved.fetch, moved.carry, moved.push)] == [8, 8, 8]
    assert moved.notes == ()


def test_a_size_that_nobody_knows_makes_no_number() -> None:
    unknown = Image(repository="r.example/a", tag="v1", digest="sha256:x", need="workloads")
    assert count_transfer(_scene(), _scene(unknown), ()).fetch.size_bytes is None


def test_times_are_bytes_over_the_link() -> None:
    links = (parse_link("8Mbit/s"), parse_link("2.5Gbit/s"))
    image = _image("a", {"a": 10_000_000})
    durations = count_transfer(Scene(), _scene(image), links).fetch.durations
    assert [(each.link, each.seconds) for each in durations] == [
        ("8Mbit/s", 10.0),
        ("2.5Gbit/s", 0.032),
    ]


@pytest.mark.parametrize("text", ["", "fast", "0Mbit/s", "100 MB/s", "-1Gbit/s", "1Gbit/s "])
def test_what_is_no_speed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a speed"):
        parse_link(text)
