"""How a deployed Image Factory is configured and run: plain values, no text, no secret.

Both generations of its configuration (flags up to v0.9, a file from v1.0), each in one place: what
Kubernetes, compose and systemd give the same container. What a configuration would ask outside of
the site is found here, too, and refused.
"""

from airgap.deployment.compose import compose_project
from airgap.deployment.configuration import FOLDER, configuration, flags, settings
from airgap.deployment.hosts import NamedHost, check_closed, hosts_named
from airgap.deployment.kubernetes import (
    config_map,
    deployment,
    kubernetes_objects,
    namespace,
    service,
    signing_key_secret,
)
from airgap.deployment.model import FactoryDeployment, deployed_factory, factory_image
from airgap.deployment.places import Place, Places, find_places
from airgap.deployment.signing_key import SIGNING_KEY_FILE, SIGNING_KEY_NAME, check_signing_key
from airgap.deployment.unit import install_script, service_unit

__all__ = [
    "FOLDER",
    "SIGNING_KEY_FILE",
    "SIGNING_KEY_NAME",
    "FactoryDeployment",
    "NamedHost",
    "Place",
    "Places",
    "check_closed",
    "check_signing_key",
    "compose_project",
    "config_map",
    "configuration",
    "deployed_factory",
    "deployment",
    "factory_image",
    "find_places",
    "flags",
    "hosts_named",
    "install_script",
    "kubernetes_objects",
    "namespace",
    "service",
    "service_unit",
    "settings",
    "signing_key_secret",
]
