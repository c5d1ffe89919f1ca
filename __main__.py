"""The stack of a site: read, check, plan, declare."""

from pathlib import Path

import pulumi
from pulumi.runtime import is_config_secret

from airgap.errors import AirgapError
from airgap.lock import check_lock, read_lock
from airgap.plan import plan_site
from airgap.site.load import names_beside, parse_site, read_beside, refuse_secret_site
from components import Site

STACKS = Path(__file__).parent / "stacks"

name = pulumi.get_stack()
try:
    refuse_secret_site(is_config_secret("sidero-airgap:site"))
    value = pulumi.Config("sidero-airgap").require_object("site")
    site = parse_site(value, name=name, read=read_beside(STACKS), names=names_beside(STACKS))
    for sentence in site.translations:
        pulumi.log.warn(sentence)
    lock = read_lock(STACKS / f"{name}.lock.json")
    check_lock(site, lock, name=name)
    plan = plan_site(site, lock, name=name)
    Site(plan)
    for key, item in plan.exports.items():
        pulumi.export(key, item)
except AirgapError as error:
    raise pulumi.RunError(error.diagnostics()) from None
