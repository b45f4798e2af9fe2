"""The README's tables, drawn from the code: `python -m lastpage_sandbox.manual` writes them anew, a
test compares.
"""

from __future__ import annotations

from pathlib import Path

from lastpage_sandbox import control, living, switches
from lastpage_sandbox.faults import ANY, RATES, WORDS, Word

README = Path(__file__).with_name("README.md")


def rewritten(text: str) -> str:
    """The text with each table between its marks as the code has it now."""
    for name, table in {
        "words": _words(),
        "control": _control(),
        "living": living.table(),
        "switches": switches.table(),
    }.items():
        head, mark, rest = text.partition(f"<!-- {name} -->\n")
        _, end, tail = rest.partition("<!-- end -->")
        text = head + mark + table + "\n" + end + tail
    return text


def _words() -> str:
    rows = [f"| `{word.spelt}` | {word.does} | {_places(word)} |" for word in WORDS]
    shares = ", ".join(f"`{name}` {share:.0%}" for name, share in RATES.items())
    return "\n".join(
        [
            "| word | what happens | endpoints |",
            "|---|---|---|",
            *rows,
            "",
            f"Share of answers that go wrong: {shares}.",
        ]
    )


def _places(word: Word) -> str:
    if word.endpoints == ANY:
        return "any"
    missing = ANY - word.endpoints
    if len(missing) < len(word.endpoints):
        return f"any but `{'`, `'.join(sorted(missing))}`"
    return ", ".join(f"`{endpoint}`" for endpoint in sorted(word.endpoints))


def _control() -> str:
    rows = [
        f"| {method} | `{control.PLANE}{path}` | {does} |"
        for method, path, _, does in control.ROUTES
    ]
    return "\n".join(["| | path | what it does |", "|---|---|---|", *rows])


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text("utf-8")), "utf-8")
