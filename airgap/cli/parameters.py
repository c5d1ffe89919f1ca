"""What options take: a release and a platform, in the shape that a site writes them in."""

from __future__ import annotations

import click
from pydantic import TypeAdapter, ValidationError

from airgap.plan.cache_content import ALL_PLATFORMS
from airgap.site.document import FORMS, Platform, Version

__all__ = ["PLATFORM", "PLATFORMS", "RELEASE"]

_VERSION: TypeAdapter[str] = TypeAdapter(Version)
_PLATFORM: TypeAdapter[str] = TypeAdapter(Platform)


class _Release(click.ParamType[str]):
    """A release as `v1.11.5`; the `v` may be left out."""

    name = "release"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return _read(self, f"v{value.removeprefix('v')}", _VERSION, value, param, ctx)


class _Platform(click.ParamType[str]):
    """A platform as `linux/amd64`."""

    name = "platform"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return _read(self, value, _PLATFORM, value, param, ctx)


class _Platforms(click.ParamType[tuple[str, ...]]):
    """Platforms parted by commas, each once, or `all`, which stands alone."""

    name = "platforms"

    def convert(
        self,
        value: str | tuple[str, ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):  # a default
            return value
        words = tuple(dict.fromkeys(value.replace(",", " ").split()))
        if words == (ALL_PLATFORMS,):
            return words
        if ALL_PLATFORMS in words or not words:
            self.fail(f"{value!r}: name platforms such as linux/amd64, or all alone", param, ctx)
        return tuple(PLATFORM.convert(word, param, ctx) for word in words)


def _read(
    kind: click.ParamType[str],
    text: str,
    shape: TypeAdapter[str],
    value: str,
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> str:
    try:
        return shape.validate_python(text)
    except ValidationError as error:
        pattern = error.errors()[0]["ctx"]["pattern"]
        kind.fail(f"{value!r} is not {FORMS[pattern]}", param, ctx)


RELEASE = _Release()
PLATFORM = _Platform()
PLATFORMS = _Platforms()
