"""Removal is never a side effect; what failed half way is gone after `up --refresh` and `prune`."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

from airgap.lock.factory import factory_artifacts, factory_signatures
from tests.engine.workspace import CHECKOUT
from tests.stacks.differences import operations
from tests.stacks.outside import Outside
from tests.stacks.site import PracticeSite, open_site, places_of, plain

pytestmark = pytest.mark.engine

# The program with an image set and the component around it renamed.
RENAMING = """
import dataclasses


def renamed(plan):
    children = tuple(
        dataclasses.replace(child, name="images-cluster", inputs={**child.inputs, "set": "cluster"})
        if child.name == "images-kubernetes"
        else child
        for child in plan.registry.children
    )
    registry = dataclasses.replace(plan.registry, name="images", children=children)
    return dataclasses.replace(plan, registry=registry)


"""


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory, engine_directory: Path, outside: Outside
) -> Iterator[PracticeSite]:
    """A site that is up, without workloads."""
    directory = tmp_path_factory.mktemp("releasing")
    with open_site(directory, engine_directory, outside, "lab") as site:
        site.change({**plain(site.value), "images": []})
        site.workspace.up()
        yield site


@pytest.fixture
def site(filled: PracticeSite) -> Iterator[PracticeSite]:
    """The site; afterwards description and program are as they were."""
    value, lock = copy.deepcopy(filled.value), filled.lock
    yield filled
    filled.registry.faults.clear()
    filled.change(value, relock=False)
    filled.write_lock(lock)
    _write_program(filled, (CHECKOUT / "__main__.py").read_text(encoding="utf-8"))


@pytest.fixture
def second_stack(site: PracticeSite) -> Iterator[None]:
    """Work on another stack of the same project."""
    first = site.name
    site.name = site.workspace.stack = "second"
    site.workspace.set_config({"site": site.value})
    site.workspace.run("stack", "init", "second")
    yield
    site.name = site.workspace.stack = first


def _held(site: PracticeSite) -> dict[str, str]:
    """Return every tag of the site's registry, but for what the factory keeps there."""
    content = site.registry.content
    return {
        f"{name}:{tag}": digest
        for name in content.names
        if not name.startswith("image-factory/") and (repository := content.repository(name))
        for tag, digest in repository.tags.items()
    }


def _named(site: PracticeSite) -> dict[str, str]:
    """Return the tags that the site's lock names.

    What only its digest names has a tag that keeps it, and what the factory reads is there once
    more without its host (docs/image-factory.md).
    """
    read = {**factory_artifacts(site.lock), **factory_signatures(site.lock)}
    below = {key.removeprefix("ghcr.io/"): pin for key, pin in read.items()}
    assert below.keys().isdisjoint(site.lock.images)
    return {_tagged(key): pin.digest for key, pin in {**site.lock.images, **below}.items()}


def _tagged(reference: str) -> str:
    name, at, digest = reference.partition("@sha256:")
    return f"{name}:digest-{digest[:16]}" if at else name


def _files(site: PracticeSite) -> dict[str, str]:
    """Return the files that the site's lock names, with their sha512."""
    return {
        place: pin.sha512
        for name, pin in site.lock.assets.items()
        for place in places_of(name, pin.sha512)
    }


def test_failed_update_that_is_reverted_leaves_what_the_program_says(site: PracticeSite) -> None:
    value, lock = copy.deepcopy(site.value), site.lock
    changed = copy.deepcopy(value)
    changed["talos"]["versions"] = ["v1.11.6"]
    changed["environments"][0]["talos"] = "v1.11.6"
    site.change(changed)
    site.registry.faults.add(
        "ghcr.io/siderolabs/installer-base/manifests/v1.11.6", method="PUT", times=None, status=403
    )
    failed = site.workspace.up(exit_code=None)
    assert failed.exit_code != 0
    assert "ghcr.io/siderolabs/installer-base:v1.11.6" in failed.output
    missing = _named(site).keys() - _held(site).keys()
    behind = {name for name in missing if name.startswith("siderolabs/")}  # mounted, so it waits
    assert missing - behind == {"ghcr.io/siderolabs/installer-base:v1.11.6"}, (
        "independent items are done"
    )
    site.registry.faults.clear()

    site.change(value, relock=False)
    site.write_lock(lock)
    site.workspace.up("--refresh")
    site.airgap("prune", site.name)
    assert _held(site) == _named(site)
    assert site.published_files() == _files(site)


def test_failed_add_that_is_dropped_leaves_what_the_program_says(site: PracticeSite) -> None:
    value, lock, before = copy.deepcopy(site.value), site.lock, _held(site)
    changed = copy.deepcopy(value)
    changed["images"] = ["docker.io/library/nginx:1.27.3", "docker.io/library/nginx:1.27.4"]
    site.change(changed)
    site.registry.faults.add("library/nginx/manifests/1.27.4", method="PUT", times=None, status=403)
    failed = site.workspace.up(exit_code=None)
    assert failed.exit_code != 0
    assert _held(site).keys() - before.keys() == {"docker.io/library/nginx:1.27.3"}
    site.registry.faults.clear()

    site.change(value, relock=False)
    site.write_lock(lock)
    site.workspace.up("--refresh")
    site.airgap("prune", site.name)
    assert _held(site) == _named(site)


def test_renamed_set_keeps_every_image(site: PracticeSite) -> None:
    """Even where a removed set takes its images along."""
    value = copy.deepcopy(site.value)
    value["retention"] = {"onDelete": "delete"}
    site.change(value, relock=False)
    site.workspace.up()
    _write_program(site, _rename((CHECKOUT / "__main__.py").read_text(encoding="utf-8")))
    renamed = site.workspace.up()
    assert operations(renamed) == {
        "registry": "delete",
        "images": "create",
        "images-kubernetes": "delete",
        "images-cluster": "create",
    }
    assert _held(site) == _named(site)
    assert "0 items" in site.airgap("prune", site.name)
    assert _held(site) == _named(site)


def test_destroyed_stack_takes_along_only_what_no_other_stack_names(
    site: PracticeSite, second_stack: None
) -> None:
    """Two stacks in one registry and one asset mirror, with sets of the same kinds."""
    before, files = _held(site), site.published_files()
    value = copy.deepcopy(site.value)
    value["retention"] = {"onDelete": "delete"}
    value["images"] = ["docker.io/library/nginx:1.27.3"]
    site.change(value)
    site.workspace.up()
    assert _held(site).keys() - before.keys() == {"docker.io/library/nginx:1.27.3"}
    site.workspace.destroy()
    assert _held(site) == before
    assert site.published_files() == files


def _rename(main: str) -> str:
    assert main.count("Site(plan)") == 1
    head, statement, rest = main.partition("STACKS =")
    return head + RENAMING + statement + rest.replace("Site(plan)", "Site(renamed(plan))")


def _write_program(site: PracticeSite, text: str) -> None:
    path = site.workspace.directory / "__main__.py"
    path.unlink()  # a link to the checkout's
    path.write_text(text, encoding="utf-8")
