"""A run with nothing to do, by ways that leave out what it starts with: what would they save?

None of them is what this project does: each asks the registry for what some other text than the
validated site and lock says. Programs of their own, since the start is what is measured:
`python -m bench.shortcuts WAY STACK LOCK`.
"""

from __future__ import annotations

import sys

_THREADS = 2
_ACCEPT = {"Accept": "application/vnd.oci.image.manifest.v1+json"}


def ask(host: str, wanted: list[tuple[str, str, str]]) -> None:
    """Ask for manifests by HEAD: repository, tag and the digest that is expected."""
    import http.client
    import threading

    wrong: list[str] = []

    def work() -> None:
        connection = http.client.HTTPConnection(host)
        while wanted:
            try:
                repository, tag, digest = wanted.pop()
            except IndexError:
                break
            connection.request("HEAD", f"/v2/{repository}/manifests/{tag}", headers=_ACCEPT)
            answer = connection.getresponse()
            answer.read()
            if answer.headers["Docker-Content-Digest"] != digest:
                wrong.append(repository)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise SystemExit(f"not as expected: {wrong}")


def plain(stack: str, lock: str) -> None:
    """Read site and lock as YAML and JSON, without any model: nothing of them is checked."""
    import json
    from pathlib import Path

    import yaml

    site = yaml.load(Path(stack).read_bytes(), yaml.CSafeLoader)["config"]["sidero-airgap:site"]
    host = site["registry"]["endpoints"][0]["url"].partition("://")[2]
    ask(host, _wanted(json.loads(Path(lock).read_bytes())["images"]))


def record(stack: str, lock: str) -> None:
    """Believe a record of the last run where its digests of site and lock are today's."""
    import hashlib
    import json
    from pathlib import Path

    place = Path(f"{lock}.record")
    now = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in (stack, lock)]
    if not place.exists():
        import yaml

        site = yaml.load(Path(stack).read_bytes(), yaml.CSafeLoader)
        url = site["config"]["sidero-airgap:site"]["registry"]["endpoints"][0]["url"]
        images = json.loads(Path(lock).read_bytes())["images"]
        place.write_text(json.dumps([now, url.partition("://")[2], _wanted(images)]))
    known, host, wanted = json.loads(place.read_bytes())
    if known != now:
        raise SystemExit("the record is of another site or lock")
    ask(host, wanted)


def beside(stack: str, lock: str) -> None:
    """Ask in a process beside the one that imports the models and reads site and lock by them."""
    import os

    child = os.fork()
    if not child:
        plain(stack, lock)
        os._exit(0)
    from pathlib import Path

    from airgap.lock import read_lock
    from airgap.site.load import load_site

    load_site(Path(stack))
    read_lock(Path(lock))
    _, status = os.waitpid(child, 0)
    raise SystemExit(os.waitstatus_to_exitcode(status))


def models(stack: str, lock: str) -> None:
    """Read site and lock by their models, and ask nobody: the least a checked run can take."""
    from pathlib import Path

    from airgap.lock import check_lock, read_lock
    from airgap.site.load import load_site

    check_lock(load_site(Path(stack)), read_lock(Path(lock)), name="bench")


def _wanted(images: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
    found = []
    for reference, pin in images.items():
        repository, _, tag = reference.partition("/")[2].rpartition(":")
        found.append((repository, tag, pin["digest"]))
    return found


WAYS = {way.__name__: way for way in (plain, record, beside, models)}

if __name__ == "__main__":
    WAYS[sys.argv[1]](*sys.argv[2:4])
