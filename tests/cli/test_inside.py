"""`serve`, `verify`, `prune` and `secret`: what happens on the site."""

from __future__ import annotations

import base64
import json
import re
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from lab.tls import Authority
from tests.cli.conftest import SITE, Command, write_site
from tests.engine.workspace import CHECKOUT

PASSWORD = "MARKED-registry-password"


def test_help_lists_every_command(airgap: Command) -> None:
    outcome = airgap("--help")
    assert outcome.exit_code == 0
    for command in (
        "lock",
        "fetch",
        "check",
        "mirror",
        "serve",
        "verify",
        "prune",
        "secret",
        "store",
    ):
        assert re.search(rf"^  {command} ", outcome.stdout, re.MULTILINE)


def test_verify_finds_an_altered_blob_and_fetch_mends_it(airgap: Command, ready: Path) -> None:
    assert airgap("verify", SITE, "--only", "store").exit_code == 0
    blob = max(
        (ready / "store" / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size
    )
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(data)
    outcome = airgap("verify", SITE, "--only", "store")
    assert outcome.exit_code == 1
    assert blob.name in outcome.stdout
    assert ": 1 problem; " in outcome.stdout
    assert f"python -m airgap fetch {SITE} --rehash" in outcome.stdout
    assert airgap("fetch", SITE, "--rehash").exit_code == 0
    assert airgap("verify", SITE, "--only", "store").exit_code == 0


def test_prune_of_a_site_that_published_nothing_removes_nothing(
    airgap: Command, ready: Path
) -> None:
    outcome = airgap("prune", SITE, "--dry-run")
    assert outcome.exit_code == 0, outcome.stderr
    assert "0 items that nothing names" in outcome.stdout


def test_serve_answers_over_tls_until_it_is_stopped(ready: Path, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    certificate = authority.issue()
    tls = ["--tls-cert", str(certificate.cert_file), "--tls-key", str(certificate.key_file)]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "airgap",
            "serve",
            "--store",
            str(ready / "store"),
            "--port",
            "0",
            *tls,
        ],
        cwd=CHECKOUT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        url = _url(process.stderr.readline())
        context = ssl.create_default_context(cafile=str(authority.ca_file))
        with httpx.Client(verify=context, trust_env=False, timeout=60) as client:
            lock = json.loads((ready / "stacks" / "berlin.lock.json").read_text())
            answer = client.head(f"{url}/v2/ghcr.io/siderolabs/kubelet/manifests/v1.34.1")
            assert (
                answer.headers["Docker-Content-Digest"]
                == (lock["images"]["ghcr.io/siderolabs/kubelet:v1.34.1"]["digest"])
            )
            assert client.get(f"{url}/v1.11.5/checksums.txt").status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()


def _url(text: str) -> str:
    found = re.search(r"https://127\.0\.0\.1:\d+", text)
    assert found, text
    return found[0]


def test_a_certificate_without_its_key_is_wrong_usage(airgap: Command, ready: Path) -> None:
    certificate = ready / "Pulumi.yaml"
    outcome = airgap("serve", "--tls-cert", str(certificate))
    assert outcome.exit_code == 2
    assert "--tls-key" in outcome.stderr


def test_serving_without_a_store_names_fetch(airgap: Command) -> None:
    outcome = airgap("serve", "--port", "0")
    assert outcome.exit_code == 1
    assert "fetch" in outcome.stderr


def test_secret_prints_what_kubernetes_takes(
    airgap: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = "registry.berlin.example:5000"
    auth = base64.b64encode(f"node:{PASSWORD}".encode()).decode()
    path = project / "auth.json"
    path.write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    monkeypatch.setenv("AIRGAP_AUTH_FILE", str(path))
    outcome = airgap("secret", SITE)
    assert outcome.exit_code == 0, outcome.stderr
    document = yaml.safe_load(outcome.stdout)
    assert document["type"] == "kubernetes.io/dockerconfigjson"
    config = json.loads(document["stringData"][".dockerconfigjson"])
    assert config["auths"][host]["password"] == PASSWORD
    assert PASSWORD not in outcome.stderr


def test_secret_has_what_the_machine_knows_of_every_mirrors_endpoint(
    airgap: Command, project: Path, site_value: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in `sidero-airgap:credentials` of cluster delivery; others are pulled anonymously."""
    own, spare, hub = "registry.berlin.example:5000", "spare.example", "hub.example:8443"
    registry = {
        "kind": "existing",
        "endpoints": [{"url": f"https://{own}"}, {"url": f"https://{spare}"}],
        "mirrors": {"docker.io": {"endpoints": [f"https://{hub}"]}},
    }
    write_site(project, {**site_value, "registry": registry})
    auth = base64.b64encode(f"node:{PASSWORD}".encode()).decode()
    path = project / "auth.json"
    path.write_text(json.dumps({"auths": {own: {"auth": auth}, hub: {"auth": auth}}}))
    monkeypatch.setenv("AIRGAP_AUTH_FILE", str(path))
    outcome = airgap("secret", SITE)
    assert outcome.exit_code == 0, outcome.stderr
    document = yaml.safe_load(outcome.stdout)
    assert set(json.loads(document["stringData"][".dockerconfigjson"])["auths"]) == {own, hub}
    assert f"no credentials on this machine for {spare}" in outcome.stderr
    assert f"for {own}" not in outcome.stderr


def test_secret_without_credentials_says_where_they_belong(airgap: Command) -> None:
    outcome = airgap("secret", SITE)
    assert outcome.exit_code == 1
    assert "AIRGAP_AUTH_FILE" in outcome.stderr


def test_secret_prints_patches_that_carry_the_credentials_to_machines(
    airgap: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Talos 1.11: `registries.config.<endpoint host:port>.auth`; kubectl: RFC 6902."""
    host = "registry.berlin.example:5000"
    auth = base64.b64encode(f"node:{PASSWORD}".encode()).decode()
    path = project / "auth.json"
    path.write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    monkeypatch.setenv("AIRGAP_AUTH_FILE", str(path))
    expected = {"auth": {"username": "node", "password": PASSWORD}}
    patch = airgap("secret", SITE, "--machine-config", "workers").stdout
    assert yaml.safe_load(patch) == {"machine": {"registries": {"config": {host: expected}}}}
    operations = json.loads(airgap("secret", SITE, "--server-class", "workers").stdout)
    assert operations == [{"op": "add", "path": "/spec/strategicPatches/-", "value": patch}]
    outcome = airgap("secret", SITE, "--server-class", "others")
    assert outcome.exit_code == 1
    assert "workers" in outcome.stderr
    assert PASSWORD not in outcome.stderr
