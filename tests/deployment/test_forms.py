"""The same factory as Kubernetes objects, a compose project and a systemd unit.

Kubernetes' own judgement of the objects is in `tests/peers/test_factory_objects.py`. Keys of a
compose service: the Compose Specification (compose-spec.json, `definitions.service` and its
volumes); a unit's: systemd.unit(5), systemd.service(5).
"""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from airgap.deployment import (
    FactoryDeployment,
    compose_project,
    install_script,
    kubernetes_objects,
    service_unit,
)
from airgap.render import render_file
from tests.deployment.samples import CA, SIGNER, factory

WHOLE: Mapping[str, object] = {
    "secureBoot": True,
    "verification": {"publicKey": SIGNER},
    "deployment": {"tlsSecretRef": "tls", "registrySecretRef": "push"},
}
SERVICE_KEYS = {
    *("image", "command", "environment", "ports", "volumes", "user", "read_only", "cap_drop"),
    *("security_opt", "privileged", "restart", "labels"),
}
BIND_KEYS = {"type", "source", "target", "read_only", "bind"}


def pod(made: FactoryDeployment) -> dict[str, object]:
    """Return the pod's spec as it is written."""
    [document] = [item for item in kubernetes_objects(made) if item["kind"] == "Deployment"]
    spec = yaml.safe_load(render_file({"documents": [document]}))["spec"]["template"]["spec"]
    assert isinstance(spec, dict)
    return spec


def container(made: FactoryDeployment) -> dict[str, object]:
    """Return its only container."""
    containers = pod(made)["containers"]
    assert isinstance(containers, list)
    [found] = containers
    assert isinstance(found, dict)
    return found


def compose(made: FactoryDeployment) -> dict[str, object]:
    """Return the service of the compose file, as it is written."""
    document = yaml.safe_load(render_file({"documents": [compose_project(made, name="berlin")]}))
    assert document["name"] == "image-factory-berlin"
    [found] = document["services"].values()
    assert isinstance(found, dict)
    return found


def unit(made: FactoryDeployment) -> configparser.ConfigParser:
    """Return the unit, parsed."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys are case-sensitive
    parser.read_string(render_file({"ini": service_unit(made, name="berlin")}).decode())
    return parser


def mounted(made: FactoryDeployment) -> Iterator[str]:
    """Yield every file that the pod finds below the factory's folder."""
    spec = pod(made)
    mounts = container(made)["volumeMounts"]
    assert isinstance(mounts, list)
    paths = {item["name"]: item["mountPath"] for item in mounts}
    volumes = spec["volumes"]
    assert isinstance(volumes, list)
    objects = {item["kind"]: item for item in kubernetes_objects(made)}
    for volume in volumes:
        if "secret" in volume:
            for item in volume["secret"]["items"]:
                yield f"{paths[volume['name']]}/{item['path']}"
        if "configMap" in volume:
            data = objects["ConfigMap"]["data"]
            assert isinstance(data, dict)
            yield from (f"{paths[volume['name']]}/{name}" for name in data)


@pytest.mark.parametrize("version", ["v0.9.0", "v1.0.3", "v1.5.0"])
def test_every_file_that_is_named_is_mounted(version: str) -> None:
    wish = dict(WHOLE) if version != "v0.9.0" else {"secureBoot": True}
    made = factory(version, **wish)
    objects = render_file({"documents": kubernetes_objects(made)}).decode()
    named = {word.strip("'\",=") for line in objects.split() for word in line.split("=")}
    files = {word for word in named if word.startswith("/etc/image-factory/")}
    folders = {
        *("/etc/image-factory/config", "/etc/image-factory/keys", "/etc/image-factory/tls"),
        *("/etc/image-factory/registry", "/etc/image-factory/secure-boot"),
    }
    there = set(mounted(made))
    assert files - folders <= there
    assert "/etc/image-factory/keys/cache-signing.key" in files


def test_health_is_asked_at_versions_and_nothing_kills_a_pod_that_builds() -> None:
    for made, scheme in ((factory("v1.5.0"), "HTTP"), (factory("v1.5.0", **WHOLE), "HTTPS")):
        found = container(made)
        for probe in ("startupProbe", "readinessProbe"):
            asked = found[probe]
            assert isinstance(asked, dict)
            assert asked["httpGet"] == {
                "path": "/versions",
                "port": "factory",
                "scheme": scheme,
            }
        assert "livenessProbe" not in found
        assert "healthz" not in str(kubernetes_objects(made))


