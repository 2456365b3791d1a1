"""Blocking clients with the same methods, for scripts, notebooks, threads and task queues.

```python
from dify_async.sync import AppClient

with AppClient("app-...", user="ada") as client:
    result = client.workflows.run({"city": "Lisbon"})
```

Names, arguments, results and errors are the same as in `dify_async`. All clients of a process share one
thread with one event loop, which the first call starts; any number of threads may use them. They also work
where an event loop is running, as in a notebook, but a call blocks that loop: in async code, use the clients
of `dify_async`. A process may fork before and after using them. Processes that gevent has patched are not
supported.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from dify_async import _probe
from dify_async.sync.app import AppClient
from dify_async.sync.batch import Batch
from dify_async.sync.pager import Pager
from dify_async.sync.stream import EventStream
from dify_async.sync.web import WebAppClient
from dify_async.sync.wrap import blocking_function

if TYPE_CHECKING:
    from dify_async.sync.knowledge import KnowledgeClient

__all__ = ["AppClient", "Batch", "EventStream", "KnowledgeClient", "Pager", "WebAppClient", "probe"]

probe = blocking_function(_probe.probe)


def __getattr__(name: str) -> object:
    if name != "KnowledgeClient":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Imported at first use, because the other clients do not need its models.
    value = globals()[name] = import_module(f"{__name__}.knowledge").KnowledgeClient
    return value
