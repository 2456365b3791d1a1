"""JSON to events and to results, for events with anything in any place, and for documents of any shape."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from dify_async import events
from dify_async.events import Event
from tests.wire.test_decode import places, recorded_events

fuzzed = settings.get_profile("fuzz")

KINDS = {
    kind.event: kind
    for kind in vars(events).values()
    if isinstance(kind, type) and issubclass(kind, Event) and isinstance(getattr(kind, "event", None), str)
}
"""The classes of all events, by name."""

EXAMPLES: dict[str, Any] = {event.event: event.raw for event in recorded_events() if event.event in KINDS}
"""One good event of each name: recorded, or for those that were never recorded with an empty `data`."""

Step = str | int
Path = tuple[Step, ...]

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(
        ["1", "-0", "1_0", "9" * 30, "²", "NaN", "sNaN", "1e999", "{}", "[]", '{"a":', "\ud800", "2024-07-18",
         "2024-07-18T03:17:40+99:99", "Thu, 18 Jul 2024 03:17:40 -0000", "Thu, 99 Foo", "succeeded", "failed",
         "paused", "stopped", "error", "human_input_required"]
    )
    | st.sampled_from([0, -1, 2**31, 2**63, 10**12, 253402300800, -62135596801, 1e308]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def paths(value: object, above: Path = ()) -> list[Path]:
    """Give the ways to all that a JSON value holds."""
    inner: list[tuple[Step, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path for step, held in inner for path in [(*above, step), *paths(held, (*above, step))]]


def declared(kind: type[Event]) -> list[Path]:
    """Give the ways to all fields of a class and of what they hold."""
    return [
        (*(step for _, key, listed in place.way for step in ((key, 0) if listed else (key,))), place.key)
        for place in places(kind)
    ]


def changed(whole: Any, path: Path, *value: object) -> None:
    """Put a value in a place of a JSON document, or delete what is there; what lies between is made."""
    for step, after in zip(path, path[1:], strict=False):
        inner = whole[step] if (isinstance(whole, dict) and step in whole) or (step == 0 and whole) else None
        if not isinstance(inner, dict if isinstance(after, str) else list):
            inner = {} if isinstance(after, str) else []
            put(whole, step, inner)
        whole = inner
    put(whole, path[-1], *value)
