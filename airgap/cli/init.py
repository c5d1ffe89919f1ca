"""`init`: the first stack file of a new site, from flags or from answers at a terminal."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

import click

from airgap.cli.output import say
from airgap.cli.parameters import RELEASE
from airgap.cli.project import Project, project_option
from airgap.cli.writing import write_new
from airgap.errors import Fault, PublishError, SiteError
from airgap.schematic.releases import NEWEST_KNOWN as NEWEST_FACTORY
from airgap.site.document import Architecture
from airgap.site.draft import (
    ARCHITECTURE_LABEL,
    Draft,
    FactoryKind,
    RegistryKind,
    flag_of,
    write_draft,
)
from airgap.site.load import names_beside, parse_site, read_beside
from airgap.site.path import shown
from airgap.site.stackfile import read_site_value
from airgap.talos import RELEASES, minor_of, sidero_machinery
from airgap.talos.config import SIDERO_MACHINERY

__all__ = ["init"]

Answers = dict[str, object]

_SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z")  # as Pulumi names stacks
_FILE = click.Path(path_type=Path)


def _option(*names: str, **rest: object) -> Callable[[Callable[..., None]], Callable[..., None]]:
    decorate: Callable[..., Callable[[Callable[..., None]], Callable[..., None]]] = click.option
    return decorate(*names, **rest)


_OPTIONS = (
    _option("--talos", type=RELEASE, multiple=True, help="Talos [default: the newest known]."),
    _option("--kubernetes", type=RELEASE, multiple=True, help="Kubernetes [default: Talos' own]."),
    _option("--architecture", "architectures", multiple=True,
            type=click.Choice(get_args(Architecture)), help="Of the machines [default: amd64]."),
    _option("--image", "images", multiple=True, metavar="REF", help="What workloads need."),
    _option("--registry", multiple=True, metavar="URL",
            help="A registry to push to; more are fail-over for machines."),
    _option("--embedded", metavar="URL",
            help="Serve the store itself as registry and asset mirror, under this URL."),
    _option("--no-registry", is_flag=True, help="Machines have an image cache medium alone."),
    _option("--registry-ca", type=_FILE, help="PEM of the registry's authority."),
    _option("--asset-mirror", metavar="URL", help="Where machines and Sidero fetch boot assets."),
    _option("--asset-mirror-path", metavar="DIR", help="The web server's directory behind it."),
    _option("--asset-mirror-ca", type=_FILE, help="Its authority [default: the registry's]."),
    _option("--factory", type=click.Choice(get_args(FactoryKind)),
            help="An Image Factory inside: none, one that runs, or one that is delivered."),
    _option("--factory-version", type=RELEASE, help=f"Its release [default: {NEWEST_FACTORY}]."),
    _option("--factory-endpoint", metavar="URL", help="Its URL as machines reach it."),
    _option("--factory-registry", metavar="HOST[:PORT]",
            help="Where it keeps what it makes [default: the site's registry]."),
    _option("--factory-ca", type=_FILE, help="PEM of its authority [default: the registry's]."),
    _option("--sidero", type=RELEASE, help="The deployed Sidero [default: the newest known]."),
    _option("--flavour", type=click.Choice(["stock", "airgap"]), help="Of the CRDs [stock]."),
    _option("--delivery", type=click.Choice(["files", "cluster"]), help="[default: files]"),
    _option("--server-class", metavar="NAME", help="The first server class [default: workers]."),
    _option("--extension", "extensions", multiple=True, metavar="NAME",
            help="A system extension of it, such as siderolabs/iscsi-tools; needs a factory."),
    _option("--time-server", "time_servers", multiple=True, metavar="HOST", help="NTP inside."),
    _option("--nameserver", "nameservers", multiple=True, metavar="IP", help="DNS inside."),
)  # fmt: skip


def _all_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.argument("site", metavar="SITE")
@_all_options
@click.option("--dry-run", is_flag=True, help="Print the file, write nothing.")
@project_option
def init(site: str, *, dry_run: bool, project: Project, **given: object) -> None:
    """Write a commented stacks/Pulumi.SITE.yaml for a new site.

    At a terminal, what no flag says is asked; elsewhere it has its default, and what has none is
    named, all at once (exit 2). What is written is what the loader accepts; what it refuses is
    told by flag. A file that is there is never overwritten.
    """
    if not _SITE.match(site):
        raise click.UsageError(f"{site!r}: a site's name has letters, digits, '-', '_' and '.'")
    if site.startswith("Pulumi.") or site.lower().endswith((".yaml", ".yml")):
        name = re.sub(r"\.ya?ml\Z", "", site, flags=re.IGNORECASE).removeprefix("Pulumi.")
        raise click.UsageError(
            f"{site!r} is a file's name; expected the site's, which is {name!r} in "
            f"stacks/Pulumi.{name}.yaml"
        )
    path = project.stacks / f"Pulumi.{site}.yaml"
    if path.exists():
        raise PublishError(f"{path}: is there already", hint="nothing is overwritten")
    answers = {name: value for name, value in given.items() if value not in (None, (), False)}
    _check_kinds(answers)
    if sys.stdin.isatty() and sys.stderr.isatty():
        try:
            _ask(answers)
        except (KeyboardInterrupt, click.Abort):
            say("")  # the cursor still stands behind the question
            raise click.Abort("nothing was written") from None
    _require(answers)
    text = write_draft(_draft(site, answers, project))
    notes = _judge(text, site, project, answers)
    if dry_run:
        click.echo(text, nl=False)
        return
    path.parent.mkdir(exist_ok=True)
    write_new(path, text.encode(), 0o644)
    for note in (*notes, *_unanswered(answers)):
        say(f"note: {note}")
    click.echo(f"{path.relative_to(project.root)}: written")
    click.echo(f"next: look it through, then python -m airgap lock {site}")


def _check_kinds(answers: Answers) -> None:
    """Refuse flags that exclude each other."""
    kinds = {"registry": "--registry", "embedded": "--embedded", "no_registry": "--no-registry"}
    named = [flag for name, flag in kinds.items() if name in answers]
    if len(named) > 1:
        raise click.UsageError(f"{' and '.join(named)}: give one of them")
    own = [name for name in answers if name.startswith("factory_")]
    if own and answers.get("factory") == "none":
        raise click.UsageError(f"--{own[0].replace('_', '-')} goes with a factory")


def _registry_kind(answers: Mapping[str, object]) -> RegistryKind | None:
    if "embedded" in answers:
        return "embedded"
    if "no_registry" in answers:
        return "none"
    return "existing" if "registry" in answers else None


def _ask(answers: Answers) -> None:
    """Ask at the terminal for what no flag says; an empty answer is the default, or none."""
    talos, kubernetes, sidero = _defaults(answers)
    say("Empty answers take the [default]; everything can be changed in the file later.")
    _ask_for(answers, "talos", "Talos release", talos[0], several=True)
    if "kubernetes" not in answers:
        talos, kubernetes, sidero = _defaults(answers)
    _ask_for(answers, "kubernetes", "Kubernetes release", kubernetes[0], several=True)
    _ask_for(answers, "sidero", "Sidero release", sidero)
    if _registry_kind(answers) is None:
        _ask_registry(answers)
    if _registry_kind(answers) != "none":
        _ask_for(answers, "registry_ca", "PEM file of its authority (none: a public one)", "")
    if "embedded" not in answers:
        _ask_for(answers, "asset_mirror", "URL of the web server with boot assets", None)
        _ask_for(answers, "asset_mirror_path", "The directory behind that URL", None)
    if _registry_kind(answers) != "none":
        _ask_factory(answers)
    _ask_for(answers, "time_servers", "Time server inside", "", several=True)
    _ask_for(answers, "nameservers", "Name server inside", "", several=True)


def _ask_registry(answers: Answers) -> None:
    kind = _prompt("Registry", "existing", click.Choice(get_args(RegistryKind)))
    if kind == "none":
        answers["no_registry"] = True
    elif kind == "embedded":
        answers["embedded"] = _prompt("URL under which `serve` is reached", None)
    else:
        answers["registry"] = (_prompt("URL of the registry", None),)


def _ask_factory(answers: Answers) -> None:
    if "factory" not in answers:
        answers["factory"] = _prompt("Image Factory", "none", click.Choice(get_args(FactoryKind)))
    if answers["factory"] == "none":
        return
    _ask_for(answers, "factory_version", "Its release", NEWEST_FACTORY)
    _ask_for(answers, "factory_endpoint", "Its URL as machines reach it", None)


def _ask_for(
    answers: Answers, name: str, question: str, default: str | None, *, several: bool = False
) -> None:
    if name in answers:
        return
    kind = RELEASE if default and default.startswith("v") else click.STRING
    answer = _prompt(question, default, kind)
    if answer:
        answers[name] = (answer,) if several else answer


def _prompt(question: str, default: str | None, kind: click.ParamType[str] = click.STRING) -> str:
    shown = bool(default)
    return str(click.prompt(question, default=default, type=kind, err=True, show_default=shown))


def _require(answers: Answers) -> None:
    """Refuse what cannot be guessed and was not said, all at once."""
    missing = []
    if _registry_kind(answers) is None:
        missing.append("--registry URL, --embedded URL or --no-registry")
    if "embedded" not in answers:
        missing += [
            flag
            for name, flag in (
                ("asset_mirror", "--asset-mirror URL"),
                ("asset_mirror_path", "--asset-mirror-path DIR"),
            )
            if name not in answers
        ]
    if answers.get("factory", "none") != "none" and "factory_endpoint" not in answers:
        missing.append("--factory-endpoint URL")
    if missing:
        raise click.UsageError("missing: " + "; ".join(missing))


def _defaults(answers: Answers) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Return Talos and Kubernetes releases and Sidero's: the newest that fit each other."""
    sidero = str(answers.get("sidero", list(SIDERO_MACHINERY)[-1]))
    bound = sidero_machinery(sidero) if sidero in SIDERO_MACHINERY else None
    known = [name for name in RELEASES if bound is None or minor_of(name) <= minor_of(bound)]
    talos = _texts(answers, "talos") or (known[-1],)
    own = (RELEASES[name].kubernetes for name in talos if name in RELEASES)
    kubernetes = _texts(answers, "kubernetes") or tuple(dict.fromkeys(own))
    return talos, kubernetes or (RELEASES[known[-1]].kubernetes,), sidero