def test_from_v1_it_has_no_privileges_and_before_it_needs_them() -> None:
    rootless, early = factory("v1.0.0"), factory("v0.9.0")
    assert pod(rootless)["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "fsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(rootless)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "/dev" not in str(pod(rootless))
    assert container(early)["securityContext"] == {"privileged": True}
    assert {"name": "dev", "hostPath": {"path": "/dev"}} in pod(early)["volumes"]  # type: ignore[operator]
    assert compose(rootless)["cap_drop"] == ["ALL"]
    assert "privileged" not in compose(rootless)
    assert compose(early)["privileged"] is True
    assert "--cap-drop=all" in unit(rootless)["Service"]["ExecStart"]
    assert "--privileged --volume=/dev:/dev" in unit(early)["Service"]["ExecStart"]
    [why] = [
        item["metadata"]["annotations"]["sidero-airgap/privileged"]  # type: ignore[index]
        for item in kubernetes_objects(early)
        if item["kind"] == "Deployment"
    ]
    assert "loop devices" in why


def test_its_image_is_the_sites_by_digest_everywhere() -> None:
    made = factory("v1.5.0")
    begins = "r.example:5000/ghcr.io/siderolabs/image-factory:v1.5.0@sha256:"
    assert made.image.startswith(begins)
    assert container(made)["image"] == compose(made)["image"] == made.image
    assert made.image in shlex.split(unit(made)["Service"]["ExecStart"])
    flat = {
        "kind": "existing",
        "endpoints": [{"url": "https://r.example"}],
        "layout": "flat",
        "pathPrefix": "talos",
    }
    assert factory("v1.5.0", flat).image.startswith(
        "r.example/talos/siderolabs/image-factory:v1.5.0@sha256:"
    )


def test_nothing_but_the_sites_hosts_is_in_any_of_them() -> None:
    made = factory("v1.5.0", **WHOLE)
    texts = [
        render_file({"documents": kubernetes_objects(made)}).decode(),
        render_file({"documents": [compose_project(made, name="berlin")]}).decode(),
    ]
    for text in texts:
        plain = text.replace("r.example:5000/ghcr.io/", "r.example:5000/")
        assert "ghcr.io" not in plain
        assert "talos.dev" not in plain
        assert "sigstore" not in plain


def test_no_secret_is_in_any_of_them_and_each_is_named() -> None:
    made = factory("v1.5.0", **WHOLE)
    objects = kubernetes_objects(made)
    assert "Secret" not in {item["kind"] for item in objects}
    volumes = pod(made)["volumes"]
    assert isinstance(volumes, list)
    named = {item["name"]: item["secret"]["secretName"] for item in volumes if "secret" in item}
    assert named == {
        "keys": "image-factory-signing-key",
        "tls": "tls",
        "registry": "push",
        "secure-boot": "image-factory-secure-boot",
    }
    assert pod(made)["imagePullSecrets"] == [{"name": "push"}]
    assert pod(made)["automountServiceAccountToken"] is False


@pytest.mark.parametrize("version", ["v0.9.0", "v1.5.0"])
def test_a_compose_service_has_keys_of_the_specification(version: str) -> None:
    made = factory(version)
    found = compose(made)
    assert found.keys() <= SERVICE_KEYS
    volumes = found["volumes"]
    assert isinstance(volumes, list)
    for volume in volumes:
        assert volume.keys() <= BIND_KEYS
        assert volume["bind"] == {"create_host_path": False}
    assert found["command"] == container(made)["args"]


LATER: Mapping[str, Mapping[str, object]] = {
    "a setting": {"deployment": {"maxConcurrency": 2}},
    "a CA": {"ca": CA.replace("c2l0ZSBDQQ==", "b3RoZXIgQ0E=")},
    "a signer": {"verification": {"publicKey": SIGNER.replace("c2lnbmVy", "b3RoZXI=")}},
}


@pytest.mark.parametrize("change", LATER.values(), ids=LATER)
def test_another_configuration_is_another_pod_and_another_compose_service(
    change: Mapping[str, object],
) -> None:
    """`docker compose up` compares services, and Kubernetes pod templates: no file's content."""
    before = factory("v1.5.0", verification={"publicKey": SIGNER})
    after = factory("v1.5.0", **{"verification": {"publicKey": SIGNER}, **change})
    assert pod(before) == pod(factory("v1.5.0", verification={"publicKey": SIGNER}))
    assert pod(before) != pod(after)
    assert compose(before) != compose(after)


def test_a_factory_with_flags_alone_has_them_in_its_service() -> None:
    """Up to v0.9 and without a private CA there is no file that could change."""
    plain = {"kind": "existing", "endpoints": [{"url": "https://r.example:5000"}]}
    assert "labels" not in compose(factory("v0.9.0", plain))
    assert compose(factory("v0.9.0")) != compose(factory("v0.9.0", ca=SIGNER))


@pytest.mark.parametrize(
    ("endpoint", "wish", "port"),
    [
        ("http://factory.example:8080", {}, "8080:8080"),
        ("http://factory.example", {}, "80:8080"),
        ("https://factory.example", {"deployment": {"tlsSecretRef": "tls"}}, "443:8080"),
        ("https://factory.example", {}, "127.0.0.1:8080:8080"),  # a proxy's, on the same host
    ],
)
def test_its_port_is_the_endpoints_where_it_answers_there_itself(
    endpoint: str, wish: Mapping[str, object], port: str
) -> None:
    made = factory("v1.5.0", **{"endpoint": endpoint, **wish})
    assert compose(made)["ports"] == [port]
    assert f"--publish={port}" in shlex.split(unit(made)["Service"]["ExecStart"])


@pytest.mark.parametrize("version", ["v0.9.0", "v1.5.0"])
def test_the_unit_starts_the_container_that_the_others_start(version: str) -> None:
    made = factory(version)
    words = shlex.split(unit(made)["Service"]["ExecStart"])
    assert words[:2] == ["/usr/bin/podman", "run"]
    place = words.index(made.image)
    assert words[place + 1 :] == container(made)["args"]
    environment = {word.removeprefix("--env=") for word in words if word.startswith("--env=")}
    given = compose(made)["environment"]
    assert isinstance(given, dict)
    assert environment == {f"{name}={value}" for name, value in given.items()}
    assert set(unit(made).sections()) == {"Unit", "Service", "Install"}


def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    """What is not known to `systemd-analyze verify` it names; where it is absent, see above."""
    analyze = shutil.which("systemd-analyze")
    text = render_file({"ini": service_unit(factory("v1.5.0"), name="berlin")}).decode()
    assert text.startswith("[Unit]\n")
    assert all("=" in line or line.startswith("[") for line in text.splitlines() if line)
    if analyze is not None:
        file = tmp_path / "image-factory.service"
        file.write_text(text.replace("/usr/bin/podman", shutil.which("true") or "/bin/true"))
        done = subprocess.run(
            [analyze, "verify", "--man=no", str(file)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert [line for line in done.stderr.splitlines() if "image-factory.service" in line] == []


def test_the_script_asks_for_every_secret_before_it_starts_anything(tmp_path: Path) -> None:
    made = factory("v1.5.0", **WHOLE)
    lines = install_script(made, name="berlin", files=["config.yaml"])
    script = tmp_path / "install.sh"
    script.write_text("".join(f"{line}\n" for line in lines))
    subprocess.run(["sh", "-n", str(script)], check=True, timeout=60)
    [loop] = [line for line in lines if line.startswith("for file in ")]
    assert loop.removesuffix("; do").split()[3:] == [
        "keys/cache-signing.key",
        "tls/tls.crt",
        "tls/tls.key",
        "registry/config.json",
        "secure-boot/signing-key.pem",
        "secure-boot/signing-cert.pem",
        "secure-boot/pcr-key.pem",
    ]
    assert lines.index(loop) < lines.index("systemctl restart image-factory")


def test_the_script_opens_folders_that_umask_has_closed(tmp_path: Path) -> None:
    """User 1000 reads in them; made under umask 077 they are root's alone (umask(2))."""
    made = factory("v1.5.0", **WHOLE)
    folder, scratch = tmp_path / "etc", tmp_path / "scratch"
    text = "\n".join(install_script(made, name="berlin", files=["config.yaml"]))
    for before, after in (
        ("/etc/image-factory", str(folder)),
        ("/var/lib/image-factory/tmp", str(scratch)),
        ("-o 1000 -g 1000 ", ""),  # needs root, as chown does
        ("    chown ", "    : "),
    ):
        assert before in text
        text = text.replace(before, after)
    (tmp_path / "install.sh").write_text(text)
    (tmp_path / "config.yaml").write_text("{}")
    names = ("keys", "tls", "registry", "secure-boot")
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name).chmod(0o700)
    [loop] = [line for line in text.splitlines() if line.startswith("for file in ")]
    for file in loop.removesuffix("; do").split()[3:]:
        (folder / file).write_text("secret")
    subprocess.run(["sh", "install.sh", "--files"], cwd=tmp_path, check=True, timeout=60)
    assert {(folder / name).stat().st_mode & 0o777 for name in (".", *names)} == {0o755}
    assert {file.stat().st_mode & 0o777 for file in folder.glob("*/*.key")} == {0o400}
