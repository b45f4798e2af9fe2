"""Rewrite the generated parts of docs/ and INVARIANTS.md: `make docs`. A test fails while a page is
not what this would write.

A page may be prose with generated blocks in it. A block stands between two marks, and only what is
between them is rewritten:

    <!-- errors: answers -->
    …
    <!-- end -->

To add one: write the marks into the page, and the function that makes its text into `BLOCKS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from docs import (
    commands_page,
    coverage_page,
    errors_page,
    figures_page,
    guide_page,
    invariants_page,
    tables_page,
)

ROOT = Path(__file__).parents[1]
PAGES = (*sorted((ROOT / "docs").glob("*.md")), ROOT / "INVARIANTS.md")
#: The name of each block, and what makes its text.
BLOCKS: Mapping[str, Callable[[], str]] = {
    "commands: commands": commands_page.commands,
    "coverage: evidence": coverage_page.evidence,
    "coverage: readings": coverage_page.readings,
    "coverage: verdict": coverage_page.verdict,
    "coverage: gaps": coverage_page.gaps,
    "coverage: signs": coverage_page.signs,
    "coverage: other way": coverage_page.other_way,
    "coverage: due": coverage_page.due,
    "coverage: versions": coverage_page.versions,
    "coverage: proofs": coverage_page.proofs,
    "coverage: second reading": coverage_page.second_reading,
    "coverage: outcomes": coverage_page.outcomes,
    "coverage: missing": coverage_page.missing,
    "coverage: by id": coverage_page.by_id,
    "errors: classes": errors_page.classes,
    "errors: answers": errors_page.answers,
    "errors: others": errors_page.others,
    "errors: faults": errors_page.faults,
    "figures: sums": figures_page.sums,
    "figures: made": figures_page.made,
    "figures: ratios": figures_page.ratios,
    "guide: intervals": guide_page.intervals,
    "invariants: promises": invariants_page.promises,
    "tables: columns": tables_page.columns,
    "tables: diagram": tables_page.diagram,
    "tables: overview": tables_page.defined,
}
MARKED = re.compile(r"<!-- (?P<name>\w+: [^>]*?) -->\n(.*?)<!-- end -->", re.DOTALL)


def rewritten(text: str) -> str:
    """A page with its blocks as they should be; KeyError for a mark that names no block."""
    return MARKED.sub(
        lambda found: f"<!-- {found['name']} -->\n{BLOCKS[found['name']]()}\n<!-- end -->", text
    )


def main() -> None:
    """Rewrite what is stale, and say what it was."""
    for page in PAGES:
        before = page.read_text("utf-8")
        after = rewritten(before)
        if after != before:
            page.write_text(after, "utf-8")
            print(f"{page.relative_to(ROOT)} is rewritten")


if __name__ == "__main__":
    main()
