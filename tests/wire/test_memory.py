"""Memory use of decoding."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from dify_async._wire.decoding.decode import decode_event, decode_model
from dify_async.models import WorkflowRun

TINY = b"[" + b"{}," * 100_000 + b"{}]"


def peak_of(call: Callable[[bytes], object], payload: bytes) -> int:
    """Return the bytes that a call allocates at most."""
    tracemalloc.start()
    try:
        call(payload)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak


@pytest.mark.parametrize("name", ["workflow_finished", "brand_new", "node_finished"])
def test_an_event_of_tiny_objects_is_parsed_once_at_a_time(name: str) -> None:
    payload = b'{"event":"%b","data":{"outputs":{"a":%b}}}' % (name.encode(), TINY)
    for _ in range(2):  # The first response of a type takes a different path.
        assert peak_of(decode_event, payload) < 40 * len(payload)


def test_a_model_of_tiny_objects_is_parsed_once_at_a_time() -> None:
    payload = b'{"outputs":{"a":%b}}' % TINY
    assert peak_of(lambda body: decode_model(WorkflowRun, body), payload) < 40 * len(payload)
