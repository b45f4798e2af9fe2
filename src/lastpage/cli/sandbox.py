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
    per_day: float = 2000,
    now: str | None = None,
    rate: float = 1.0,
    faults: Literal["calm", "rough", "hostile"] = "calm",
    allowance: Annotated[int, Parameter(name="--requests-per-minute")] = 300,
    watermark_lag: Annotated[float, Parameter(name="--watermark-lag")] = 6,
    dialect: Literal["none", "next-page-token"] = "none",
    switches: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = (),
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
    rate
        Seconds that pass in the sandbox while one passes outside; 0 stands still.
    faults
        How often answers go wrong.
    allowance
        Requests a minute before 429.
    watermark_lag
        Hours that jobs are behind.
    dialect
        Whether the details query speaks of a nextPageToken, as some guides do.
    switches
        Any other switch of the sandbox, as name=value; repeatable. The sandbox's README lists them.

    """
    from lastpage_sandbox import Settings, serve_forever  # noqa: PLC0415 - only this verb and demo need the sandbox
    from lastpage_sandbox.switches import read  # noqa: PLC0415 - the same

    try:
        named = {
            "seed": seed,
            "per_day": per_day,
            "requests_per_minute": allowance,
            "watermark_lag_s": watermark_lag * 3600,
            "profile": faults,
            "dialect": dialect,
        }
        settings = Settings(**{**named, **read(switches)})
        return int(serve_forever(settings, host=host, port=port, now=now, rate=rate, out=sys.stdout) or 0)
    except ValueError as problem:
        raise UsageError(str(problem)) from None
