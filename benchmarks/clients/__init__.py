"""One module per client library. Each has the same names, and uses its library as its documentation shows.

- `TITLE`: the name in tables.
- `PACKAGES`: the distributions whose versions are recorded.
- `IMPORT`: the statement a program starts with.
- `connect(base_url, width)`: an async context manager that yields a `Client`, for `width` calls at once.
- `connect_blocking(base_url)`: a context manager that yields a `BlockingClient`.
- `LACKS`: by discipline, why the library cannot do it. `NOTES`: what a reader of its figures should know.

A client raises nothing if events are missing: it counts what it has seen.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, cast

NAMES: Final = (
    "aiohttp_orjson",
    "dify_sdk",
    "httpx_sse",
    "requests_sseclient",
    "dify_client_python",
    "dify_oapi2",
    "openai_parser",
)
"""The modules of all clients, in the order of the tables."""
BASELINE: Final = "aiohttp_orjson"
OURS: Final = "dify_sdk"

Inputs: TypeAlias = dict[str, Any]
"""The inputs of a run, which tell the server what to send. See `benchmarks._server`."""
OnText: TypeAlias = Callable[[str], None]
"""Called with the text of each `text_chunk`."""


class Client(NamedTuple):
    """What a benchmark does with a library."""

    stream: Callable[[Inputs, OnText], Coroutine[Any, Any, int]]
    """Stream a run to its end, and return the number of events without pings."""
    get: Callable[[str], Coroutine[Any, Any, str | None]]
    """Return the id in the details of a run, or None for a library that cannot fetch them."""
    rows: Callable[[int, Inputs], Coroutine[Any, Any, int]] | None = None
    """Run so many rows with the same inputs, 50 at once, and return how many succeeded."""


class BlockingClient(NamedTuple):
    """The same, without `await`."""

    stream: Callable[[Inputs, OnText], int]
    get: Callable[[str], str | None]


class ClientModule(Protocol):
    TITLE: str
    PACKAGES: tuple[str, ...]
    IMPORT: str
    LACKS: Mapping[str, str]
    NOTES: tuple[str, ...]

    def connect(self, base_url: str, width: int) -> AbstractAsyncContextManager[Client]: ...

    def connect_blocking(self, base_url: str) -> AbstractContextManager[BlockingClient]: ...


def load(name: str) -> ClientModule:
    """Import the module of a client. Its library is imported when it connects."""
    return cast(ClientModule, importlib.import_module(f"benchmarks.clients.{name}"))


HEADERS: Final = {"Authorization": "Bearer app-bench"}


def run_body(inputs: Inputs) -> dict[str, Any]:
    """Return the body of the request that starts a run."""
    return {"inputs": inputs, "response_mode": "streaming", "user": "bench"}
