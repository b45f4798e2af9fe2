"""The generated part of docs/guide.md: how an interval is written."""

from __future__ import annotations

from lastpage.query.written import FORMS


def intervals() -> str:
    """A row for each form."""
    rows = ((", ".join(f"`{each}`" for each in forms.split(", ")), means) for forms, means in FORMS)
    return "\n".join(["| typed | means |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])
