"""A first stack file for a new site, with comments, from a few answers: text alone, no disk.

What it writes is judged by the same loader as every other stack file (`airgap.cli.init`), and so
nothing is checked here. `FLAGS` says which answer each place of the text comes from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import yaml

from airgap.site.stackfile import SITE_KEY

__all__ = ["ARCHITECTURE_LABEL", "FLAGS", "HEADER", "Draft", "flag_of", "write_draft"]

HEADER = "# yaml-language-server: $schema=site.schema.json"
"""What tells an editor which schema a stack file has."""

ARCHITECTURE_LABEL = "kubernetes.io/arch"
"""The label of a Server that classes of several architectures select by, Kubernetes' own for nodes.

Sidero's qualifiers (v1alpha2) know system, compute, memory, storage and network: no architecture.
"""

FactoryKind = Literal["none", "existing", "deployed"]
RegistryKind = Literal["existing", "embedded", "none"]

FLAGS = {
    "talos": "--talos",
    "kubernetes": "--kubernetes",
    "architectures": "--architecture",
    "images": "--image",
    "registry.endpoints.ca": "--registry-ca",
    "registry.endpoints": "--registry or --embedded",
    "registry": "--registry, --embedded or --no-registry",
    "assetMirror.url": "--asset-mirror",
    "assetMirror.path": "--asset-mirror-path",
    "assetMirror.ca": "--asset-mirror-ca",
    "assetMirror": "--asset-mirror",
    "imageFactory.version": "--factory-version",
    "imageFactory.endpoint": "--factory-endpoint",
    "imageFactory.registry": "--factory-registry",
    "imageFactory.ca": "--factory-ca",
    "imageFactory": "--factory",
    "sidero.flavour": "--flavour",
    "sidero.delivery": "--delivery",
    "sidero": "--sidero",
    "environments.talos": "--talos",
    "serverClasses.extensions": "--extension",
    "serverClasses": "--server-class",
    "nodes.timeServers": "--time-server",
    "nodes.nameservers": "--nameserver",
}
"""Where an answer stands, the longest beginning first to be tried: an index says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What `init` was told, in the author's own words.

    Attributes:
        site: Its name.
        talos: Talos releases; each has an environment for each architecture.
        registry: Its URLs; empty where there is none.
        registry_ca: A path relative to the stack file, as all of them.
        factory_registry: Its `host:port` or URL; empty for the default.
    """

    site: str
    talos: tuple[str, ...]
    kubernetes: tuple[str, ...]
    architectures: tuple[str, ...] = ("amd64",)
    images: tuple[str, ...] = ()
    registry_kind: RegistryKind = "existing"
    registry: tuple[str, ...] = ()
    registry_ca: str = ""
    asset_mirror: str = ""
    asset_mirror_path: str = ""
    asset_mirror_ca: str = ""
    factory: FactoryKind = "none"
    factory_version: str = ""
    factory_endpoint: str = ""
    factory_registry: str = ""
    factory_ca: str = ""
    sidero: str = ""
    flavour: str = "stock"
    delivery: str = "files"
    server_class: str = "workers"
    extensions: tuple[str, ...] = ()
    time_servers: tuple[str, ...] = ()
    nameservers: tuple[str, ...] = ()


def flag_of(path: str) -> str:
    """Return the flag that a fault's place comes from; empty where `init` itself chose."""
    plain = "".join(part.partition("]")[2] if index else part
                    for index, part in enumerate(path.split("[")))  # fmt: skip
    place = plain.removeprefix("site.")
    fitting = (key for key in FLAGS if place.startswith(key))
    return FLAGS.get(max(fitting, key=len, default=""), "")


def write_draft(draft: Draft) -> str:
    """Return the text of `stacks/Pulumi.<site>.yaml`."""
    sections = (
        _releases(draft),
        _workloads(draft),
        _registry(draft),
        _asset_mirror(draft),
        _factory(draft),
        _image_cache(draft),
        _sidero(draft),
        _environments(draft),
        _server_classes(draft),
        _nodes(draft),
    )
    blocks = ["\n".join(_indented(list(section))) for section in sections]
    head = [*_head(draft), "config:", f"  {SITE_KEY}:", "    schemaVersion: 1", ""]
    return "\n".join(head) + "\n" + "\n\n".join(block for block in blocks if block) + "\n"


