"""Hosts that manifests name: which count, which do not, and that nothing else of a URL is kept.

Manifests are written as the projects' own documents have them: Flux (source-controller API v1),
cert-manager (ACME issuers), Kubernetes' API reference, Argo CD, Istio.
"""

from __future__ import annotations

import base64
import json
import time

import pytest

from airgap.workloads import scan
from airgap.workloads.urls import hosts_in_text, outside_host
from tests.workloads.manifests import scanned

SECRET = "MARKED-do-not-show"


def hosts_of(text: str) -> dict[str, str]:
    """Return the hosts of a text with the place of each."""
    return scanned(text).hosts


CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      containers:
        - name: web
          image: quay.io/a:1
"""
IN_CONTAINER = "web.yaml → Deployment shop/web → spec.template.spec.containers[0]"

# What stands in a manifest, the host in it, and where that is.
NAMED = [
    (f"{DEPLOYMENT}          args: [--webhook=https://hooks.example:8443/in]", "hooks.example:8443",
     f"{IN_CONTAINER}.args[0]"),
    (f"{DEPLOYMENT}          command: [sh, -c, 'curl -fsS http://get.example | sh']", "get.example",
     f"{IN_CONTAINER}.command[2]"),
    (f"{DEPLOYMENT}          env: [{{name: DSN, value: 'postgresql://u:p@db.example:5432/x'}}]",
     "db.example:5432", f"{IN_CONTAINER}.env[0].value"),
    (f"{CONFIG_MAP}data: {{a.ini: \"[x]\\nurl = grpc://otel.example:4317\"}}", "otel.example:4317",
     'web.yaml → ConfigMap b/a → data["a.ini"]'),
    (("apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: a}\n"
     "spec: {type: oci, url: 'oci://charts.example/podinfo'}"), "charts.example",
     "web.yaml → HelmRepository a → spec.url"),
    (("apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: a}\n"
     "spec: {url: 'ssh://git@git.example/org/repo'}"), "git.example",
     "web.yaml → GitRepository a → spec.url"),
    (("apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: a}\n"
     "spec: {sourceRepos: ['git@git.example:org/repo.git']}"), "git.example",
     "web.yaml → AppProject a → spec.sourceRepos[0]"),
    (("apiVersion: cert-manager.io/v1\nkind: ClusterIssuer\nmetadata: {name: le}\n"
     "spec: {acme: {server: 'https://acme.example/directory'}}"), "acme.example",
     "web.yaml → ClusterIssuer le → spec.acme.server"),
    (("apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\n"
     "metadata: {name: a}\nwebhooks: [{name: x, clientConfig: {url: 'https://hook.example/v'}}]"),
     "hook.example", "web.yaml → ValidatingWebhookConfiguration a → webhooks[0].clientConfig.url"),
    (("apiVersion: v1\nkind: Service\nmetadata: {name: db}\n"
     "spec: {type: ExternalName, externalName: DB.example.}"), "db.example",
     "web.yaml → Service db → spec.externalName"),
    (("apiVersion: v1\nkind: Endpoints\nmetadata: {name: db}\n"
     "subsets: [{addresses: [{ip: 9.9.9.9}, {ip: 10.0.0.1}]}]"), "9.9.9.9",
     "web.yaml → Endpoints db → subsets[0].addresses[0].ip"),
    (("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: db}\n"
     "endpoints: [{addresses: ['2620:fe::fe']}]"), "[2620:fe::fe]",
     "web.yaml → EndpointSlice db → endpoints[0].addresses[0]"),
    (("apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: a}\n"
     "spec: {hosts: [api.example]}"), "api.example", "web.yaml → ServiceEntry a → spec.hosts[0]"),
    (("apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: a}\n"
     "spec: {nfs: {server: nas.example, path: /x}}"), "nas.example",
     "web.yaml → PersistentVolume a → spec.nfs.server"),
    ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {dnsConfig: {nameservers: [9.9.9.9]}}",
     "9.9.9.9", "web.yaml → Pod a → spec.dnsConfig.nameservers[0]"),
    (("apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, "
     "data: {x: 'https://in-list.example'}}]"), "in-list.example",
     "web.yaml → ConfigMap c → data.x"),
    ("machine: {time: {disabled: true}}\ncluster: {extraManifests: ['https://raw.example/x']}",
     "raw.example", "web.yaml → machine configuration → cluster.extraManifests[0]"),
    ("machine: {time: {servers: [time.example]}}", "time.example",
     "web.yaml → machine configuration → machine.time.servers[0]"),
    ("machine: {network: {nameservers: [9.9.9.9, 10.0.0.1]}}", "9.9.9.9",
     "web.yaml → machine configuration → machine.network.nameservers[0]"),
    ("apiVersion: v1alpha1\nkind: TimeSyncConfig\nntp: {servers: [time.example]}", "time.example",
     "web.yaml → TimeSyncConfig → ntp.servers[0]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "host", "place"), NAMED)
def test_a_host_is_found_with_its_place(text: str, host: str, place: str) -> None:
    assert hosts_of(text) == {host: place}


def test_of_several_places_the_first_is_told_and_hosts_are_sorted() -> None:
    one = f"{CONFIG_MAP}data: {{x: 'https://z.example', y: 'https://a.example'}}\n"
    two = f"{CONFIG_MAP}data: {{x: 'https://a.example'}}\n"
    found = hosts_of(f"{one}---\n{two}")
    assert list(found.items()) == [
        ("a.example", "web.yaml → ConfigMap b/a → data.y"),
        ("z.example", "web.yaml → ConfigMap b/a → data.x"),
    ]


SILENT = [
    "metadata: {name: a, annotations: {x: 'https://out.example'}, labels: {x: 'https://o.example'}}",
    "metadata: {name: a, managedFields: [{fieldsV1: {x: 'https://out.example'}}]}",
    "status: {url: 'https://out.example'}",
    "spec: {template: {metadata: {annotations: {x: 'https://out.example'}}}}",
    "spec: {groups: [{rules: [{annotations: {runbook_url: 'https://runbooks.example/x'}}]}]}",
    "spec: {description: 'see https://out.example', summary: 'https://out.example'}",
    "spec: {versions: [{schema: {openAPIV3Schema: {x: 'https://out.example'}}}]}",
    "spec: {$schema: 'https://out.example/schema'}",
    "# https://out.example\nspec: {}",
    "spec: {url: 'https://kubernetes.default.svc'}",
    "spec: {url: 'http://notification-controller.flux-system.svc.cluster.local./'}",  # Flux' own
    "spec: {url: 'http://db-0.db.shop.svc.berlin.example:5432'}",  # a zone of one's own
    "spec: {url: 'http://grafana:3000', other: 'http://localhost:1', more: 'http://[::1]:80/'}",
    "spec: {url: 'https://10.96.0.1:443', other: 'http://127.0.0.1:8080', c: 'tcp://[fd00::1]:1'}",
    "spec: {url: 'http://169.254.169.254/latest', multicast: 'udp://239.0.0.1:5'}",
    "spec: {url: 'https://$(HOST)/x', b: 'https://{{ .Host }}/', c: 'https://x.${ZONE}/'}",
    "spec: {url: 'http://%s:%d/', b: 'https://.*[.]example', c: 'https://*.example'}",
    "spec: {a: 'unix:///run/x.sock', b: 'file:///etc/x', c: 'spiffe://trust.example/ns/a'}",
    "spec: {a: 'http://www.w3.org/2001/XMLSchema', b: 'https://json-schema.org/draft/2020-12'}",
    "spec: {a: 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name'}",
    "spec: {image: 'quay.io/a@sha256:" + "a" * 64 + "', mail: admin@out.example, v: 1.2.3.4}",
    "data: {a.xml: '<x xmlns=\"http://out.example/ns\" xmlns:b=\"https://out.example/b\"/>'}",
    'data: {a.yaml: "# see https://out.example\\nx: 1 # https://out.example\\n"}',
    'data: {a.js: "// https://out.example\\nx\\n", b.sql: "-- https://out.example\\nx"}',
    'data: {rules: "- description: see https://out.example\\n  runbook_url: https://o.example\\n"}',
    'data: {dashboard: \'{"description": "https://out.example", "links": ["https://o.example"]}\'}',
]  # fmt: skip


@pytest.mark.parametrize("body", SILENT)
def test_what_nothing_acts_on_or_leads_nowhere_outside_is_no_host(body: str) -> None:
    metadata = "" if "metadata: {name" in body else "metadata: {name: a}\n"
    assert hosts_of(f"apiVersion: example.org/v1\nkind: Thing\n{metadata}{body}\n") == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://a.example", ["a.example"]),
        ("HTTPS://A.Example:443/X?y#z", ["a.example:443"]),  # RFC 3986, 3.2.2: no case
        ("https://user:pass@a.example:8443/x", ["a.example:8443"]),
        ("https://user:p@ss@a.example/x", ["a.example"]),
        ("https://user:p,w@a.example", ["a.example"]),
        ("(https://a.example), 'http://b.example'; <ftp://c.example>",
         ["a.example", "b.example", "c.example"]),
        ("See https://a.example. And so on", ["a.example"]),
        ("mongodb://u:p@a.example:1,b.example:2/db", ["a.example:1", "b.example:2"]),
        ("PLAINTEXT://a.example:9092,SSL://b.example:9093", ["a.example:9092", "b.example:9093"]),
        ("jdbc:postgresql://a.example:5432/x", ["a.example:5432"]),
        ("https://a.example/?to=https://b.example/", ["a.example", "b.example"]),
        ("https://a.example:$(PORT)/x", ["a.example"]),
        ("dns:///a.example:443", ["a.example:443"]),  # gRPC's
        ("https://[2620:fe::fe]:443/", ["[2620:fe::fe]:443"]),
        ("https://bücher.example/", ["bücher.example"]),
        ("https?://a.example", []),
        ("https://user:secret/x@a.example", []),  # no URL: what is before "/" may be a secret
        ("https://1.2/x https://a..b/ https://-x.example/", []),
        ("://a.example //b.example a.example", []),
        ("git@a.example:org/repo", ["a.example"]),
        ("git clone git@a.example:x && curl https://b.example", ["a.example", "b.example"]),
        ("ssh://git@a.example:22/x", ["a.example:22"]),
        ("someone@a.example:", []),
    ],
)  # fmt: skip
def test_a_text_is_read_as_urls_are(text: str, expected: list[str]) -> None:
    assert list(hosts_in_text(text)) == expected


@pytest.mark.parametrize(
    "text", ["", "a", "a:", "a.b:x", "a.b:123456", "x" * 300 + ".b", "..", "["]
)
def test_what_is_no_host_is_nothing(text: str) -> None:
    assert outside_host(text) == ""


def test_urls_in_a_secret_are_found_and_nothing_of_them_but_the_host_is_kept() -> None:
    url = f"https://user:{SECRET}@hooks.example/services/{SECRET}?token={SECRET}"
    encoded = base64.b64encode(json.dumps({"auths": {url: {}}, "to": url}).encode()).decode()
    text = (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"
        f"stringData: {{plain: '{url}'}}\ndata: {{json: {encoded}, broken: '*', binary: gIGC}}\n"
        f"---\n{CONFIG_MAP}other: {{'{url}': 'x https://in-key.example/{SECRET}'}}\n"
    )
    found = scanned(text)
    assert found.hosts == {
        "hooks.example": "web.yaml → Secret a → stringData.plain",
        "in-key.example": 'web.yaml → ConfigMap b/a → other["…"]',
    }
    assert SECRET not in repr(found)


def test_data_of_a_secret_is_decoded() -> None:
    encoded = base64.b64encode(b"https://hooks.example/x").decode()
    text = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\ndata: {{u: {encoded}}}\n"
    assert hosts_of(text) == {"hooks.example": "web.yaml → Secret a → data.u"}


def test_a_manifest_in_a_machine_configuration_is_read_as_one() -> None:
    inner = "# https://comment.example\nkind: Thing\nmetadata: {name: t}\nspec: {u: 'https://a.example'}"
    inner += "\n---\nkind: Thing\nmetadata: {name: u, annotations: {x: 'https://no.example'}}\n"
    text = json.dumps({"cluster": {"inlineManifests": [{"name": "n", "contents": inner}]}})
    place = "machine configuration → cluster.inlineManifests[0] n → Thing t → spec.u"
    assert hosts_of(text) == {"a.example": f"web.yaml → {place}"}


def test_patches_of_machine_configuration_are_read_as_that() -> None:
    patch = "# https://comment.example\ncluster: {extraManifests: ['https://a.example/x']}"
    spec = {
        "strategicPatches": [patch],
        "configPatches": [
            {"op": "add", "path": "/cluster/extraManifests", "value": ["http://b.example"]}
        ],
    }
    document = {"apiVersion": "metal.sidero.dev/v1alpha2", "kind": "ServerClass", "spec": spec}
    found = hosts_of(json.dumps({**document, "metadata": {"name": "w"}}))
    assert set(found) == {"a.example", "b.example"}


def test_hosts_that_the_cluster_answers_are_told_apart() -> None:
    text = (
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\n"
        "spec: {rules: [{host: Shop.example}], tls: [{hosts: ['*.apps.example']}]}\n---\n"
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: b}\n"
        "spec: {hostnames: [route.example]}\n---\n"
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: c}\n"
        "spec: {listeners: [{hostname: gate.example}]}\n"
    )
    found = scanned(text)
    assert found.serves == {"shop.example", "*.apps.example", "route.example", "gate.example"}
    assert found.hosts == {}


def test_a_place_is_one_line_of_bounded_length() -> None:
    name = "n" * 5000
    text = json.dumps(
        {"kind": "Thing", "metadata": {"name": "a\nb"}, name: {"x\u001b[2J": "https://a.example"}}
    )
    (place,) = hosts_of(text).values()
    assert place.startswith("web.yaml → Thing a b → nnn")
    assert len(place) <= 301
    assert place.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "a" * 4_000_000,
        "a://" * 1_000_000,
        "https://" + "a" * 4_000_000,
        "https://" + "@" * 4_000_000,
        "https://" + "a." * 2_000_000,
        "://" * 1_000_000,
        " " * 4_000_000 + "://",
        "\n" + "- " * 2_000_000 + "://",
        "\n" + "#\n" * 2_000_000 + "://",
        "xmlns" * 800_000 + "://",
        "a:" * 2_000_000 + "schemaLocation ://",
        "{" * 4_000_000 + "://",
        "git@" * 1_000_000,
        "git@a.b:" + "/" * 4_000_000,
        "git@" + "a." * 2_000_000,
    ],
    ids=range(15),
)
def test_a_long_text_takes_time_in_proportion(text: str) -> None:
    begin = time.monotonic()
    list(hosts_in_text(text))
    assert time.monotonic() - begin < 10


def test_aliases_of_aliases_are_read_once() -> None:
    """A billion laughs: the text that 2^40 paths lead to is one text."""
    lines = [
        "kind: Thing",
        "metadata: {name: a}",
        "a0: &a0 ['https://a.example/" + "x" * 100 + "']",
    ]
    lines += [f"a{level}: &a{level} [*a{level - 1}, *a{level - 1}]" for level in range(1, 41)]
    begin = time.monotonic()
    found = scan("\n".join(lines), file="web.yaml")
    assert time.monotonic() - begin < 30
    assert found.hosts == {"a.example": "web.yaml → Thing a → a0[0]"}


def test_thousands_of_hosts_are_all_found() -> None:
    data = {f"k{index}": f"https://h{index}.example" for index in range(5000)}
    text = json.dumps({"kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
    assert len(hosts_of(text)) == 5000
