"""What machines and objects reach for: hosts, public defaults, secrets, fields that are dropped."""

from __future__ import annotations

import pytest

from airgap.lock.model import SchematicPin
from airgap.plan import plan_site
from airgap.rules import evaluate
from airgap.rules.masking import masked
from tests.plan.samples import SCHEMATIC, SCHEMATIC_ID, image_pin, make_lock, with_factory
from tests.rules.samples import CA, TODAY, component, good_site, judge, put

WORKERS = "serverClasses|workers|machineConfig"
V1ALPHA1 = f"{WORKERS}|v1alpha1"


def found(kind: str, values: dict[str, object]) -> list[tuple[str, str]]:
    """Return rule and subject of each finding."""
    return [(item.rule, item.subject) for item in judge(kind, values)]


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("SideroEnvironment", f"{V1ALPHA1}|machine|sysctls", {"x": "https://evil.example:8443/x"}),
        ("SideroEnvironment", "environments|default|extra", ["--to=http://evil.example:8443"]),
        (
            "ImageFactory",
            "deployment",
            {
                "image": "x@sha256:" + "a" * 64,
                "configuration": {"core": {"registry": "https://evil.example:8443"}},
            },
        ),
        (
            "ImageFactory",
            "schematics",
            {
                "w": {
                    "id": "a" * 64,
                    "schematic": {
                        "customization": {
                            "extraKernelArgs": ["talos.config=https://evil.example:8443/"]
                        }
                    },
                }
            },
        ),
    ],
)
def test_a_host_outside_is_found_wherever_a_url_stands(kind: str, path: str, value: object) -> None:
    values = put(component(kind), path, value)
    assert found(kind, values) == [("closed", "evil.example:8443")]
    put(values, "policy|allowedHosts", ["a.example", "r.example:5000", "evil.example"])
    assert found(kind, values) == []


CLASS_ARGS = "schematics|w"


def in_schematic(argument: str) -> dict[str, object]:
    """Return a factory whose schematic has a kernel argument."""
    schematic = {"customization": {"extraKernelArgs": [argument]}}
    return put(component("ImageFactory"), CLASS_ARGS, {"id": "a" * 64, "schematic": schematic})


# Talos' cmdline.go and constants, and Linux' netconsole.rst and nfsroot.rst, say who is asked.
@pytest.mark.parametrize(
    ("argument", "host"),
    [
        ("talos.config=HTTPS://evil.example/x", "evil.example"),
        ("TALOS.config=Https://u:p@EVIL.example:8443/x", "EVIL.example:8443"),
        ("ip=10.0.0.9::10.0.0.1:255.255.255.0::eth0:off:9.9.9.9", "9.9.9.9"),
        ("ip=10.0.0.9::10.0.0.1:255.255.255.0::eth0:off:10.0.0.2:8.8.8.8", "8.8.8.8"),
        ("ip=:::::eth0:dhcp:::94.130.49.186", "94.130.49.186"),
        ("ip=[fd00::9]::[fd00::1]:[ffff::]::eth0:off:[2606:4700::1]", "[2606:4700::1]"),
        ("siderolink.api=evil.example:8081?jointoken=x", "evil.example:8081"),
        ("siderolink.api=grpc://evil.example:8081?jointoken=x", "evil.example:8081"),
        ("talos.events.sink=evil.example:4002", "evil.example:4002"),
        ("talos.logging.kernel=tcp://evil.example:4001", "evil.example:4001"),
        ("talos.environment=https_proxy=evil.example:3128", "evil.example:3128"),
        ("netconsole=6665@10.0.0.9/eth0,6666@9.9.9.9/00:11:22:33:44:55", "9.9.9.9"),
        ('console=tty0 "talos.events.sink=evil.example:4002"', "evil.example:4002"),
    ],
)
def test_a_kernel_argument_that_is_read_as_a_host_is_judged(argument: str, host: str) -> None:
    values = put(component("SideroEnvironment"), "environments|default|kernelArgs", [argument])
    assert ("closed", host) in found("SideroEnvironment", values)
    assert ("closed", host) in found("ImageFactory", in_schematic(argument))
    put(values, "policy|allowedHosts", ["a.example", "r.example:5000", host.strip("[]").lower()])
    assert "closed" not in [rule for rule, _ in found("SideroEnvironment", values)]