def _head(draft: Draft) -> Iterator[str]:
    name = draft.site
    yield HEADER
    yield "#"
    yield f"# The site {name}, begun by `python -m airgap init {name}`: yours to go on with."
    yield "# `python -m airgap explain` says what there is; stacks/Pulumi.airgap-*.yaml show it."
    yield "# No secret belongs here: see the README on credentials."
    yield "#"
    yield f"#   outside:  python -m airgap lock {name} && python -m airgap fetch {name}"
    yield f"#   inside:   pulumi preview -s {name} --diff --policy-pack policies &&"
    yield f"#             pulumi up -s {name} --policy-pack policies"


def _releases(draft: Draft) -> Iterator[str]:
    yield "# The releases that machines and clusters run; a second one of each for the upgrade."
    yield f"talos: {{versions: {_flow(draft.talos)}}}"
    yield f"kubernetes: {{versions: {_flow(draft.kubernetes)}}}"
    yield f"architectures: {_flow(draft.architectures)}"


def _workloads(draft: Draft) -> Iterator[str]:
    yield "# What workloads need beyond the images of Talos and Kubernetes: by name, and what"
    yield "# manifests name. A tag or a digest must be written; `lock` pins it to a digest."
    if draft.images:
        yield "images:"
        yield from (f"  - {_scalar(image)}" for image in draft.images)
    else:
        yield "# images: [docker.io/library/nginx:1.27.3]"
    yield "# manifests: [manifests/shop.yaml]"


def _registry(draft: Draft) -> Iterator[str]:
    if draft.registry_kind == "none":
        yield "# No registry: machines find their images on an image cache medium, see imageCache."
        yield "registry: {kind: none}"
        return
    if draft.registry_kind == "embedded":
        yield "# `python -m airgap serve` is the registry: read-only, the carried store as it is."
    else:
        yield "# `pulumi up` pushes the images to it; upstream's host is the first path component."
    yield "registry:"
    yield f"  kind: {draft.registry_kind}"
    yield "  endpoints: # the first is written to, more are fail-over for the machines"
    for url in draft.registry:
        yield f"    - url: {_scalar(url)}"
        if draft.registry_ca and _is_tls(url):
            yield f"      caFile: {_scalar(draft.registry_ca)} # relative to this file"


def _asset_mirror(draft: Draft) -> Iterator[str]:
    is_embedded = draft.registry_kind == "embedded" and not draft.asset_mirror_path
    if is_embedded:
        yield "# The same server has the boot assets: kernel and initramfs of each Talos release."
    else:
        yield "# A web server with the boot assets: kernel and initramfs of each Talos release."
    yield "assetMirror:"
    yield f"  kind: {'embedded' if is_embedded else 'directory'}"
    yield f"  url: {_scalar(draft.asset_mirror)} # what machines and Sidero fetch from"
    if not is_embedded:
        path = _scalar(draft.asset_mirror_path)
        yield f"  path: {path} # the directory behind that URL, where `pulumi up` runs"
    if _mirror_ca(draft):
        yield f"  caFile: {_scalar(_mirror_ca(draft))}"


def _factory(draft: Draft) -> Iterator[str]:
    if draft.factory == "none":
        yield "# No Image Factory: machines install stock releases. System extensions need one, or"
        yield "# upstream's ready-made installers (`installer: mirrored`)."
        yield "imageFactory: {kind: none}"
        return
    if draft.factory == "deployed":
        yield "# An Image Factory that is delivered with the site: it makes installers inside, with"
        yield "# the system extensions that server classes name (docs/image-factory.md)."
    else:
        yield "# The Image Factory that runs inside: it makes installers with the system extensions"
        yield "# that server classes name, when machines pull them."
    yield "imageFactory:"
    yield f"  kind: {draft.factory}"
    yield f"  version: {_scalar(draft.factory_version)} # bounds what a schematic may hold"
    yield f"  endpoint: {_scalar(draft.factory_endpoint)} # machines pull installers from it"
    if draft.factory_registry:
        registry = _scalar(draft.factory_registry)
        yield f"  registry: {registry} # where it keeps schematics and installers"
    if draft.factory_ca and _is_tls(draft.factory_endpoint):
        yield f"  caFile: {_scalar(draft.factory_ca)}"


