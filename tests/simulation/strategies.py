"""Strategies for lives: mostly without faults, with a few faults each."""

from __future__ import annotations

from typing import Any, Final

import attrs
from hypothesis import strategies as st

from tests.simulation.batches import BatchPlan
from tests.simulation.passports import PassportPlan
from tests.simulation.plans import CallPlan, Delivery, LifePlan, RunPlan

SECONDS: Final = st.sampled_from([0.0, 0.0, 0.5, 1.0, 3.0, 9.0, 12.0, 20.0, 40.0])


def _rarely(value: Any, chosen: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(value), st.just(value), chosen)


deliveries = st.builds(
    Delivery,
    cut_after=_rarely(None, st.integers(0, 2500)),
    breaks=st.booleans(),
    split=_rarely(None, st.integers(1, 400)),
    pings=_rarely(True, st.just(False)),
)
_FOLLOWING = st.sampled_from(
    ["stream", "stream", "refused", "vanishes", "500", "429", "404", "json", "pings", "foreign", "silent"]
)
_RECORDS = st.sampled_from(["true", "true", "refused", "vanishes", "500", "404", "foreign", "empty"])
followings = st.tuples(_FOLLOWING, deliveries)
runs = st.builds(
    RunPlan,
    gaps=st.lists(SECONDS, max_size=4).map(tuple),
    end=st.sampled_from(
        ["succeeded", "succeeded", "succeeded", "failed", "paused", "error", "foreign", "never"]
    ),
    end_after=SECONDS,
    reactions=_rarely(
        (),
        st.lists(
            st.sampled_from(["refused", "busy", "unavailable", "unauthorized", "vanishes", "json"]),
            max_size=3,
        ).map(tuple),
    ),
    headers_after=SECONDS,
    delivery=deliveries,
    followed=_rarely((), st.lists(followings, max_size=4).map(tuple)),
    then_followed=_rarely(("stream", Delivery()), followings),
    records=_rarely((), st.lists(_RECORDS, max_size=4).map(tuple)),
    stop=st.sampled_from(["works", "works", "fails", "hangs"]),
)
calls = st.builds(
    CallPlan,
    run=runs,
    call=st.sampled_from(["iterate", "iterate", "text", "result", "submit", "wait", "attach", "blocking"]),
    after=_rarely(0.0, SECONDS),
    pause=_rarely(0.0, SECONDS),
    leaves_after=_rarely(None, st.integers(1, 6)),
    leaves_by=st.sampled_from(["break", "exception"]),
    detaches=_rarely(False, st.just(True)),
    ping_raises=_rarely(False, st.just(True)),
    interruption=_rarely(
        None,
        st.sampled_from(
            ["cancel", "cancel", "timeout", "close", "close", "close client", "close session", "end loop"]
        ),
    ),
    step=st.integers(0, 60),
    seconds=st.none() | st.sampled_from([0.3, 1.0, 2.5, 7.0, 15.0, 45.0]),
    total=_rarely(None, st.sampled_from([2.0, 8.0, 30.0, 90.0])),
)


def _possible(found: list[CallPlan]) -> tuple[CallPlan, ...]:
    """Return the calls; a blocking one drives the loop, so there is one, and the loop is not closed early."""
    if not any(call.call == "blocking" for call in found):
        return tuple(found)
    first = next(call for call in found if call.call == "blocking")
    others = [attrs.evolve(call, call="iterate") if call.call == "blocking" else call for call in found]
    others[found.index(first)] = first
    return tuple(
        attrs.evolve(call, interruption="cancel") if call.interruption == "end loop" else call
        for call in others
    )


def _alone(life: LifePlan) -> LifePlan:
    """Return the life; where there is one connection, a second call would only wait for it."""
    return attrs.evolve(life, calls=life.calls[:1]) if life.one_connection else life


lives = st.builds(
    LifePlan,
    calls=st.lists(calls, min_size=1, max_size=3).map(_possible),
    slots=st.integers(1, 3),
    one_connection=_rarely(False, st.booleans()),
    on_abandon=st.sampled_from(["stop", "stop", "stop", "detach"]),
    limiter=st.sampled_from(["none", "counts", "counts", "counts", "raises", "cancels", "raises at the end"]),
    idle=st.sampled_from([5.0, 15.0, 25.0, 330.0]),
    read=st.sampled_from([5.0, 15.0, 60.0]),
    attempts=st.integers(1, 3),
    seed=st.integers(0, 3),
).map(_alone)

_SHORT: Final = st.sampled_from([0.0, 0.0, 1.0, 5.0])
rows = st.builds(
    RunPlan,
    gaps=st.lists(_SHORT, max_size=2).map(tuple),
    end=st.sampled_from(["succeeded", "succeeded", "succeeded", "failed", "error"]),
    end_after=_SHORT,
    reactions=_rarely((), st.sampled_from([("busy",), ("refused",), ("vanishes",), ("unavailable",)])),
    headers_after=_SHORT,
    delivery=deliveries,
    followed=_rarely((), st.lists(followings, max_size=2).map(tuple)),
    records=_rarely((), st.lists(_RECORDS, max_size=2).map(tuple)),
)
batches = st.builds(
    BatchPlan,
    rows=st.lists(rows, min_size=1, max_size=5).map(tuple),
    concurrency=st.integers(1, 3),
    ordered=st.booleans(),
    kills=st.lists(st.integers(0, 60), max_size=3).map(tuple),
    torn=_rarely(0, st.integers(1, 80)),
    seconds=_SHORT,
    rows_end=_rarely(None, st.tuples(st.integers(0, 4), st.sampled_from(["cancelled", "exception"]))),
    limiter_cancels=_rarely(None, st.integers(0, 4)),
    seed=st.integers(0, 3),
)

passports = st.builds(
    PassportPlan,
    starts=st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.2, 1.0, 3.0]), min_size=1, max_size=6).map(tuple),
    issues=_rarely(
        (),
        st.lists(
            st.sampled_from(["valid", "invalid", "refused", "500", "503", "429", "404", "vanishes", "empty"]),
            max_size=5,
        ).map(tuple),
    ),
    after=st.sampled_from([0.0, 0.5, 4.0, 20.0]),
    expire=_rarely((), st.lists(st.sampled_from([0.1, 0.5, 1.0, 4.5]), max_size=2).map(tuple)),
    cancelled=_rarely(None, st.integers(0, 5)),
    cancelled_after=st.sampled_from([0.0, 0.1, 0.5, 0.6]),
    attempts=st.integers(1, 3),
    seed=st.integers(0, 3),
)
