"""From a site and its lock to what the stack will hold: pure, total, no network, no disk.

Everything in a plan is a plain value, so that preview, policies and reports read one shape.
"""

from airgap.plan.credentials import (
    CREDENTIALS_SECRET,
    NodeCredentials,
    check_hosts,
    credentials_patch,
    docker_config,
    parse_credentials,
)
from airgap.plan.model import ComponentPlan, Plan, ResourcePlan
from airgap.plan.objects import secret_object
from airgap.plan.topology import plan_site

__all__ = [
    "CREDENTIALS_SECRET",
    "ComponentPlan",
    "NodeCredentials",
    "Plan",
    "ResourcePlan",
    "check_hosts",
    "credentials_patch",
    "docker_config",
    "parse_credentials",
    "plan_site",
    "secret_object",
]
