"""Schematic: a schematic that the site's Image Factory knows.

Its ID is known before (`schematicId`), and compared with the factory's answer. A factory that is
deployed with the site need not run for it: the schematic is put into the registry that it reads
from (`registry`). Identity: factory endpoint and server class. Nothing is ever removed: a factory
does not forget schematics.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import pulumi
from pulumi.dynamic import Resource
from pydantic import Field, JsonValue, model_validator

from airgap.errors import FactoryError
from airgap.oci.credentials import MachineCredentials
from airgap.schematic import Schematic as SchematicContent
from airgap.schematic import canonical_yaml, parse_schematic, schematic_id
from providers.adapter import ModelProvider, ProviderInputs
from providers.surroundings import connect_registry

if TYPE_CHECKING:
    from airgap.factory import FactoryClient
    from airgap.oci.client import RegistryClient

__all__ = ["Schematic", "SchematicInputs", "SchematicProvider"]

_READABLE_SINCE = (0, 9)
"""Factories before v0.9.0 cannot be asked for a schematic."""


class FactoryInputs(ProviderInputs):
    """The factory; its version decides how a schematic is written, and so its ID."""

    endpoint: str
    version: str | None = None
    ca: str | None = None


class FactoryRegistry(ProviderInputs):
    """The repository in which a factory keeps its schematics."""

    endpoint: str
    repository: str
    ca: str | None = None


class SchematicInputs(ProviderInputs):
    """The inputs: `schematic` is structured, `schematicId` its ID."""

    factory: FactoryInputs
    registry: FactoryRegistry | None = None
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
        """Register, or put it where the factory looks; the same again changes nothing."""
        if inputs.registry is not None:
            self._seed(inputs, inputs.registry)
            return
        with self._ask(inputs.factory) as client:
            found = client.register(inputs.content())
        if found != inputs.schematic_id:
            raise FactoryError(
                f"{inputs.factory.endpoint} answered with schematic ID {found}, "
                f"expected {inputs.schematic_id}"
            )

    def observe(self, inputs: dict[str, object]) -> dict[str, object]:
        """Ask the factory: `missing` stands in place of the ID of one that it does not know."""
        factory = FactoryInputs.model_validate(inputs["factory"])
        content = inputs["schematic"]
        schematic = _content(content if isinstance(content, dict) else {}, factory.version)
        identity = schematic_id(schematic, factory=factory.version)
        kept = inputs.get("registry")
        if kept is not None:
            is_known = self._is_seeded(FactoryRegistry.model_validate(kept), identity)
        elif _can_be_asked(factory.version):
            with self._ask(factory) as client:
                is_known = client.schematic_text(identity) is not None
        else:
            return inputs
        return {**inputs, "schematicId": identity if is_known else "missing"}

    def _seed(self, inputs: SchematicInputs, registry: FactoryRegistry) -> None:
        from airgap.factory.seed import seed_schematic

        text = canonical_yaml(inputs.content(), factory=inputs.factory.version)
        with self._connect(registry) as client:
            seed_schematic(client, registry.repository, text)

    def _is_seeded(self, registry: FactoryRegistry, identity: str) -> bool:
        from airgap.factory.seed import has_schematic

        with self._connect(registry) as client:
            return has_schematic(client, registry.repository, identity)

    def _ask(self, factory: FactoryInputs) -> FactoryClient:
        from airgap.factory import FactoryClient

        return FactoryClient(
            factory.endpoint,
            factory.ca,
            version=factory.version,
            credentials=MachineCredentials(self.credentials),
        )

    def _connect(self, registry: FactoryRegistry) -> RegistryClient:
        from airgap.transfer.destination import RegistryDestination

        destination = RegistryDestination(
            kind="existing", endpoint=registry.endpoint, ca=registry.ca
        )
        return connect_registry(destination, self.credentials, self.limits)

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
