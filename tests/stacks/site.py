"""One example stack on this machine: its committed file, its servers on free ports of loopback."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha512
from pathlib import Path

import yaml

from airgap.lock import Lock, write_lock
from airgap.oci.reference import parse_reference
from airgap.serve import Server
from airgap.site.load import parse_site, read_beside
from airgap.site.model import Site
from airgap.store import Store
from lab.auth import Authenticator
from lab.factory import Factory, FactoryRegistries
from lab.registry import Registry
from lab.registryclient import RegistryClient, RegistryClientError
from lab.server import Exchange
from lab.tls import ServerCertificate
from lab.website import Website
from tests.engine.result import Json
from tests.engine.workspace import CHECKOUT, LIMIT_S, Workspace
from tests.stacks.outside import CA_FILE, Outside

__all__ = ["STACKS", "PracticeSite", "open_site", "places_of", "plain"]

STACKS = ("lab", "airgap-basic", "airgap-isolated", "airgap-factory")


@dataclass(kw_only=True)
class PracticeSite:
    """A stack that can be brought up: locked, fetched, its servers running."""

    name: str
    workspace: Workspace
    outside: Outside
    registry: Registry
    website: Website
    factory: Factory
    store: Store
    value: Json  # the site, as its author writes it
    places: Mapping[str, str]  # the committed addresses, and where they are here
    servers: ExitStack
    lock: Lock = field(init=False)

    @property
    def site(self) -> Site:
        """The site, read as the program reads it."""
        return self._parse(self.value)

    @property
    def www(self) -> Path:
        """The directory of the asset mirror."""
        return self.website.directory / "talos"

    @property
    def requests(self) -> list[Exchange]:
        """All that the site's servers were asked; upstream is off but while it is locked."""
        servers = (self.registry, self.website, self.factory)
        return [exchange for server in servers for exchange in server.requests]

    def sent(self) -> list[str]:
        """What was uploaded or put into the registry: the paths of those requests."""
        methods = ("POST", "PUT", "PATCH")
        return [item.path for item in self.registry.requests if item.method in methods]

    def served_images(self) -> dict[str, str]:
        """Return the digest that each image of the lock has where nodes pull it.

        Manifests are pulled and hashed by a client of the lab's; what is not there is left out.
        """
        endpoint = self.value["registry"]["endpoints"][0]["url"]
        found = {}
        with RegistryClient(endpoint, ca_file=self.outside.authority.ca_file) as client:
            for reference in map(parse_reference, self.lock.images):
                wanted = reference.tag or str(reference.digest)
                with suppress(RegistryClientError):
                    manifest = client.manifest(reference.name, wanted)
                    found[str(reference)] = str(manifest.digest)
        return found

    def published_files(self) -> dict[str, str]:
        """Return the sha512 of each file below the asset mirror's directory, lists left out."""
        return {
            path.relative_to(self.www).as_posix(): f"sha512:{sha512(path.read_bytes()).hexdigest()}"
            for path in sorted(self.www.rglob("*"))
            if path.is_file() and path.name != "checksums.txt"
        }

    def forget_requests(self) -> None:
        """Forget what the servers were asked so far."""
        for server in (self.registry, self.website, self.factory):
            server.requests.clear()

    def state_of(self, stack: str) -> Json:
        """Return another committed stack's site, for this one to become."""
        return _committed(stack, self.places)

    def change(self, value: Json, *, relock: bool = True) -> None:
        """Give the site another value; `relock` takes it outside first."""
        self.value = copy.deepcopy(value)
        self.workspace.set_config({"site": self.value})
        if relock:
            self.write_lock(self.outside.lock(self._redirected(), self.store, self.lock))

    def airgap(self, *arguments: str) -> str:
        """Run `python -m airgap …` on the project, from elsewhere; return its output."""
        project = str(self.workspace.directory)
        done = subprocess.run(
            [sys.executable, "-m", "airgap", *arguments, "--project", project],
            cwd=self.workspace.home,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def switch_off(self) -> None:
        """Stop every server of the site."""
        self.servers.close()

    def fill(self) -> None:
        """Take lock and store from the session's template."""
        template = self.outside.template(self.name, self._redirected())
        template.copy_store(self.store.root)
        self.write_lock(template.lock)

    def write_lock(self, lock: Lock) -> None:
        """Put a lock beside the stack file."""
        self.lock = lock
        write_lock(self.workspace.directory / "stacks" / f"{self.name}.lock.json", lock)

    def _redirected(self) -> Site:
        return self._parse({**self.value, "upstream": self.outside.redirects})

    def _parse(self, value: Json) -> Site:
        read = read_beside(self.workspace.directory / "stacks")
        return parse_site(value, name=self.name, read=read)


def plain(value: Json) -> Json:
    """Return a site without what names further images and what is made of them.

    Manifests and image caches have tests of their own; here they would blur what a change shows.
    """
    return {key: item for key, item in value.items() if key not in ("manifests", "imageCache")}


@contextmanager
def open_site(
    directory: Path,
    engine: Path,
    outside: Outside,
    stack: str,
    *,
    auth: Authenticator | None = None,
) -> Iterator[PracticeSite]:
    """Bring a committed stack onto this machine while the context lasts.

    Args:
        directory: Gets the workspace and all that the servers hold.
        engine: The engine's directory.
        outside: Locks and fetches.
        stack: Its name, of `STACKS`.
        auth: Whom the registry lets in; everybody by default.
    """
    project = directory / "project"
    certificate = outside.authority.issue()
    store = Store.open(project / "store", create=True)
    with ExitStack() as servers:
        registry = servers.enter_context(Registry(certificate=certificate, auth=auth, deletes=True))
        website = servers.enter_context(Website(project / "www", certificate=certificate))
        factory = servers.enter_context(_factory(registry, outside, certificate))
        served = servers.enter_context(
            Server(store, "127.0.0.1", 0, tls=(certificate.cert_file, certificate.key_file))
        )
        places = {
            "https://registry.berlin.example:5000": registry.url,
            "registry.berlin.example:5000": registry.host,
            "https://artifacts.berlin.example": website.url,
            "/srv/artifacts": str(website.directory),
            "https://factory.berlin.example": factory.url,
            "https://boot.berlin.example:8443": served.url,
            "127.0.0.1:15443": registry.host,
            "127.0.0.1:15444": website.host,
            "127.0.0.1:15445": factory.host,
        }
        value = _committed(stack, places)
        workspace = Workspace.create(project, engine, stack=stack, config={"site": value})
        shutil.copytree(CHECKOUT / "stacks/manifests", project / "stacks/manifests")
        for name in ("example-ca.pem", "lab-ca.pem", Path(CA_FILE).name):
            certificate_file = project / "stacks" / "certs" / name
            certificate_file.parent.mkdir(exist_ok=True)
            certificate_file.write_bytes(outside.authority.ca_file.read_bytes())
        site = PracticeSite(
            name=stack,
            workspace=workspace,
            outside=outside,
            registry=registry,
            website=website,
            factory=factory,
            store=store,
            value=value,
            places=places,
            servers=servers,
        )
        site.fill()
        yield site
        workspace.end_leftovers()
        crashes = [text for server in (registry, website, factory) for text in server.crashes]
        assert [text for text in crashes if not _is_lost_client(text)] == []


def places_of(name: str, digest: str) -> tuple[str, str]:
    """Return where a boot asset lies: the plan document's path, and DESIGN decision 8's."""
    directory, _, file = name.rpartition("/")
    return name, f"{directory}/{digest.removeprefix('sha512:')[:16]}/{file}"


def _is_lost_client(crash: str) -> bool:
    """Tell whether it was only that a client was killed in the middle of a TLS connection."""
    return "ssl.SSLEOFError" in crash


def _committed(stack: str, places: Mapping[str, str]) -> Json:
    """Return the site of a committed stack file, its addresses replaced and nothing else."""
    text = (CHECKOUT / "stacks" / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
    for committed, place in places.items():
        text = text.replace(committed, place)
    value = yaml.safe_load(text)["config"]["sidero-airgap:site"]
    value.pop("upstream", None)
    return value


def _factory(registry: Registry, outside: Outside, certificate: ServerCertificate) -> Factory:
    def client(namespace: str) -> RegistryClient:
        return RegistryClient(registry.url, namespace=namespace, ca_file=outside.authority.ca_file)

    return Factory(
        FactoryRegistries(
            core=client("ghcr.io"),
            schematic=client("image-factory"),
            installer=client("installers"),
        ),
        certificate=certificate,
    )
