"""Events out of order, lost or repeated: the result is the same, or its `gap` is True.

A server under load drops events of slow readers, and branches of a run write into one stream.
"""

from __future__ import annotations

import random
from typing import Any

import attrs
import pytest

from dify_async._wire.decoding.decode import decode_event
from dify_async._wire.results import Accumulator, ChatAccumulator, WorkflowAccumulator
from dify_async._wire.sse import EventParser
from dify_async.events import Event, NodeFinished, NodeStarted
from tests.support import recordings

TERMINAL = {"workflow_finished", "workflow_paused", "error"}


def whole_streams(first: str, last: set[str]) -> list[str]:
    return [
        one.name
        for one in recordings.streams()
        if f'"event": "{first}"'.encode() in one.body.replace(b'":"', b'": "')
        and any(f'"{name}"'.encode() in one.body for name in last)
        and not one.name.startswith(("reconnect", "human", "chatflow_human"))
    ]


def events_of(name: str) -> list[Event]:
    parser = EventParser(2**26)
    decoded = [decode_event(data) for data in parser.feed(recordings.load(name).body)]
    return [event for event in decoded if event is not None]


def shuffled(events: list[Event], dice: random.Random) -> list[Event]:
    """Return the events in another possible order.

    Events of one node or text keep their order, and the start and end of the run stay first and last.
    """
    lanes: dict[Any, list[Event]] = {}
    first, *middle, last = events
    for event in middle:
        match event:
            case NodeStarted() | NodeFinished():
                lane = event.data.id
            case _:
                lane = event.event
        lanes.setdefault(lane, []).append(event)
    mixed = [first]
    while any(lanes.values()):
        mixed.append(dice.choice([lane for lane in lanes.values() if lane]).pop(0))
    return [*mixed, last]


def lossy(events: list[Event], dice: random.Random) -> list[Event]:
    """Drop a tenth of the events and repeat a tenth, except the start and end of the run."""
    first, *middle, last = events
    return [first, *(event for event in middle for _ in range(dice.choices([0, 1, 2], [1, 8, 1])[0])), last]


def folded(fold: Accumulator[Any], events: list[Event]) -> Any:
    for event in events:
        if not fold.progress.over:
            fold.add(event)
    assert fold.progress.complete
    return fold.result()


WORKFLOWS = [name for name in whole_streams("workflow_started", TERMINAL) if "chat" not in name]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_with_a_lossy_stream_has_the_same_result(name: str) -> None:
    events = events_of(name)
    expected = folded(WorkflowAccumulator(), events)
    for seed in range(20):
        dice = random.Random(seed)
        assert folded(WorkflowAccumulator(), shuffled(events, dice)) == expected
        result = folded(WorkflowAccumulator(), lossy(shuffled(events, dice), dice))
        # Reasoning that was sent separately is in no other event.
        assert attrs.evolve(result, reasoning=expected.reasoning) == expected


def test_a_chatflow_with_a_lossy_stream_has_the_same_answer_and_sets_gap() -> None:
    events = events_of("chatflow_streaming")
    expected = folded(ChatAccumulator(), events)
    assert expected.answer == expected.run.outputs["answer"]
    assert not expected.run.gap
    marked = 0
    for seed in range(50):
        dice = random.Random(seed)
        assert folded(ChatAccumulator(), shuffled(events, dice)) == expected
        result = folded(ChatAccumulator(), lossy(shuffled(events, dice), dice))
        assert result.answer == expected.answer
        marked += result.run.gap
        assert result.run.gap or result == expected
    assert marked > 25, "texts with a lost or repeated piece"


def test_enough_recordings_are_found() -> None:
    assert len(WORKFLOWS) > 20
