"""What of a change makes the policies let more pass: a reviewer sees it before all else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from airgap.plan.model import PlainValues
from airgap.report.keys import show
from airgap.report.scene import Scene, host_of, part
from airgap.report.signing import find_unsigned
from airgap.report.wording import join_words, quote
from airgap.rules import RULES, level_of

__all__ = ["find_weakened"]

_RANKS = ("disabled", "advisory", "mandatory")


def find_weakened(base: Scene, head: Scene) -> tuple[str, ...]:
    """Return what lets more pass than before, a clause each; of a new site, than the defaults."""
    if not head.is_there:
        return ()
    old, new = (part(scene.inputs("Registry"), "policy") for scene in (base, head))
    return (*_weakened(old, new, own=_own(head)), *find_unsigned(base, head))


def _weakened(old: PlainValues, new: PlainValues, *, own: set[str]) -> Iterator[str]:
    for rule in RULES:
        before, after = level_of(rule, old), level_of(rule, new)
        if _RANKS.index(after) < _RANKS.index(before):
            yield f"{quote(rule.name)} is {after} instead of {before}"
    until = _exceptions(old)
    for (name, subject), end in _exceptions(new).items():
        former = until.get((name, subject), "")
        if end > former:
            more = f" instead of {former}" if former else ""
            told = quote(show((), subject))
            yield f"{quote(name)} has an exception for {told} until {end}{more}"
    came = _more(old.get("allowedHosts"), new.get("allowedHosts"))
    if hosts := [quote(show((), each)) for each in came if each not in own]:
        yield f"{join_words(hosts)} {'is' if len(hosts) == 1 else 'are'} allowed"


def _exceptions(policy: PlainValues) -> dict[tuple[str, str], str]:
    """Return each exception's last day by rule and subject; ISO 8601 sorts as days do."""
    found: dict[tuple[str, str], str] = {}
    for each in _list(policy.get("exceptions")):
        if isinstance(each, Mapping):
            key = (str(each.get("rule", "")), str(each.get("subject", "")))
            found[key] = max(str(each.get("expires", ""))[:10], found.get(key, ""))
    return found


def _own(scene: Scene) -> set[str]:
    """Return the hosts of the site's own places: these are allowed without anybody's saying so."""
    places = scene.inputs("Registry").get("endpoints")
    urls = [each.get("url") for each in _list(places) if isinstance(each, Mapping)]
    factory = scene.inputs("ImageFactory")
    urls += [scene.inputs("AssetMirror").get("url"), factory.get("endpoint")]
    mirrors = part(scene.inputs("Registry"), "mirrors")
    if scene.inputs("Registry").get("kind") == "none":  # the cache on each machine
        urls += [url for host in mirrors for url in _list(part(mirrors, host).get("endpoints"))]
    return {*map(host_of, urls), str(factory.get("registry", ""))}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _more(old: object, new: object) -> list[object]:
    before = old if isinstance(old, Sequence) else ()
    return [each for each in new if each not in before] if isinstance(new, Sequence) else []
