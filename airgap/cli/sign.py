"""`sign`: the site's own signatures of what its Image Factory reads; and a key for them."""

from __future__ import annotations

import os
from pathlib import Path

import click

from airgap.cli.output import say
from airgap.cli.progress import show_progress
from airgap.cli.project import Project, project_option
from airgap.cli.writing import write_new
from airgap.errors import AirgapError, PublishError, SignatureError
from airgap.lock import check_lock, read_lock, write_lock
from airgap.resolve.own_signatures import check_own_signatures, trusted_key
from airgap.resolve.signing import Signed, sign_site
from airgap.rules.signers import key_signer
from airgap.signature.private import PrivateKey
from airgap.site.model import Site
from airgap.store import Store

__all__ = ["sign"]

_MAX_KEY_BYTES = 1 << 16


@click.command()
@click.argument("site", metavar="SITE", required=False)
@click.option(
    "--key",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The private key: PEM, ECDSA on P-256.",
)
@click.option(
    "--key-password-env",
    "variable",
    metavar="NAME",
    help="The environment variable with the key's password.",
)
@click.option(
    "--make-key",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a new key there, and its public half to the same name with .pub; sign nothing.",
)
@project_option
def sign(
    site: str | None,
    *,
    file: Path | None,
    variable: str | None,
    target: Path | None,
    project: Project,
) -> None:
    """Sign what SITE's Image Factory reads, with the site's own key (offline).

    In cosign's format: what upstream signed keeps its signatures, the site's comes behind them.
    Images need not be in the store, upstream's signatures do: run it after `fetch`. The signatures
    go into the store and into the lock, from which `fetch` makes them again anywhere, without the
    key. Signing is deterministic: a second run changes nothing.
    """
    password = _password(variable)
    if target is not None:
        if site or file:
            raise click.UsageError("--make-key signs nothing: leave out SITE and --key")
        _make_key(target, password)
        return
    if site is None or file is None:
        raise click.UsageError("expected SITE and --key FILE, or --make-key FILE")
    _sign(project, site, file, password)


def _sign(project: Project, site: str, file: Path, password: bytes | None) -> None:
    description = project.read_site(site)
    path = project.lock_file(site)
    lock = read_lock(path)
    check_lock(description, lock, name=site)
    key = _read_key(file, password)
    _check_trusted(description, key)
    store = Store.open(project.store, create=True)
    with show_progress("sign") as progress:
        signed = sign_site(lock, store, key, progress=progress)
    check_own_signatures(description, signed.lock)
    if signed.lock != lock:
        write_lock(path, signed.lock)
    written = "unchanged" if signed.lock == lock else "written"
    click.echo(f"{path.relative_to(project.root)}: {written}; {_told(signed)}; {key.signer}")
    click.echo(f"next: python -m airgap check {site}, and commit the lock")


def _check_trusted(site: Site, key: PrivateKey) -> None:
    """Refuse to sign what nobody reads, or nobody would trust."""
    if site.image_factory.kind == "none":
        raise AirgapError("the site has no Image Factory that would read signatures")
    trusted = trusted_key(site)
    if trusted is None:
        say("note: imageFactory.verification names no key: the factory will not ask for signatures")
    elif key_signer(trusted) != key.signer:
        message = f"the site's factory trusts {key_signer(trusted)}, this is {key.signer}"
        raise SignatureError(message, hint="name its public half in imageFactory.verification")


def _told(signed: Signed) -> str:
    said = f"{len(signed.made)} signed, {len(signed.kept)} were signed"
    by_upstream = f", {len(signed.upstream)} by upstream with this key" if signed.upstream else ""
    return said + by_upstream


def _read_key(file: Path, password: bytes | None) -> PrivateKey:
    try:
        with file.open("rb") as source:
            data = source.read(_MAX_KEY_BYTES)
    except OSError as error:
        raise AirgapError(f"{file}: cannot be read: {error.strerror}") from None
    try:
        return PrivateKey.from_pem(data, password)
    except SignatureError as error:
        raise SignatureError(f"{file}: {error.message}", hint=error.hint) from None


def _password(variable: str | None) -> bytes | None:
    if variable is None:
        return None
    value = os.environ.get(variable)
    if not value:
        raise AirgapError(f"the environment has no {variable}", hint="export the key's password")
    return value.encode()


def _make_key(target: Path, password: bytes | None) -> None:
    key = PrivateKey.make()
    public = target.with_name(f"{target.name}.pub")
    if public.exists():
        raise PublishError(f"{public}: is there already", hint="nothing is overwritten")
    write_new(target, key.private_pem(password), 0o600)
    try:
        write_new(public, key.public_pem.encode(), 0o644)
    except PublishError:
        target.unlink()
        raise
    click.echo(
        f"{target}: the private key{' (encrypted)' if password else ''}; keep it outside git"
    )
    click.echo(f"{public}: {key.signer}; name it in imageFactory.verification.publicKeyFile")