def _texts(answers: Answers, name: str) -> tuple[str, ...]:
    return cast("tuple[str, ...]", answers.get(name, ()))


def _unanswered(answers: Answers) -> Iterator[str]:
    """Yield what the file is sound without, and its author may not have meant."""
    if "time_servers" not in answers:
        yield (
            "no time server: time synchronisation is off, and machines go by their own clocks; see "
            "nodes.timeServers"
        )
    if "nameservers" not in answers:
        yield (
            "no name server: unless DHCP names some, machines ask 1.1.1.1 and 8.8.8.8, which "
            "`check` tells (default-resolvers); see nodes.nameservers"
        )
    if len(set(_texts(answers, "architectures"))) > 1:
        yield (
            "several architectures: each class takes Servers with its label alone, such as "
            f"{ARCHITECTURE_LABEL}=arm64, and no machine gets that label by itself"
        )


def _draft(site: str, answers: Answers, project: Project) -> Draft:
    talos, kubernetes, sidero = _defaults(answers)
    kind = _registry_kind(answers) or "none"
    factory = cast("FactoryKind", answers.get("factory", "none"))
    registry = _texts(answers, "registry")
    own_ca = answers.get("registry_ca", "")

    def text(name: str, default: object = "") -> str:
        return str(answers.get(name, default))

    def file(name: str) -> str:
        path = answers.get(name, own_ca)
        return _beside_stacks(str(path), project) if path else ""

    return Draft(
        site=site,
        talos=talos,
        kubernetes=kubernetes,
        architectures=_texts(answers, "architectures") or ("amd64",),
        images=_texts(answers, "images"),
        registry_kind=kind,
        registry=(text("embedded"),) if kind == "embedded" else registry,
        registry_ca=file("registry_ca"),
        asset_mirror=text("asset_mirror", answers.get("embedded", "")),
        asset_mirror_path=text("asset_mirror_path"),
        asset_mirror_ca=file("asset_mirror_ca"),
        factory=factory,
        factory_version=text("factory_version", NEWEST_FACTORY),
        factory_endpoint=text("factory_endpoint"),
        factory_registry=text("factory_registry", _host(registry) if factory == "existing" else ""),
        factory_ca=file("factory_ca"),
        sidero=sidero,
        flavour=text("flavour", "stock"),
        delivery=text("delivery", "files"),
        server_class=text("server_class", "workers"),
        extensions=_texts(answers, "extensions"),
        time_servers=_texts(answers, "time_servers"),
        nameservers=_texts(answers, "nameservers"),
    )


