"""requests with sseclient-py, as in the README of sseclient-py."""

# ruff: noqa: PLC0415 - each client runs in its own process, and imports only what it needs
from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Final, cast

from benchmarks.clients import HEADERS, BlockingClient, Client, Inputs, OnText, run_body

TITLE: Final = "requests + sseclient-py"
PACKAGES: Final = ("requests", "sseclient-py")
IMPORT: Final = "import requests, sseclient"
_BLOCKING: Final = "blocking only"
LACKS: Final = {
    "decode": _BLOCKING,
    "calls": _BLOCKING,
    "calls_at_once": _BLOCKING,
    "fan_out": "blocking only: each stream needs a thread",
    "first_text": _BLOCKING,
    "memory": "blocking only: each stream needs a thread",
    "rows": "has no batches",
    "large_event": _BLOCKING,
}
NOTES: Final[tuple[str, ...]] = ()


def connect(base_url: str, width: int) -> AbstractAsyncContextManager[Client]:
    raise NotImplementedError(_BLOCKING)


@contextmanager
def connect_blocking(base_url: str) -> Iterator[BlockingClient]:
    import requests
    import sseclient

    def stream(inputs: Inputs, on_text: OnText) -> int:
        events = 0
        url = f"{base_url}/workflows/run"
        with session.post(url, json=run_body(inputs), stream=True, timeout=60) as response:
            for sse in sseclient.SSEClient(cast(Iterator[bytes], response)).events():
                event = json.loads(sse.data)
                events += 1
                if event["event"] == "text_chunk":
                    on_text(event["data"]["text"])
        return events

    def get(run_id: str) -> str | None:
        found: str = session.get(f"{base_url}/workflows/run/{run_id}", timeout=60).json()["id"]
        return found

    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(HEADERS)
        yield BlockingClient(stream, get)
