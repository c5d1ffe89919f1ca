"""Registry credentials in the forms that nodes and Kubernetes take them.

`credentials` is the config value `sidero-airgap:credentials`: `{host:port: {username, password}}`,
host:port being the endpoint's, as Talos and dockerconfigjson match it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping

from airgap.errors import Fault, SiteError
from airgap.plan.model import PlainValues
from airgap.site.model import Site
from airgap.talos import Dialect

__all__ = [
    "CREDENTIALS_SECRET",
    "NodeCredentials",
    "check_hosts",
    "credentials_patch",
    "docker_config",
    "needs_credentials",
    "parse_credentials",
]

CREDENTIALS_SECRET = "airgap-registry-credentials"  # noqa: S105 - the name of a Secret

NodeCredentials = Mapping[str, Mapping[str, str]]


def needs_credentials(site: Site) -> bool:
    """Tell whether nodes are given registry credentials."""
    return site.registry.node_auth == "machineConfig"


def parse_credentials(value: object) -> NodeCredentials:
    """Return the credentials by endpoint.

    Raises:
        SiteError: The value has another form; no part of the value is in the message.
    """
    entries = value.items() if isinstance(value, Mapping) else ()
    good = {
        str(host): {"username": str(entry["username"]), "password": str(entry["password"])}
        for host, entry in entries
        if isinstance(entry, Mapping) and set(entry) == {"username", "password"}
    }
    if not good or len(good) != len(entries):
        fault = Fault(
            path="sidero-airgap:credentials",
            message="expected {<endpoint host:port>: {username, password}}",
            hint="pulumi config set --secret --path "
            "'sidero-airgap:credentials[\"registry:5000\"].password'",
        )
        raise SiteError("credentials", [fault])
    return good


def check_hosts(credentials: NodeCredentials, hosts: Collection[str]) -> NodeCredentials:
    """Return the credentials when each is of one of these endpoints.

    Talos and dockerconfigjson match `host:port` to the letter: under any other key they are for
    nobody, and a machine pulls anonymously.

    Raises:
        SiteError: A key is none of them; it is not in the message.
    """
    if not set(credentials) <= set(hosts):
        fault = Fault(
            path="sidero-airgap:credentials",
            message="a key is no endpoint of the site's mirrors",
            hint="machines pull from " + ", ".join(sorted(hosts)),
        )
        raise SiteError("credentials", [fault])
    return credentials


def credentials_patch(credentials: NodeCredentials, *, dialect: Dialect) -> list[PlainValues]:
    """Return the documents of a patch of its own, so that the plain patches stay readable."""
    if dialect == "documents":
        head = {"apiVersion": "v1alpha1", "kind": "RegistryAuthConfig"}
        return [{**head, "name": host, **dict(auth)} for host, auth in sorted(credentials.items())]
    config = {host: {"auth": dict(auth)} for host, auth in sorted(credentials.items())}
    return [{"machine": {"registries": {"config": config}}}]


def docker_config(credentials: NodeCredentials) -> str:
    """Return the content of `.dockerconfigjson` (Kubernetes: Secret types)."""
    auths = {host: _auth(auth) for host, auth in sorted(credentials.items())}
    return json.dumps({"auths": auths}, sort_keys=True)


def _auth(auth: Mapping[str, str]) -> dict[str, str]:
    pair = f"{auth['username']}:{auth['password']}"
    return {**auth, "auth": base64.b64encode(pair.encode()).decode()}
