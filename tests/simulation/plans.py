"""The plan of a simulated life: actions of the server, of each caller, and of their surroundings."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

End: TypeAlias = Literal["succeeded", "failed", "paused", "error", "foreign", "never"]
Reaction: TypeAlias = Literal["stream", "refused", "busy", "unavailable", "unauthorized", "vanishes", "json"]
Following: TypeAlias = Literal[
    "stream", "refused", "vanishes", "500", "429", "404", "json", "pings", "foreign", "silent"
]
Record: TypeAlias = Literal["true", "refused", "vanishes", "500", "404", "foreign", "empty"]
Call: TypeAlias = Literal["iterate", "text", "result", "submit", "wait", "attach", "blocking"]
Interruption: TypeAlias = Literal["cancel", "timeout", "close", "close client", "close session", "end loop"]


@attrs.frozen
class Delivery:
    """How the bytes of one stream arrive."""

    cut_after: int | None = None
    """Bytes after which the stream ends."""
    breaks: bool = True
    """True if it ends with a broken connection, False for the end of a complete body."""
    split: int | None = None
    """Byte at which sent data is cut in two."""
    pings: bool = True


@attrs.frozen
class RunPlan:
    """One run at the server."""

    gaps: tuple[float, ...] = (0.0, 1.0, 1.0)
    """Seconds before each piece of text."""
    end: End = "succeeded"
    end_after: float = 1.0
    reactions: tuple[Reaction, ...] = ()
    """To the requests that would start it, one after the other; then it is started and streamed."""
    headers_after: float = 0.0
    delivery: Delivery = Delivery()
    followed: tuple[tuple[Following, Delivery], ...] = ()
    """To the requests that follow it; then it is streamed."""
    then_followed: tuple[Following, Delivery] = ("stream", Delivery())
    records: tuple[Record, ...] = ()
    """To the requests for its record; then it is the true one."""
    stop: Literal["works", "fails", "hangs"] = "works"


@attrs.frozen
class CallPlan:
    """One call of the caller, and its run."""

    run: RunPlan = RunPlan()
    call: Call = "iterate"
    after: float = 0.0
    """Seconds after which the call is made."""
    pause: float = 0.0
    """Seconds of the caller's own work after each event."""
    leaves_after: int | None = None
    """Events after which the caller leaves the block."""
    leaves_by: Literal["break", "exception"] = "break"
    detaches: bool = False
    ping_raises: bool = False
    interruption: Interruption | None = None
    step: int = 0
    """Steps of the event loop after which it is interrupted."""
    seconds: float | None = None
    """The same in seconds, instead of steps."""
    total: float | None = None


@attrs.frozen
class LifePlan:
    """The calls of one client, from its creation to its end."""

    calls: tuple[CallPlan, ...] = (CallPlan(),)
    slots: int = 2
    one_connection: bool = False
    on_abandon: Literal["stop", "detach"] = "stop"
    limiter: Literal["none", "counts", "raises", "cancels", "raises at the end"] = "counts"
    idle: float = 25.0
    read: float = 15.0
    attempts: int = 3
    seed: int = 0