@pytest.mark.parametrize(
    "argument",
    [
        "ip=dhcp",
        "ip=10.0.0.9:5.5.5.5:10.0.0.1:255.255.255.0:node.evil.example:eth0:off:10.0.0.2::10.0.0.3",
        "ip=[fd00::9]::[fd00::1]:[ffff::]::eth0:off:[fd00::2]",
        "siderolink.api=10.0.0.5:8081",
        "siderolink.api=[fd00::5]:8081",
        "talos.events.sink=[fdae:41e4:649b:9303::1]:4002",
        "talos.environment=no_proxy=evil.example",
        "netconsole=@/eth0,@10.0.0.7/",
        "nameserver=9.9.9.9",  # dracut's: neither Talos nor Linux reads it
        "ntp=pool.ntp.org",
    ],
)
def test_a_kernel_argument_of_the_site_or_that_nobody_reads_is_no_way_out(argument: str) -> None:
    values = put(component("SideroEnvironment"), "environments|default|kernelArgs", [argument])
    assert "closed" not in [rule for rule, _ in found("SideroEnvironment", values)]
    assert "closed" not in [rule for rule, _ in found("ImageFactory", in_schematic(argument))]


def test_a_private_ipv6_resolver_is_no_way_out() -> None:
    values = put(component("SideroEnvironment"), "nodes|nameservers", ["fd00::2"])
    assert found("SideroEnvironment", values) == []
    put(values, "nodes|nameservers", ["2606:4700::1"])
    assert found("SideroEnvironment", values) == [("closed", "2606:4700::1")]


@pytest.mark.parametrize(
    ("address", "is_told"),
    [
        ("142.250.1.1", True),
        ("1.1.1.1", True),
        ("2606:4700::1", True),
        ("10.0.0.3", False),
        ("fd00::3", False),
    ],
)
def test_a_name_that_is_sent_to_a_public_address_is_a_way_out(
    address: str, *, is_told: bool
) -> None:
    hosts = {address: ["r.example", "other.example"]}
    values = put(component("SideroEnvironment"), "nodes|extraHosts", hosts)
    told = [item for item in judge("SideroEnvironment", values) if item.rule == "closed"]
    assert [item.subject for item in told] == ([address] if is_told else [])
    assert all("r.example, other.example" in item.message for item in told)
    put(values, "policy|allowedHosts", ["a.example", "r.example:5000", address])
    assert found("SideroEnvironment", values) == []


def test_names_of_signers_are_nobodys_address() -> None:
    requirement = {"images": "x/**", "issuer": "https://accounts.google.com", "identity": "a@b.c"}
    values = put(component("Registry"), "signatures", {"require": [requirement], "signedBy": {}})
    assert found("Registry", values) == []


# Talos v1.9-v1.13 pkg/machinery/constants; without a section of its own a machine uses these.
@pytest.mark.parametrize(
    ("path", "value", "host"),
    [
        (f"{V1ALPHA1}|machine|time", None, "time.cloudflare.com"),
        (f"{V1ALPHA1}|machine|time", {"servers": []}, "time.cloudflare.com"),
        (f"{V1ALPHA1}|cluster|discovery", None, "discovery.talos.dev"),
        (f"{V1ALPHA1}|cluster|discovery", {"enabled": True}, "discovery.talos.dev"),
        ("nodes|nameservers", ["10.0.0.2", "8.8.8.8"], "8.8.8.8"),
        ("nodes|discovery", {"enabled": True}, "discovery.talos.dev"),
    ],
)
def test_a_machine_is_not_left_with_a_public_default(path: str, value: object, host: str) -> None:
    values = put(component("SideroEnvironment"), path, value)
    assert found("SideroEnvironment", values) == [("public-services", host)]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{V1ALPHA1}|machine|time", {"disabled": True}),
        (
            f"{V1ALPHA1}|cluster|discovery",
            {"enabled": True, "registries": {"service": {"endpoint": "https://a.example"}}},
        ),
        (
            f"{V1ALPHA1}|cluster|discovery",
            {"enabled": True, "registries": {"service": {"disabled": True}}},
        ),
        ("nodes|timeServers", ["time.cloudflare.com"]),
    ],
)
def test_what_the_site_answers_itself_is_no_public_default(path: str, value: object) -> None:
    values = put(component("SideroEnvironment"), path, value)
    put(values, "policy|allowedHosts", ["a.example", "r.example:5000", "time.cloudflare.com"])
    assert found("SideroEnvironment", values) == []


def test_documents_stand_for_v1alpha1s_time() -> None:
    values = put(component("SideroEnvironment"), f"{V1ALPHA1}|machine|time", None)
    for document in (
        {"ntp": {"servers": ["10.0.0.1"]}},
        {"enabled": False},
        {"ptp": {"devices": ["/dev/ptp0"]}},
    ):
        put(values, f"{WORKERS}|TimeSyncConfig", document)
        assert found("SideroEnvironment", values) == [], document


