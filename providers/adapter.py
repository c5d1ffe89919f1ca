"""Between Pulumi's untyped calls and this project: inputs, differences, errors.

Numbers come back from the engine as floats, and not yet known values as `Unknown` objects; what
leaves here are models. Every error becomes one full sentence, since the engine shows no more.
Nothing here touches network or disk.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, Generic, TypeVar

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from airgap.errors import AirgapError
from airgap.oci.credentials import Credential
from airgap.site.transfer import Transfer
from providers.preload import preload_talking, preload_types

__all__ = ["ModelProvider", "ProviderError", "ProviderInputs", "plain"]

_PROVIDER_KEY = "__provider"


class ProviderError(Exception):
    """What the engine shows: a full sentence."""


class ProviderInputs(BaseModel):
    """A resource's inputs: frozen, no unknown keys, camelCase."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )

    @property
    def identifier(self) -> str:
        """The resource's ID: a pure function of its destination and name."""
        raise NotImplementedError


M = TypeVar("M", bound=ProviderInputs)


class ModelProvider(ResourceProvider, Generic[M]):
    """A provider of one resource type; subclasses say what is done.

    It has no attributes when a program makes it (see the package). `configure` sets `credentials`
    and `limits`, in the engine's provider process only, before any other call; nothing else is
    ever set, so that all methods may run at the same time.
    """

    serialize_as_secret_always = False

    model: ClassVar[type[ProviderInputs]]
    identity: ClassVar[tuple[str, ...]]
    """Dotted paths of the inputs that make it another resource when they change."""

    credentials: Mapping[str, Credential] = {}
    limits: Transfer = Transfer()

    # What subclasses do

    def apply(self, inputs: M) -> None:
        """Bring about what the inputs say; adopt what is there already."""
        raise NotImplementedError

    def observe(self, inputs: dict[str, object]) -> dict[str, object]:
        """Return the inputs as reality has them: what is missing or changed says so."""
        raise NotImplementedError

    def release(self, inputs: dict[str, object]) -> None:
        """Let go of what the inputs said; they may show drift."""
        raise NotImplementedError

    # What the engine calls

    def configure(self, req: ConfigureRequest) -> None:
        """Take what transfers need from the configuration; none of it is an input.

        The credentials, as the last resort, and the site's limits.
        """
        with _explained(type(self).__name__):
            preload_types()
            self.credentials = _read_credentials(req.config.get("credentials"))
            self.limits = _read_limits(req.config.get("site"))

    def check(self, _olds: dict[str, object], news: dict[str, object]) -> CheckResult:
        """Validate the inputs, unless some are not known yet.

        Failures carry no property name: the engine would print the property's whole value.
        """
        inputs = plain(news)
        if not _has_unknown(inputs):
            return CheckResult(inputs, [CheckFailure("", fault) for fault in self._faults(inputs)])
        return CheckResult(inputs, [])

    def diff(self, _id: str, _olds: dict[str, object], _news: dict[str, object]) -> DiffResult:
        """Compare the inputs; a change of identity replaces."""
        olds, news = plain(_olds), plain(_news)
        replaced = {
            path.partition(".")[0]
            for path in self.identity
            if _lookup(olds, path) != _lookup(news, path)
        }
        return DiffResult(
            changes=bool(replaced) or olds != news,
            replaces=sorted(replaced),
            delete_before_replace=False,
        )

    def create(self, props: dict[str, object]) -> CreateResult:
        """Bring about what the inputs say."""
        with _working(type(self).__name__):
            inputs = self._parse(props)
            self.apply(inputs)
            return CreateResult(inputs.identifier, plain(props))

    def update(self, _id: str, _olds: dict[str, object], _news: dict[str, object]) -> UpdateResult:
        """Bring about what the new inputs say; what they no longer say is only released."""
        with _working(type(self).__name__):
            self.apply(self._parse(_news))
            return UpdateResult(plain(_news))

    def read(self, id_: str, props: dict[str, object]) -> ReadResult:
        """Return outputs and inputs as reality has them."""
        with _working(type(self).__name__):
            observed = self.observe(plain(props))
            return ReadResult(id_, plain(observed), plain(observed))

    def delete(self, _id: str, _props: dict[str, object]) -> None:
        """Release what the resource holds."""
        with _working(type(self).__name__):
            self.release(plain(_props))

    def _parse(self, props: Mapping[str, object]) -> M:
        try:
            return self.model.model_validate(plain(props))  # type: ignore[return-value]  # the class variable cannot be generic
        except ValidationError as error:
            raise ProviderError(_sentence(error)) from None

    def _faults(self, inputs: dict[str, object]) -> list[str]:
        try:
            self.model.model_validate(inputs)
        except ValidationError as error:
            return [_fault(item) for item in _errors(error)]
        except AirgapError as error:  # raised by a value's own parser
            return [error.message]
        return []


def plain(props: Mapping[str, object]) -> dict[str, object]:
    """Return inputs without the provider's own key, whole floats as the integers they were."""
    return {key: _plain(value) for key, value in props.items() if key != _PROVIDER_KEY}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _has_unknown(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_unknown(item) for item in value)
    return value is not None and not isinstance(value, (str, int, float, bool))


def _lookup(inputs: Mapping[str, object], path: str) -> object:
    value: object = inputs
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _errors(error: ValidationError) -> list[tuple[str, str]]:
    details = error.errors(include_url=False, include_input=False, include_context=False)
    return [
        (".".join(str(part) for part in item["loc"]), item["msg"].removeprefix("Value error, "))
        for item in details
    ]


def _fault(item: tuple[str, str]) -> str:
    path, message = item
    return f"{path}: {message}" if path else message


def _sentence(error: ValidationError) -> str:
    return "; ".join(_fault(item) for item in _errors(error))


def _read_credentials(text: object) -> dict[str, Credential]:
    """Read `{host: {username, password}}`; the engine hands structured values on as JSON."""
    found = {}
    for host, entry in _mapping(text, "sidero-airgap:credentials is not a mapping by host").items():
        fields = entry if isinstance(entry, dict) else {}
        username, password = fields.get("username"), fields.get("password")
        if isinstance(username, str) and isinstance(password, str):
            found[str(host)] = Credential(username=username, password=password)
    return found


def _read_limits(text: object) -> Transfer:
    """Read the site's `transfer` section; the program has refused a wrong one already."""
    section = _mapping(text, "sidero-airgap:site is not a mapping").get("transfer", {})
    try:
        return Transfer.model_validate(section)
    except ValidationError as error:
        raise ProviderError(f"transfer: {_sentence(error)}") from None


def _mapping(text: object, refusal: str) -> dict[object, object]:
    """Return a structured configuration value; none when there is no such."""
    document: object = text or {}
    if isinstance(text, str) and text:
        try:
            document = json.loads(text)
        except ValueError:
            raise ProviderError(refusal) from None
    return document if isinstance(document, dict) else {}


@contextmanager
def _working(what: str) -> Iterator[None]:
    """Have what talks at hand, and turn every error into a sentence."""
    with _explained(what):
        preload_talking()
        yield


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn every error into a sentence; a bug's traceback goes to stderr."""
    try:
        yield
    except ProviderError:
        raise
    except AirgapError as error:
        raise ProviderError(error.diagnostics()) from error
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        raise ProviderError(
            f"{what} failed on something unforeseen: {type(error).__name__}: {error}"
        ) from error
