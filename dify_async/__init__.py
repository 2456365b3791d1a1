"""The Python SDK for Dify: async first.

```python
from dify_async import AppClient, events

async with AppClient("app-...", user="ada") as client:
    result = await client.workflows.run({"city": "Lisbon"})
```
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from dify_async._version import __version__

if TYPE_CHECKING:
    from dify_async import errors, events, models
    from dify_async._http.pager import Pager
    from dify_async._http.request import Response
    from dify_async._probe import Probe, probe
    from dify_async._streaming.stream import EventStream
    from dify_async.batch import Batch, Failure, Outcome, Success
    from dify_async.clients.app import AppClient
    from dify_async.clients.knowledge import KnowledgeClient
    from dify_async.clients.web import WebAppClient
    from dify_async.files import InputFile
    from dify_async.models.runs import RunHandle
    from dify_async.observer import Observer
    from dify_async.resources.knowledge.folder_report import SyncAction, SyncChange, SyncReport
    from dify_async.settings import Retry, Timeouts

__all__ = [
    "AppClient",
    "Batch",
    "EventStream",
    "Failure",
    "InputFile",
    "KnowledgeClient",
    "Observer",
    "Outcome",
    "Pager",
    "Probe",
    "Response",
    "Retry",
    "RunHandle",
    "Success",
    "SyncAction",
    "SyncChange",
    "SyncReport",
    "Timeouts",
    "WebAppClient",
    "__version__",
    "errors",
    "events",
    "models",
    "probe",
]

_MODULES = {
    "AppClient": "clients.app",
    "Batch": "batch",
    "EventStream": "_streaming.stream",
    "Failure": "batch",
    "InputFile": "files",
    "KnowledgeClient": "clients.knowledge",
    "Observer": "observer",
    "Outcome": "batch",
    "Pager": "_http.pager",
    "Probe": "_probe",
    "Response": "_http.request",
    "Retry": "settings",
    "RunHandle": "models.runs",
    "Success": "batch",
    "SyncAction": "resources.knowledge.folder_report",
    "SyncChange": "resources.knowledge.folder_report",
    "SyncReport": "resources.knowledge.folder_report",
    "Timeouts": "settings",
    "WebAppClient": "clients.web",
    "probe": "_probe",
}
"""The module of each name. Modules are imported at first use: aiohttp alone takes most of a second to import
on a small machine, and a program that only reads events or errors does not need it."""


def __getattr__(name: str) -> object:
    if name in {"errors", "events", "models"}:
        return import_module(f"dify_async.{name}")
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'dify_async' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"dify_async.{module}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
