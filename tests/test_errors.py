"""The error tree: one line in `str`, everything in `diagnostics`."""

from __future__ import annotations

from airgap.errors import AirgapError, Fault, SiteError, TransferError, redact

__all__: list[str] = []


def failures(count: int) -> list[tuple[str, AirgapError]]:
    return [(f"image-{n}", AirgapError("refused", hint="start the registry")) for n in range(count)]


def test_many_failures_are_one_short_line() -> None:
    line = str(TransferError("push", failures(100)))
    assert line.startswith("push: 100 items failed: image-0: refused")
    assert line.endswith("and 97 more")
    assert "\n" not in line


def test_diagnostics_name_every_failed_item_and_each_hint_once() -> None:
    lines = TransferError("push", failures(100)).diagnostics().splitlines()
    assert [line.strip() for line in lines[1:-1]] == [f"image-{n}: refused" for n in range(100)]
    assert lines[-1] == "  → start the registry"


def test_a_document_s_faults_are_told_at_once() -> None:
    faults = [Fault(path="site.a", message="unknown"), Fault(path="site.b", message="missing")]
    error = SiteError("berlin", faults)
    assert "2 faults" in str(error)
    assert error.diagnostics().splitlines() == [
        "berlin:",
        "  site.a: unknown",
        "  site.b: missing",
    ]


def test_user_information_and_queries_never_reach_a_message() -> None:
    assert redact("https://user:pw@r.example/v2/?token=t") == "https://r.example/v2/?…"
