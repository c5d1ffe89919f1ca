"""Where a project's documents are: found from `Pulumi.yaml`, never guessed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from airgap.cli.output import say
from airgap.errors import AirgapError
from airgap.site.path import STACKS

if TYPE_CHECKING:
    from airgap.site.model import Site

__all__ = ["Project", "find_store", "project_option", "say_unseen", "site_argument", "store_option"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A checkout: the directory that holds `Pulumi.yaml`."""

    root: Path

    @property
    def stacks(self) -> Path:
        """The folder of stack files and locks."""
        return self.root / STACKS

    @classmethod
    def find(cls, start: Path) -> Project:
        """Return the project `start` lies in.

        Raises:
            AirgapError: No directory from `start` upwards holds a `Pulumi.yaml`.
        """
        here = start.resolve()
        for folder in (here, *here.parents):
            if (folder / "Pulumi.yaml").is_file():
                return cls(root=folder)
        raise AirgapError(
            f"{here}: no Pulumi.yaml here or above",
            hint="run this in the checkout, or name it with --project",
        )

    def stack_file(self, site: str) -> Path:
        """Return `stacks/Pulumi.<site>.yaml`.

        Raises:
            AirgapError: There is no such site; names those there are.
        """
        path = self.stacks / f"Pulumi.{site}.yaml"
        if not path.is_file():
            known = ", ".join(self.sites()) or "none"
            raise AirgapError(f"{path}: there is no site {site!r}", hint=f"sites here: {known}")
        return path

    def read_site(self, site: str) -> Site:
        """Return a site; what of its text is read as something else is said.

        Raises:
            AirgapError: There is no such site.
            SiteError: With every fault there is.
        """
        from airgap.site.load import load_site  # not for commands that know the store alone

        description = load_site(self.stack_file(site))
        for sentence in description.translations:
            say(f"note: {sentence}")
        return description

    def lock_file(self, site: str) -> Path:
        """Return `stacks/<site>.lock.json`."""
        return self.stacks / f"{site}.lock.json"

    def sites(self) -> tuple[str, ...]:
        """Return the names of all sites, sorted."""
        files = (self.stacks).glob("Pulumi.*.yaml")
        return tuple(sorted(file.name.split(".", 1)[1].removesuffix(".yaml") for file in files))

    @property
    def store(self) -> Path:
        """The store: `AIRGAP_STORE` (from the project if relative), or `store/`."""
        return self.root / (os.environ.get("AIRGAP_STORE") or "store")


def say_unseen(site: Site) -> None:
    """Say what in the manifests names images only when it runs."""
    for manifest in site.manifests:
        for text in manifest.unseen:
            say(f"note: {text}; name its images under images, or give what is rendered")


def find_store(place: Path | None) -> Path:
    """Return where the store is: as given, or that of the project around."""
    return (place or Project.find(Path()).store).absolute()


def _find(_context: click.Context, _option: click.Parameter, value: str) -> Project:
    return Project.find(Path(value))


project_option = click.option(
    "--project",
    default=".",
    show_default="the directory above with Pulumi.yaml",
    callback=_find,
    help="The checkout to work in.",
)
store_option = click.option(
    "--store",
    "place",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="AIRGAP_STORE",
    help="The store [default: AIRGAP_STORE, or store/ in the project].",
)
site_argument = click.argument("site", metavar="SITE")
