"""What is done for a site in a pull request, and how each step of it ended."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "DRIFT",
    "LOCK",
    "PAGE",
    "POLICIES",
    "PREVIEW",
    "PREVIEW_PAGE",
    "PREVIEW_REPORT",
    "REPORT",
    "Step",
]

LOCK, POLICIES, REPORT, PAGE = "lock", "policies", "report", "HTML page"
PREVIEW, PREVIEW_REPORT, PREVIEW_PAGE = "pulumi preview", "preview's report", "preview's HTML page"
DRIFT = "receipt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was done for a site.

    Attributes:
        title: What, for people; one of the above.
        code: How it ended; 0 is well.
        output: What it said.
        is_judged: Whether another code than 0 makes the site unfit.
        whole: Where all of the output is.
    """

    title: str
    code: int
    output: str
    is_judged: bool = True
    whole: str = "the log"

    @property
    def is_fit(self) -> bool:
        """Whether it speaks for the site."""
        return self.code == 0 or not self.is_judged

    @property
    def is_broken(self) -> bool:
        """Whether it came to no end, and what it said is why: as `python -m airgap` says it."""
        return self.code != 0 and self.output.startswith("error: ")

    @property
    def verdict(self) -> str:
        """How it ended, for people."""
        if self.code == 0:
            return "fit"
        judged = f"exit {self.code}"
        if self.is_judged:
            return judged
        return f"{'not done' if self.is_broken else 'differs'} ({judged}), only told"
