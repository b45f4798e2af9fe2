"""The service level: a formula with three switches, which an organisation sets and we cannot see.

    over    answered, less those over the target as the API counted them then; or, with a threshold
            of our own, answered within it
    under   answered + abandoned (or not), less short abandons (or not) + flowed out (or not)

The switches are retroactive: the same past day changes when an administrator turns one. So they are
parameters here, and the formula that was used is printed under the figure. Where all abandons are
left out, short ones are among them and are not taken off once more (a guess). What the defaults of
an organisation are is not known; ours are the shortest formula. (Help page on the service level.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from lastpage.errors import UsageError
from lastpage.tables.figures import Ratio

#: Callbacks seem to have a service level of their own, `oCallbackServiceLevel`: a guess.
NEVER = ("callback",)
TYPED = re.compile(r"(\d{1,3})/(\d{1,5})")


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """What counts as in time, and out of how many."""

    #: In time is what was answered within so many seconds; None: what did not miss its target.
    seconds: int | None = None
    #: The percentage that should be in time, to be shown beside the figure.
    target: int | None = None
    flow_outs: bool = False
    short_abandons: bool = True
    abandons: bool = True

    @classmethod
    def parse(cls, text: str | None, **switches: bool) -> Self:
        """`80/20`: 80 % within 20 seconds; None is the organisation's own target."""
        if text is None:
            return cls(**switches)
        found = TYPED.fullmatch(text.strip())
        if not found or not 0 < int(found[1]) <= 100 or not int(found[2]):
            raise UsageError(f"--sl {text!r} is no service level; write 80/20: 80 % in 20 seconds")
        return cls(int(found[2]), int(found[1]), **switches)

    @property
    def ratio(self) -> Ratio:
        """The figure, over the columns of a cell."""
        over = "answered - over_sla" if self.seconds is None else "answered_in_time"
        source = "help: service level" if self.seconds is None else "a threshold of ours"
        return Ratio(
            "service_level_pct", over, self.under, 100, "vendor", source, self.counted, NEVER
        )

    @property
    def under(self) -> str:
        """What it is divided by, over the columns of a cell."""
        parts = ["answered"]
        if self.abandons:
            parts.append("+ abandoned")
            parts += [] if self.short_abandons else ["- short_abandons"]
        parts += ["+ flowed_out"] if self.flow_outs else []
        return " ".join(parts)

    @property
    def counted(self) -> str:
        """How this was counted."""
        whose = (
            "Answered within the target of queue and medium as it was then"
            if self.seconds is None
            else f"Answered within {self.seconds} s (ours, not the organisation's target)"
        )
        under = self.under.replace("_", " ").replace(" -", ", less")
        return (
            f"{whose} ÷ ({under}). What an organisation takes into it are three switches, which "
            "change past days, too; give those of yours. Null for callbacks."
        )

    @property
    def in_time(self) -> dict[str, str]:
        """The further sum that a threshold of our own needs, as SQL over `name` and `value`."""
        if self.seconds is None:
            return {}
        most = self.seconds * 1_000
        test = f"name = 'tAnswered' and value <= {most}"
        return {"answered_in_time": f"count(*) filter (where {test})"}
