"""Schematic: a schematic registered with the site's Image Factory.

Its ID is known before (`schematicId`), and compared with the factory's answer. Identity: factory
endpoint and server class. Nothing is ever removed: a factory does not forget schematics.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated

import pulumi
from pulumi.dynamic import Resource
from pydantic import Field, JsonValue, model_validator

from airgap.errors import FactoryError
from airgap.schematic import Schematic as SchematicContent
from airgap.schematic import parse_schematic, schematic_id
from providers.adapter import ModelProvider, ProviderInputs

__all__ = ["Schematic", "SchematicInputs", "SchematicProvider"]

_READABLE_SINCE = (0, 9)
"""Factories before v0.9.0 cannot be asked for a schematic."""


class FactoryInputs(ProviderInputs):
    """The factory; its version decides how a schematic is written, and so its ID."""

    endpoint: str
    version: str | None = None
    ca: str | None = None


class SchematicInputs(ProviderInputs):
    """The inputs: `schematic` is structured, `schematicId` its ID."""

    factory: FactoryInputs
    server_class: str
    schematic: dict[str, JsonValue]
    schematic_id: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @model_validator(mode="after")
    def _compare(self) -> SchematicInputs:
        predicted = schematic_id(self.content(), factory=self.factory.version)
        if predicted != self.schematic_id:
            raise ValueError(
                f"schematicId is {self.schematic_id}, but the schematic's ID is {predicted}: "
                "lock again with the factory's version"
            )
        return self

    @property
    def identifier(self) -> str:
        """`<endpoint>#<server class>`."""
        return f"{self.factory.endpoint.rstrip('/')}#{self.server_class}"

    def content(self) -> SchematicContent:
        """Return the schematic.

        Raises:
            SiteError: It is none.
        """
        return _content(self.schematic, self.factory.version)


class SchematicProvider(ModelProvider[SchematicInputs]):
    """Registers a schematic, and finds out whether the factory still knows it."""

    model = SchematicInputs
    identity = ("factory.endpoint", "serverClass")

    def apply(self, inputs: SchematicInputs) -> None:
        """Register; the same schematic again changes nothing."""
        from airgap.factory import FactoryClient

        factory = inputs.factory
        with FactoryClient(factory.endpoint, factory.ca, version=factory.version) as client:
            found = client.register(inputs.content())
        if found != inputs.schematic_id:
            raise FactoryError(
                f"{factory.endpoint} answered with schematic ID {found}, "
                f"expected {inputs.schematic_id}"
            )

    def observe(self, inputs: dict[str, object]) -> dict[str, object]:
        """Ask the factory: `missing` stands in place of the ID of one that it does not know."""
        from airgap.factory import FactoryClient

        factory = FactoryInputs.model_validate(inputs["factory"])
        if not _can_be_asked(factory.version):
            return inputs
        content = inputs["schematic"]
        schematic = _content(content if isinstance(content, dict) else {}, factory.version)
        identity = schematic_id(schematic, factory=factory.version)
        with FactoryClient(factory.endpoint, factory.ca, version=factory.version) as client:
            known = client.schematic_text(identity) is not None
        return {**inputs, "schematicId": identity if known else "missing"}

    def release(self, inputs: dict[str, object]) -> None:
        """Do nothing: factories keep schematics, and nodes may pull installers made of them."""


class Schematic(Resource, module="airgap", name="Schematic"):
    """A server class' schematic in the site's Image Factory."""

    def __init__(
        self,
        name: str,
        inputs: Mapping[str, object],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(SchematicProvider(), name, dict(inputs), opts)


def _content(document: Mapping[str, object], version: str | None) -> SchematicContent:
    text = json.dumps(document, ensure_ascii=False)  # JSON is YAML, and says what is a string
    return parse_schematic(text, factory=version, path="schematic")


def _can_be_asked(version: str | None) -> bool:
    match = re.match(r"v(\d+)\.(\d+)\.", version or "")
    return match is None or (int(match[1]), int(match[2])) >= _READABLE_SINCE
