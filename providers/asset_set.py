"""AssetSet: boot assets in the site's asset mirror, by sha256 and sha512.

Identity: destination (kind, URL, path) and set name. `embedded` is this project's own server over
the store: nothing is copied, but each asset has to be served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import pulumi
from pulumi.dynamic import Resource
from pydantic import Field, model_validator

from airgap.digest import Digest
from airgap.transfer.destination import AssetItem, MirrorDestination
from providers.adapter import ModelProvider, ProviderInputs
from providers.surroundings import (
    engine_log,
    open_ledger,
    open_store,
    shared_traffic,
    tell_refusals,
    thoroughness,
)

__all__ = ["AssetSet", "AssetSetInputs", "AssetSetProvider"]


class MirrorInputs(ProviderInputs):
    """Where the assets go; `path` is the directory behind the URL, from the project if relative."""

    kind: Literal["directory", "embedded"]
    url: str
    path: str = ""
    ca: str | None = None

    @model_validator(mode="after")
    def _require_path(self) -> MirrorInputs:
        if self.kind == "directory" and not self.path:
            raise ValueError("a directory mirror needs a path")
        return self

    def destination(self) -> MirrorDestination:
        """Return the destination as the transfer knows it."""
        return MirrorDestination(**self.model_dump())


class AssetInputs(ProviderInputs):
    """One asset's pins."""

    sha256: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    sha512: Annotated[str, Field(pattern=r"^sha512:[0-9a-f]{128}$")]
    size: Annotated[int, Field(ge=0)]


class AssetSetInputs(ProviderInputs):
    """The inputs: `assets` maps `<version>/<file>` to its pins."""

    set: Annotated[str, Field(min_length=1)]
    destination: MirrorInputs
    assets: dict[Annotated[str, Field(pattern=r"^[^/]+/.+$")], AssetInputs]
    on_delete: Literal["retain", "delete"] = "retain"

    @property
    def identifier(self) -> str:
        """`<kind>:<url>[<path>]#<set>`."""
        place = self.destination
        return f"{place.kind}:{place.url.rstrip('/')}[{place.path}]#{self.set}"

    def items(self) -> tuple[AssetItem, ...]:
        """Return the assets."""
        return tuple(_item(name, pins) for name, pins in self.assets.items())


class AssetSetProvider(ModelProvider[AssetSetInputs]):
    """Publishes what is missing, adopts what is there, finds what is gone or changed."""

    model = AssetSetInputs
    identity = ("set", "destination.kind", "destination.url", "destination.path")

    def apply(self, inputs: AssetSetInputs) -> None:
        """Publish what is missing, and read what was published back through the mirror's URL."""
        from airgap.transfer.publish import check_served, publish_assets

        destination = inputs.destination.destination()
        traffic = shared_traffic(self.limits)
        if destination.kind == "embedded":
            check_served(destination, inputs.items(), traffic=traffic)
            return
        with engine_log(f"set {inputs.set}") as log:
            publish_assets(
                open_store(),
                destination,
                inputs.set,
                inputs.items(),
                open_ledger(destination.identity),
                traffic=traffic,
                progress=log.progress,
            )

    def observe(self, inputs: dict[str, object]) -> dict[str, object]:
        """Look at each asset: what is wrong with it stands in place of its pins."""
        from airgap.transfer.observe import observe_assets

        destination = MirrorInputs.model_validate(inputs["destination"]).destination()
        assets = inputs.get("assets")
        items = _pinned(assets)
        ledger = open_ledger(destination.identity)
        quick = thoroughness() == "quick"
        traffic = shared_traffic(self.limits)
        faults = observe_assets(destination, items, ledger, quick=quick, traffic=traffic)
        if quick and destination.kind == "directory":
            with engine_log(f"set {inputs['set']}") as log:
                log.note("AIRGAP_VERIFY=quick: unchanged size, times and inode were trusted")
        if destination.kind == "directory":
            keys = [key for item in items for key in item.keys]
            ledger.reconcile(str(inputs["set"]), keys)
        seen = dict(assets) if isinstance(assets, dict) else {}
        return {**inputs, "assets": {**seen, **{n: f for n, f in faults.items() if f}}}

    def release(self, inputs: dict[str, object]) -> None:
        """Release the set; with `onDelete: delete`, remove what was made and nobody names."""
        from airgap.transfer.prune import remove_assets

        destination = MirrorInputs.model_validate(inputs["destination"]).destination()
        if destination.kind == "embedded":
            return
        ledger = open_ledger(destination.identity)
        # What it says itself, too: a delete that failed had released the set already.
        said = {key for item in _pinned(inputs.get("assets")) for key in item.keys}
        ours = said.union(ledger.release(str(inputs["set"])))
        if inputs.get("onDelete") == "delete":
            with engine_log(f"set {inputs['set']}") as log:
                tell_refusals(log, remove_assets(destination, ledger, sorted(ours), wait=True))


class AssetSet(Resource, module="airgap", name="AssetSet"):
    """One Talos release's boot assets in the site's asset mirror."""

    def __init__(
        self,
        name: str,
        inputs: Mapping[str, object],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(AssetSetProvider(), name, dict(inputs), opts)


def _pinned(assets: object) -> tuple[AssetItem, ...]:
    """Return the assets that have pins; drift of an earlier refresh has none to look for."""
    return tuple(
        _item(name, AssetInputs.model_validate(value))
        for name, value in (assets.items() if isinstance(assets, dict) else ())
        if isinstance(value, dict)
    )


def _item(name: str, pins: AssetInputs) -> AssetItem:
    return AssetItem(
        name=name,
        sha256=Digest.parse(pins.sha256),
        sha512=Digest.parse(pins.sha512),
        size=pins.size,
    )
