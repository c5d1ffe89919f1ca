"""``python -m tools.peers``: get the real peers once a user, and report each by name."""

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tools.peers import browser, debian, golang, media
from tools.peers.catalogue import PEERS, locate

_RECIPES: dict[str, Callable[[Callable[[str], None]], bool]] = {
    "debian": debian.get,
    "media": media.get,
    "browser": browser.get,
    **{build.recipe: build.get for build in golang.BUILDS},
}
# One downloads; of the others a second keeps the machine busy while the first one links.
_AT_ONCE = 3
_STARTED = time.monotonic()
_output = threading.Lock()


def main() -> int:
    """Get what is missing; return 1 if anything still is."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        outcomes = dict(zip(_RECIPES, pool.map(_get, _RECIPES), strict=True))
    peers = locate()
    missing = peers.missing()
    for peer in PEERS:
        version = "" if peer.name in missing else peers.version(peer.name)
        outcome = "failed" if peer.name in missing else outcomes[peer.recipe]
        _say(f"{outcome:6} {peer.name:18} {version:24} {peers.folders[peer.recipe] / peer.path}")
    for recipe, outcome in outcomes.items():
        if outcome not in {"found", "made"}:
            _say(f"why the {recipe} peers failed: {outcome}")
    return 1 if missing else 0


def _get(recipe: str) -> str:
    """Return ``found``, ``made``, or why neither."""
    try:
        made = _RECIPES[recipe](lambda text: _say(f"  {_seconds():4.0f} s  {recipe}: {text}"))
    except (OSError, RuntimeError, ValueError) as error:
        return str(error)
    return "made" if made else "found"


def _seconds() -> float:
    return time.monotonic() - _STARTED


def _say(text: str) -> None:
    with _output:
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