def _beside_stacks(path: str, project: Project) -> str:
    """Return a path of the command line as the stack file has it."""
    return os.path.relpath(path, project.stacks)


def _host(urls: tuple[str, ...]) -> str:
    return urls[0].partition("://")[2].rstrip("/") if urls else ""


_INHERITED = {
    "--asset-mirror-ca": ("asset_mirror_ca", "registry_ca", "--registry-ca"),
    "--factory-ca": ("factory_ca", "registry_ca", "--registry-ca"),
    "--asset-mirror": ("asset_mirror", "embedded", "--embedded"),
}
"""Flags whose default is another one's answer: both answers' names, and the other flag."""


def _told_by(path: str, answers: Mapping[str, object]) -> str:
    """Return the flag that a fault's place comes from, which was given; else the place."""
    flag = flag_of(path)
    own, other, inherited = _INHERITED.get(flag, ("", "", ""))
    return inherited if own not in answers and other in answers else flag or path


def _judge(
    text: str, site: str, project: Project, answers: Mapping[str, object]
) -> tuple[str, ...]:
    """Return what the loader reads as something else.

    Raises:
        click.UsageError: It refuses something, told by the flag that it comes from.
    """
    stacks = project.stacks
    given = {
        shown(_beside_stacks(str(answers[name]), project)): shown(str(answers[name]))
        for name in ("registry_ca", "asset_mirror_ca", "factory_ca")
        if name in answers
    }
    read_here, names = read_beside(stacks), names_beside(stacks)

    def read(path: str) -> bytes:
        # `stacks/` may not be there yet, and nothing can be read through it then.
        return read_here(path if stacks.is_dir() else os.path.normpath(stacks / path))

    try:
        value = read_site_value(text, document=f"Pulumi.{site}.yaml")
        return parse_site(value, name=site, read=read, names=names).translations
    except SiteError as error:
        named = (_as_given(fault, answers, given) for fault in error.faults)
        faults = list(dict.fromkeys(map(str, named)))  # an answer that stands twice is told once
        count = f"{len(faults)} {'fault' if len(faults) == 1 else 'faults'}"
        listed = "".join(f"\n  {fault}" for fault in faults)
        raise click.UsageError(f"nothing is written, {count}:{listed}") from None


def _as_given(fault: Fault, answers: Mapping[str, object], given: Mapping[str, str]) -> Fault:
    """Return a fault by its flag, and with the path of a file as it was given."""
    message = fault.message
    for written, own in given.items():
        if message.startswith(f"{written} "):
            own_message = f"{own}{message.removeprefix(written)}"
            return replace(fault, path=_told_by(fault.path, answers), message=own_message, hint="")
    return replace(fault, path=_told_by(fault.path, answers))
