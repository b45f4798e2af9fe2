"""The numbers of a bucket: what was emitted in it, summed up as the API sums it up (docs/api.md,
1.6).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True)
class Summary:
    """The values of one metric in one bucket of one group."""

    values: list[int] = field(default_factory=list)

    def stats(self, metric: str) -> Json:
        """Counts have a count; times and amounts have their extremes and their sum, too."""
        if metric.startswith("n"):
            return {"count": sum(self.values)}
        return {
            "max": max(self.values),
            "min": min(self.values),
            "count": len(self.values),
            "sum": sum(self.values),
        }

    def within(self, limits: Json) -> Summary:
        """Those in `[gte, lt)`; a missing bound is none."""
        low, high = limits.get("gte", float("-inf")), limits.get("lt", float("inf"))
        return Summary([value for value in self.values if low <= value < high])

    def level(self, target: float) -> Json:
        """The share of ones: 1 for each that was answered in time, 0 for each that was not."""
        good, all_ = sum(self.values), len(self.values)
        return {"ratio": good / all_, "numerator": good, "denominator": all_, "target": target}

    def total(self, function: str) -> float:
        """One number for all of them, to sort groups by."""
        whole = {
            "sum": sum(self.values),
            "count": len(self.values),
            "max": max(self.values),
            "min": min(self.values),
        }
        return whole.get(function, whole["sum"] / whole["count"])
