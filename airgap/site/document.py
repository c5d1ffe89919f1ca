"""What every part of a site is made of: the base of its documents, and text by its form.

A form is a pattern with words for it, so that a fault says what is expected and not a regular
expression.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

__all__ = [
    "FORMS",
    "LENIENT",
    "PUBLIC_KEY",
    "AllowedHost",
    "Architecture",
    "CaFile",
    "CaText",
    "Date",
    "Document",
    "Flag",
    "ImageText",
    "Kept",
    "KernelArgument",
    "Link",
    "Name",
    "Platform",
    "Prefix",
    "PublicKeyFile",
    "PublicKeyText",
    "Rate",
    "Repositories",
    "SecretName",
    "Text",
    "Url",
    "Version",
    "Window",
    "as_source",
    "example",
]

_VERSION = r"^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$"
_NAME = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"  # RFC 1123 subdomain
_URL = r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$"
_PREFIX = r"^([a-z0-9._-]+(/[a-z0-9._-]+)*)?$"
_LINK = r"^[0-9]+(\.[0-9]+)?(M|G)bit/s$"
_RATE = r"^(unlimited|[0-9]+(\.[0-9]+)? ?([kMGT]?bit|[kMGT]?B|[KMGT]iB)/s)$"
_WINDOW = r"^([01][0-9]|2[0-3]):[0-5][0-9] ?[-\u2013] ?(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
_PLATFORM = r"^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_ARGUMENT = r"^\S+$"
_IMAGE = r"^[^\s@]+(:[^\s@:/]+(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$"
_HOST = (
    r"^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*(:[0-9]+)?"
    r"|\[[0-9A-Fa-f:.]+\](:[0-9]+)?|[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$"
)
_REPOSITORIES = r"^([a-z0-9.*:_-]+(/[a-z0-9.*_-]+)+|\*\*)$"

FORMS = {
    _VERSION: "a release such as v1.11.5",
    _NAME: "a Kubernetes name (lower case letters, digits, '-' and '.')",
    _URL: "a URL such as https://registry.example:5000, without user information or query",
    _PREFIX: "repository path components such as team/mirror, without slashes at the ends",
    _LINK: "a rate such as 1Gbit/s or 100Mbit/s",
    _RATE: "a rate such as 20MiB/s, 100Mbit/s or unlimited",
    _WINDOW: "a time of day such as 22:00-06:00",
    _PLATFORM: "a platform such as linux/amd64 or linux/arm/v7",
    _DATE: "a date such as 2027-01-31",
    _ARGUMENT: "one kernel argument such as console=ttyS1, without blanks",
    _IMAGE: "an image with its tag or digest, such as docker.io/library/nginx:1.27.3",
    _HOST: "host or host:port, without a scheme, a path and '*'",
    _REPOSITORIES: "registry and repository such as ghcr.io/siderolabs/**, without a tag",
}
"""What each pattern of the schema means, in words: for faults."""


LENIENT = "keep text of a wrong form"
"""Validation context under which text of a wrong form passes: to look for further faults."""


def _kept(value: object, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> object:
    """Let text of a wrong form through when that is asked for."""
    try:
        return handler(value)
    except ValidationError:
        if info.context == LENIENT and isinstance(value, str):
            return value
        raise


def as_source(value: object) -> object:
    """Accept a bare URL where a source is expected."""
    return {"url": value} if isinstance(value, str) else value


def _as_secret_name(value: object) -> object:
    """Accept Kubernetes' form of a reference, `{name: …}`, besides the bare name."""
    if isinstance(value, dict) and set(value) == {"name"}:
        return value["name"]
    return value


def _as_date_text(value: object) -> object:
    """Accept what readers make of an unquoted date.

    Pulumi 3.250 hands `2027-01-31` on as `2027-01-31 00:00:00 +0000 UTC`, and writes it back into
    the stack file like that.
    """
    if isinstance(value, dt.date):
        return value.isoformat()[:10]
    if isinstance(value, str):
        return value.removesuffix(" 00:00:00 +0000 UTC").removesuffix("T00:00:00Z")
    return value


def _told(pattern: str) -> FieldInfo:
    """Return what shows a form to editors; that it holds is seen to by `airgap.site.check`."""
    return cast("FieldInfo", Field(json_schema_extra={"pattern": pattern}))


def example(*values: object) -> FieldInfo:
    """Return what gives a field examples, for its schema and for `explain`."""
    return cast("FieldInfo", Field(examples=list(values)))


Kept = WrapValidator(_kept)
Architecture = Literal["amd64", "arm64"]
Flag = Annotated[bool, Field(strict=True)]
Version = Annotated[str, StringConstraints(pattern=_VERSION)]
Name = Annotated[str, StringConstraints(pattern=_NAME), Kept]
Url = Annotated[str, StringConstraints(pattern=_URL), Kept]
Prefix = Annotated[str, StringConstraints(pattern=_PREFIX), Kept]
Link = Annotated[str, StringConstraints(pattern=_LINK), Kept, example("1Gbit/s", "100Mbit/s")]
Rate = Annotated[str, StringConstraints(pattern=_RATE), Kept, example("20MiB/s", "unlimited")]
Window = Annotated[str, StringConstraints(pattern=_WINDOW), Kept, example("22:00-06:00")]
Platform = Annotated[str, StringConstraints(pattern=_PLATFORM), Kept, example("linux/amd64")]
Text = Annotated[str, StringConstraints(min_length=1), Kept]
SecretName = Annotated[
    Name, BeforeValidator(_as_secret_name, json_schema_input_type=str | dict[str, str])
]
Date = Annotated[
    str,
    StringConstraints(pattern=_DATE),
    BeforeValidator(_as_date_text),
    Kept,
    example("2027-01-31"),
]
CaFile = Annotated[str, example("certs/site-ca.pem")]
CaText = Annotated[str, example("-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n")]
KernelArgument = Annotated[str, _told(_ARGUMENT)]
ImageText = Annotated[str, _told(_IMAGE)]
AllowedHost = Annotated[str, _told(_HOST)]
PublicKeyFile = Annotated[str, example("certs/signer.pub")]
PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMFkw…\n-----END PUBLIC KEY-----\n"
Repositories = Annotated[Text, _told(_REPOSITORIES)]
PublicKeyText = Annotated[str, example(PUBLIC_KEY)]


class Document(BaseModel):
    """A part of the site: frozen, no unknown keys, camelCase in YAML."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        field_title_generator=lambda name, _: to_camel(name),
    )