def _image_cache(draft: Draft) -> Iterator[str]:
    if draft.registry_kind == "none":
        yield "# A read-only virtual CD with every image: Sidero's agent wipes each disk that it"
        yield "# can write to. `pulumi up` puts its ISO on the asset mirror."
        yield "imageCache: {enabled: true, medium: cd, publish: [iso]}"


def _sidero(draft: Draft) -> Iterator[str]:
    yield "# Sidero Metal as it is deployed: its release bounds what machines can be told."
    yield "sidero:"
    yield f"  version: {_scalar(draft.sidero)}"
    yield f"  flavour: {draft.flavour} # stock: upstream's CRDs; airgap: the fork's"
    yield f"  delivery: {draft.delivery} # files: YAML in out/{draft.site}/; cluster: applied"
    if _mirror_ca(draft):
        yield "  # Sidero does not know the CA above: a ConfigMap and a patch of its Deployment are"
        yield "  # written. `external` when somebody else sees to it."
        yield "  controllerTrust: managed"


def _environments(draft: Draft) -> Iterator[str]:
    yield "# What machines PXE-boot: one for each release and architecture."
    yield "environments:"
    for name, talos, architecture in _booted(draft):
        yield f"  - name: {_scalar(name)}"
        yield f"    talos: {_scalar(talos)}"
        yield f"    architecture: {_scalar(architecture)}"


def _server_classes(draft: Draft) -> Iterator[str]:
    several = len(draft.architectures) > 1
    yield "# Which machines boot what, and what is installed on them: by labels (selector) or"
    yield "# hardware (qualifiers); without either, any machine is accepted."
    if several:
        yield "# Nothing that Sidero knows of a machine tells its architecture: label each Server,"
        yield f"# kubectl label servers.metal.sidero.dev UUID {ARCHITECTURE_LABEL}=arm64"
    yield "serverClasses:"
    first = draft.talos[0]
    for environment, talos, architecture in _booted(draft):
        if talos != first:
            continue
        name = f"{draft.server_class}-{architecture}" if several else draft.server_class
        yield f"  - name: {_scalar(name)}"
        yield f"    environment: {_scalar(environment)}"
        if draft.extensions:
            yield "    extensions: # their order is part of the schematic, and so of its ID"
            yield from (f"      - {_scalar(extension)}" for extension in draft.extensions)
        if several:
            yield f"    selector: {{matchLabels: {{{ARCHITECTURE_LABEL}: {architecture}}}}}"
    if not several:
        yield "    # selector: {matchLabels: {rack: one}}"


def _nodes(draft: Draft) -> Iterator[str]:
    yield "# Talos' own defaults are on the internet. Without timeServers, time synchronisation is"
    yield "# off; without nameservers, machines ask public ones, unless DHCP names the site's."
    yield "nodes:"
    yield from _listed("timeServers", draft.time_servers, "10.0.0.1")
    yield from _listed("nameservers", draft.nameservers, "10.0.0.2")
    yield "  # extraHosts: {10.0.0.5: [registry.example]} # for sites without DNS"
    yield "  discovery: {enabled: false}"


def _listed(key: str, values: Sequence[str], example: str) -> Iterator[str]:
    if values:
        yield f"  {key}: {_flow(values)}"
    else:
        yield f"  # {key}: [{example}] # name the site's own"


def _booted(draft: Draft) -> Iterator[tuple[str, str, str]]:
    """Yield the environments: name, release, architecture; the newest release's first."""
    for talos in draft.talos:
        for architecture in draft.architectures:
            release = talos.removeprefix("v").replace(".", "-")
            yield f"talos-{release}-{architecture}", talos, architecture


def _mirror_ca(draft: Draft) -> str:
    return draft.asset_mirror_ca if _is_tls(draft.asset_mirror) else ""


def _is_tls(url: str) -> bool:
    return not url.startswith("http://")


def _flow(values: Sequence[str]) -> str:
    return "[" + ", ".join(_scalar(value, within=True) for value in values) + "]"


def _scalar(text: str, *, within: bool = False) -> str:
    """Return text as YAML has it: plain where it is read as it stands, else in quotes."""
    value = f"[{text}]" if within else text
    try:
        read = yaml.safe_load(f"key: {value} # note")
    except yaml.YAMLError:
        read = None
    is_plain = read == {"key": [text] if within else text}
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _indented(lines: Sequence[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)
