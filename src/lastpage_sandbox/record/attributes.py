"""What flows, scripts and integrations leave on a participant; only job results have it
(docs/api.md, 3.3, 5.4).
"""

from __future__ import annotations

from lastpage_sandbox.record.draft import Draft

#: Keys and values are cut to this many characters (2).
LENGTH_MAX = 1024
NOTES = (
    'said "übermorgen", 5 € — ok ✓',
    "call back\nafter 5 pm",
    "C:\\orders\\4711",
    "👍🏽 done",
    "",
)


def attributes(draft: Draft) -> dict[str, str]:
    """A few free-form strings; one in forty is far too long, and cut."""
    number = draft.below(10**8)
    found = {
        "customerNumber": f"{number:08d}",
        "language": "de",
        "menuPath": "1>3>2",
        "note": NOTES[number % len(NOTES)],
        **{f"flow.step.{step}": f"visited at {step * 7} s" for step in range(number % 12)},
    }
    if number % 40 == 0:
        found["transcript"] = "Guten Tag, ich rufe an wegen der Lieferung. " * 40
    return {key[:LENGTH_MAX]: value[:LENGTH_MAX] for key, value in found.items()}
