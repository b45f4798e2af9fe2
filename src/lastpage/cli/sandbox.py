"""`lastpage sandbox`: the emulator, for everybody who has no organisation to develop against."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from lastpage.errors import UsageError


def sandbox(
    *,
    port: int = 8025,
    host: str = "127.0.0.1",
    seed: int = 1,
    per_day: int = 2000,
    now: str | None = None,
    faults: Literal["calm", "rough", "hostile"] = "calm",
    allowance: Annotated[int, Parameter(name="--requests-per-minute")] = 300,
) -> int:
    """Serve an emulated organisation on this machine; prints the variables that point lastpage (and the SDKs) to it.

    Parameters
    ----------
    port
        Where to listen; 0 takes a free one.
    host
        Loopback unless another interface is asked for.
    seed
        Which organisation: the same seed has the same conversations.
    per_day
        Conversations a day.
    now
        The time the sandbox's clock starts at; the real time if not given.
    faults
        How often answers go wrong.
    allowance
        Requests a minute before 429.

    """
    from lastpage_sandbox import Settings, serve_forever  # noqa: PLC0415 - only this verb and demo need the sandbox

    try:
        settings = Settings(seed=seed, per_day=per_day, requests_per_minute=allowance, profile=faults)
    except ValueError as problem:
        raise UsageError(str(problem)) from None
    return int(serve_forever(settings, host=host, port=port, now=now, out=sys.stdout) or 0)
