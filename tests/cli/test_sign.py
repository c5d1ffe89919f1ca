"""`sign`, and what `check`, `lock` and `fetch` make of it, on the command line."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from airgap.lock import factory_artifacts, factory_signatures, read_lock
from airgap.signature.private import PrivateKey
from tests.cli.conftest import SITE, Command, lock_and_fetch, write_site

__all__: list[str] = []

FACTORY = {
    "kind": "existing",
    "version": "v1.5.0",
    "endpoint": "https://factory.berlin.example",
    "registry": "registry.berlin.example:5000",
}
KEY = PrivateKey.make()
LOCK = f"stacks/{SITE}.lock.json"


@pytest.fixture(scope="module")
def value(site_value: dict[str, object]) -> dict[str, object]:
    """A site whose factory verifies what it reads."""
    verification = {"publicKey": KEY.public_pem}
    return {
        **site_value,
        "images": [],
        "imageFactory": {**FACTORY, "verification": verification},
        "policy": {"allowedHosts": ["registry.berlin.example", "factory.berlin.example"]},
    }


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory, value: dict[str, object]) -> Path:
    """A project whose lock and store are whole; tests copy it."""
    return lock_and_fetch(tmp_path_factory.mktemp("fetched"), value)


@pytest.fixture
def site(project: Path, fetched: Path, value: dict[str, object]) -> Path:
    """The project, with the factory, locked and fetched; and its key."""
    write_site(project, value)
    shutil.copytree(fetched / "store", project / "store")
    shutil.copy(fetched / LOCK, project / "stacks")
    (project / "site.key").write_bytes(KEY.private_pem())
    return project


def test_check_asks_for_sign_and_sign_is_enough(site: Path, airgap: Command) -> None:
    before = airgap("check", SITE)
    assert before.exit_code == 1
    lines = [line for line in before.stdout.splitlines() if "factory-signed" in line]
    read = factory_artifacts(read_lock(site / LOCK))
    assert len(lines) == len(read) > 0
    assert all(f"run: python -m airgap sign {SITE} --key FILE" in line for line in lines)
    signed = airgap("sign", SITE, "--key", "site.key")
    assert signed.exit_code == 0, signed.stderr
    assert f"{LOCK}: written; {len(read)} signed, 0 were signed; {KEY.signer}" in signed.stdout
    after = airgap("check", SITE)
    assert (after.exit_code, "factory-signed" in after.stdout) == (0, False)


def test_a_second_run_changes_no_byte_and_lock_and_fetch_keep_it(
    site: Path, airgap: Command
) -> None:
    assert airgap("sign", SITE, "--key", "site.key").exit_code == 0
    lock = (site / LOCK).read_bytes()
    again = airgap("sign", SITE, "--key", "site.key")
    assert f"{LOCK}: unchanged; 0 signed, " in again.stdout
    locked = airgap("lock", SITE)
    assert "note: imageFactory.verification" not in locked.stderr
    assert (site / LOCK).read_bytes() == lock
    total = len(read_lock(site / LOCK).images) + len(read_lock(site / LOCK).assets)
    assert f"0 images and 0 boot assets fetched, {total} were there" in airgap("fetch", SITE).stdout


def test_a_colleague_without_the_key_fetches_the_same(site: Path, airgap: Command) -> None:
    assert airgap("sign", SITE, "--key", "site.key").exit_code == 0
    (site / "site.key").unlink()
    shutil.rmtree(site / "store")
    assert airgap("fetch", SITE).exit_code == 0
    for pin in factory_signatures(read_lock(site / LOCK)).values():
        assert (site / "store/blobs/sha256" / pin.digest.removeprefix("sha256:")).is_file()
    assert airgap("check", SITE).exit_code == 0


def test_an_encrypted_key_takes_its_password_from_the_environment(
    site: Path, airgap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "site.key").write_bytes(KEY.private_pem(b"a secret"))
    monkeypatch.setenv("SITE_KEY_PASSWORD", "a secret")
    command = ("sign", SITE, "--key", "site.key")
    without = airgap(*command)
    assert (without.exit_code, "it is encrypted" in without.stderr) == (1, True)
    assert "--key-password-env" in without.stderr
    unset = airgap(*command, "--key-password-env", "NO_SUCH_NAME")
    assert (unset.exit_code, "no NO_SUCH_NAME" in unset.stderr) == (1, True)
    done = airgap(*command, "--key-password-env", "SITE_KEY_PASSWORD")
    assert done.exit_code == 0, done.stderr
    assert "a secret" not in done.stdout + done.stderr


def test_another_key_than_the_factory_trusts_is_refused(site: Path, airgap: Command) -> None:
    lock = (site / LOCK).read_bytes()
    other = PrivateKey.make()
    (site / "site.key").write_bytes(other.private_pem())
    refused = airgap("sign", SITE, "--key", "site.key")
    assert refused.exit_code == 1
    assert f"the site's factory trusts {KEY.signer}, this is {other.signer}" in refused.stderr
    assert (site / LOCK).read_bytes() == lock


def test_a_site_without_a_factory_has_nothing_to_sign(ready: Path, airgap: Command) -> None:
    (ready / "site.key").write_bytes(KEY.private_pem())
    refused = airgap("sign", SITE, "--key", "site.key")
    assert refused.exit_code == 1
    assert "no Image Factory" in refused.stderr


def test_a_key_is_made_once_and_never_overwritten(project: Path, airgap: Command) -> None:
    made = airgap("sign", "--make-key", "new.key")
    assert made.exit_code == 0, made.stderr
    key = PrivateKey.from_pem((project / "new.key").read_bytes())
    assert stat.S_IMODE((project / "new.key").stat().st_mode) == 0o600
    assert (project / "new.key.pub").read_text() == key.public_pem
    assert key.signer in made.stdout
    for present, absent in (("new.key", "new.key.pub"), ("new.key.pub", "new.key")):
        (project / present).write_text("kept")
        (project / absent).unlink(missing_ok=True)
        again = airgap("sign", "--make-key", "new.key")
        assert (again.exit_code, "is there already" in again.stderr) == (1, True)
        assert (project / present).read_text() == "kept"
        assert not (project / absent).exists()


@pytest.mark.parametrize(
    "arguments", [(), (SITE,), ("--key", "k"), (SITE, "--make-key", "k")], ids=" ".join
)
def test_wrong_usage_is_said(project: Path, airgap: Command, arguments: tuple[str, ...]) -> None:
    assert airgap("sign", *arguments).exit_code == 2
    assert not (project / "k").exists()
