"""`lastpage verify`: prove an extract again, against what the API counts now."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
from cyclopts import Parameter

from lastpage.cli.options import FULL, Sending
from lastpage.cli.table import show, table
from lastpage.cli.telling import PLAINLY, Telling
from lastpage.errors import ShortError
from lastpage.verify import Verification

STYLE = {"same": "green", "changed": "bold yellow", "unproven": "yellow", "short": "bold red"}


def verify(
    dest: str = "conversations",
    *,
    sending: Sending = FULL,
    telling: Telling = PLAINLY,
    content: Annotated[bool, Parameter(negative="")] = False,
    repair: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Hold what a destination has against what the API counts now, day by day; exit code 3 if days changed and stay so.

    Parameters
    ----------
    dest
        What was given to fetch as --to.
    content
        Read every day a second time and compare all tables, too; not for JSON lines.
    repair
        Read the days that changed again.
    json
        Print the proofs as JSON.

    """
    cloud = sending.cloud()
    with telling.logging():
        verification = cloud.verify(dest, content=content, repair=repair)
    if json:
        sys.stdout.write(msgspec.json.encode(verification).decode() + "\n")
    else:
        _table(verification)
    return ShortError.exit_code if verification.changed else 0


def _table(verification: Verification) -> None:
    rows = table("day", "conversations", "counted", "", "finality", "why")
    for proof in verification.proofs:
        state = f"[{STYLE[proof.state]}]{proof.state}[/]"
        numbers = (f"{proof.conversations:,}", f"{proof.counted:,}")
        rows.add_row(proof.day, *numbers, state, proof.finality, proof.why)
    changed = len({proof.day for proof in verification.changed})
    days = len({proof.day for proof in verification.proofs})
    show(rows, f"{days - changed:,} of {days:,} days are as the API has them" + _advice(verification))


def _advice(verification: Verification) -> str:
    if verification.repaired:
        return f"; {len(verification.repaired):,} stretches were read again"
    return "; run it with --repair to read the others again" if verification.changed else ""