@pytest.mark.parametrize(
    ("nodes", "is_told"),
    [
        ({"nameservers": ["10.0.0.2"]}, False),
        ({"extraHosts": {"10.0.0.3": ["r.example"]}}, False),
        ({}, True),
    ],
)
def test_machines_without_resolvers_and_hosts_are_a_note(
    nodes: dict[str, object], *, is_told: bool
) -> None:
    site = good_site(nodes={"timeServers": ["10.0.0.1"], **nodes})
    values = dict(plan_site(site, make_lock(), name="berlin").sidero.inputs)
    told = [("default-resolvers", "nodes.nameservers")] if is_told else []
    assert found("SideroEnvironment", values) == told


SECRETS = [
    ("url", "https://user:pw@r.example/x", "user information"),
    ("url", "https://pw@r.example/x", "user information"),
    ("url", "https://r.example/x?access_token=pw", "a token"),
    ("url", "https://r.example/x?a=b&X-Amz-Signature=1&sig=pw", "a token"),
    ("kernelArgs", ["console=tty0", "rd.iscsi.password=pw"], "the value of rd.iscsi.password"),
    ("kernelArgs", ["--api-token=pw"], "the value of --api-token"),
    ("kernelArgs", ["talos.environment=API_TOKEN=pw"], "the value of API_TOKEN"),
    ("kernelArgs", ["talos.environment=AWS_SECRET_ACCESS_KEY=pw"], "AWS_SECRET_ACCESS_KEY"),
    ("kernelArgs", ["talos.config.inline=pw"], "the value of talos.config.inline"),
    ("kernelArgs", ["x", 'cifsroot=//s/x,user=u,password="pw"'], "the value of password"),
    ("kernelArgs", ["siderolink.api=10.0.0.5:8081?jointoken=pw"], "the value of jointoken"),
    ("env", {"TS_AUTHKEY": "pw"}, "the value of TS_AUTHKEY"),
    ("meta", [{"key": 10, "value": "links:\n- wireguard:\n    privateKey: pw\n"}], "privateKey"),
    ("options", {"userData": "password: pw"}, "the value of password"),
    ("ca", {"key": "LS0tLS1CRUdJTiBFRDI1NTE5IFBSSVZBVEUgS0VZLS0tLS0K"}, "a private key"),
    ("auth", {"username": "u", "password": "pw"}, "the value of password"),
    ("config", {"r.example": {"auth": "dTpw"}}, "the value of auth"),
    ("RegistryAuthConfig/r.example", {"identityToken": "pw"}, "the value of identityToken"),
    ("cluster", {"aescbcEncryptionSecret": "pw"}, "the value of aescbcEncryptionSecret"),
    ("clientIdentity", {"key": "-----BEGIN PRIVATE KEY-----\npw"}, "a private key"),
]
HARMLESS = [
    ("url", "https://r.example/x?version=1"),
    ("image", "docker.io/library/nginx:1.27@sha256:abc"),
    ("kernelArgs", ["talos.platform=metal", "token", "password=", "api-token=${token}"]),
    ("authSecretRef", "registry-credentials"),
    ("secret", {"secretName": "registry-credentials"}),
    ("password", "$PASSWORD"),
    ("certificate", "-----BEGIN CERTIFICATE-----\nc2l0ZSBDQQ==\n-----END CERTIFICATE-----"),
    ("kernelArgs", ["iommu.passthrough=1", "x.bypass=1", "compass=n", "keyboard=de", "monkey=1"]),
    ("kernelArgs", ["rd.luks.key=/etc/key", 'x.password=""', "x.token='$TOKEN'", "tokens=5"]),
    ("meta", [{"key": 10, "value": "password:\ntoken: false\nprivateKey: ${KEY}\nkeys: [a]\n"}]),
    ("meta", [{"key": 10, "value": "a text: of : nothing: token"}]),
    ("ca", {"crt": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUI="}),
    ("lines", ['curl --user "$USER:$PASSWORD" https://r.example']),
]


@pytest.mark.parametrize(("key", "value", "told"), SECRETS)
@pytest.mark.parametrize(
    "token", ["airgap:index:SideroEnvironment", "pulumi-python:dynamic/airgap:ManifestFiles"]
)
def test_a_secret_in_clear_is_found_and_named_by_its_place(
    token: str, key: str, value: object, told: str
) -> None:
    findings = evaluate(token, "x", {"files": {key: value}}, today=TODAY)
    (secret,) = [item for item in findings if item.rule == "no-plain-credentials"]
    assert secret.subject.startswith(f"files.{key}")
    assert told in secret.message
    assert "pw" not in str(secret).replace("password", "")


@pytest.mark.parametrize(("key", "value"), HARMLESS)
def test_what_may_be_read_by_everybody_is_not_told(key: str, value: object) -> None:
    token = "pulumi-python:dynamic/airgap:ManifestFiles"
    assert evaluate(token, "x", {"files": {key: value}}, today=TODAY) == ()


def test_a_document_of_aliases_takes_no_time() -> None:
    """A billion of scalars, were each alias followed (the YAML form of "billion laughs")."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    schematic = {"customization": {"meta": [{"key": 10, "value": "\n".join(lines)}]}}
    values = {"schematics": {"w": {"id": "a" * 64, "schematic": schematic}}}
    assert evaluate("airgap:index:ImageFactory", "x", values, today=TODAY) == ()


@pytest.mark.parametrize("delivery", ["files", "cluster"])
def test_a_site_that_gives_machines_credentials_has_none_in_clear(delivery: str) -> None:
    registry = {
        "kind": "existing",
        "endpoints": [{"url": "https://r.example:5000"}],
        "nodeAuth": "machineConfig",
    }
    site = good_site(registry=registry, sidero={"version": "v0.6.13", "delivery": delivery})
    views = plan_site(site, make_lock(), name="berlin").views()
    rules = {item.rule for view in views for item in evaluate(*view, today=TODAY)}
    assert rules == {"node-credentials"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://u:p@r.example/x is http", "https://r.example/x is http"),
        ("https://r.example/x?token=p (a remedy)", "https://r.example/x?… (a remedy)"),
        (
            "the kernel argument a.password=p is outside",
            "the kernel argument a.password=… is outside",
        ),
        ("docker.io/nginx:1@sha256:abc: unsigned", "docker.io/nginx:1@sha256:abc: unsigned"),
        ("policy.levels.pinned: advisory here", "policy.levels.pinned: advisory here"),
    ],
)
def test_a_text_is_masked_and_stays_readable(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize("field", ["airGap", "bootAsset"])
@pytest.mark.parametrize("at", ["environments|default", "serverClasses|workers"])
@pytest.mark.parametrize(("flavour", "is_told"), [("stock", True), ("airgap", False)])
def test_a_field_of_the_fork_is_refused_in_stock(
    field: str, at: str, flavour: str, *, is_told: bool
) -> None:
    values = put(component("SideroEnvironment"), f"{at}|{field}", {})
    rules = {item.rule for item in judge("SideroEnvironment", put(values, "flavour", flavour))}
    assert ("stock-fields" in rules) is is_told


def test_a_cache_at_a_url_that_stays_is_refused() -> None:
    values = put(component("SideroEnvironment"), "flavour", "airgap")
    for name, is_told in (
        ("image-cache-amd64.tar", True),
        ("image-cache-0123456789abcdef-amd64.tar", False),
    ):
        url = f"https://a.example/talos/v1.11.5/{name}"
        put(values, "environments|default|airGap", {"imageCacheURL": url})
        told = [("immutable-urls", "default")] if is_told else []
        assert found("SideroEnvironment", values) == told


@pytest.mark.parametrize("delivery", ["files", "cluster"])
@pytest.mark.parametrize("flavour", ["stock", "airgap"])
@pytest.mark.parametrize("version", ["v0.9.0", "v1.5.0"])
def test_a_site_with_everything_reaches_for_nothing_outside(
    delivery: str, flavour: str, version: str
) -> None:
    """A factory of its own by flags or by file, published caches, the fork's fields."""
    site = good_site(
        imageFactory={
            "kind": "deployed",
            "version": version,
            "endpoint": "https://factory.example",
            "registry": "r.example:5000",
            "ca": CA,
        },
        imageCache={"enabled": True, "publish": ["tar", "image"]},
        sidero={
            "version": "v0.6.13",
            "delivery": delivery,
            "flavour": flavour,
            "controllerTrust": "managed",
        },
    )
    pins = {SCHEMATIC_ID: SchematicPin(canonical=SCHEMATIC, classes=("workers",))}
    lock = with_factory(make_lock(schematics=pins))
    image = f"ghcr.io/siderolabs/image-factory:{version}"
    lock = lock.model_copy(
        update={"images": {**lock.images, image: image_pin(image, "factory", "a test")}}
    )
    for token, name, inputs in plan_site(site, lock, name="berlin").views():
        assert evaluate(token, name, inputs, today=TODAY) == (), name
