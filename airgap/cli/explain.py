"""`explain`: what a field of the stack file is, from the model's own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import wrap

import click

from airgap.cli import COMMANDS
from airgap.site.explain import Explained, UnknownFieldError, explain_field

__all__ = ["explain"]

_WIDTH = 96
_NAMED = re.compile(r"`([^`]+)`")


@click.command()
@click.argument("path", default="", metavar="[PATH]")
@click.option("--recursive", is_flag=True, help="Print the fields below as a tree, types alone.")
def explain(path: str, *, recursive: bool) -> None:
    """Print what the field at PATH of a stack file is; without PATH, what a site consists of.

    A PATH is dotted, such as serverClasses.extensions; an index ([0], [], ["ghcr.io"]) may stand
    where a list or a map is, and nowhere else; a key of a map with dots in it has to. Where a map's
    keys are known (policy.levels) a key may stand after a dot, too. Exit 2 when there is no such
    field.
    """
    try:
        field = explain_field(path)
    except UnknownFieldError as error:
        raise click.UsageError(error.diagnostics()) from None
    for line in _tree(field) if recursive else _page(field):
        click.echo(line)


def _page(field: Explained) -> Iterator[str]:
    yield f"{field.path or 'site'}  {field.type}{' (required)' if field.required else ''}"
    texts = (field.description, field.section)
    for text in texts[1:] if texts[1].startswith(texts[0]) else texts:
        for paragraph in filter(None, text.split("\n\n")):
            yield ""
            yield from wrap(" ".join(paragraph.split()), _WIDTH, initial_indent="  ",
                            subsequent_indent="  ", break_long_words=False)  # fmt: skip
    facts = list(_facts(field))
    if facts:
        yield ""
    for name, value in facts:
        yield f"  {name:<8}  {value}"
    if field.fields:
        yield ""
        yield "Fields:"
        yield from _rows(field)


def _facts(field: Explained) -> Iterator[tuple[str, str]]:
    if field.default:
        yield "default", field.default
    if field.allowed:
        yield "allowed", ", ".join(field.allowed)
    if field.keys:
        yield "keys", ", ".join(field.keys)
    for form in field.forms:
        yield "form", form
    for value in field.examples:
        yield "example", value
    for command in _commands(field):
        yield "command", f"python -m airgap {command}"
    for rule in field.rules:
        yield "rule", rule


def _commands(field: Explained) -> Iterator[str]:
    """Yield the commands that the field's own words name in backticks."""
    named = _NAMED.findall(f"{field.description} {field.section}")
    words = dict.fromkeys(
        name.removeprefix("python -m airgap ").partition(" ")[0] for name in named
    )
    return (word for word in words if word in COMMANDS)


def _rows(field: Explained) -> Iterator[str]:
    names = max(len(below.name) for below in field.fields)
    types = max(len(_short(below)) for below in field.fields)
    for below in field.fields:
        first = _first_sentence(below.description)
        yield f"  {below.name:<{names}}  {_short(below):<{types}}  {first}".rstrip()


def _short(field: Explained) -> str:
    return field.type + (" *" if field.required else "")


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s", " ".join(text.split()), maxsplit=1)[0].rstrip(".")


def _tree(field: Explained, depth: int = 0) -> Iterator[str]:
    if depth == 0:
        yield f"{field.path or 'site'}  {field.type}"
    for below in field.fields:
        yield f"{'  ' * (depth + 1)}{below.name}  {_short(below)}"
        yield from _tree(below, depth + 1)
