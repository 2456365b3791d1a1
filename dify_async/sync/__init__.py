"""Blocking clients: the same names without `await`, for scripts, notebooks, threads and tasks.

```python
from dify_async.sync import AppClient

with AppClient("app-...", user="ada") as client:
    result = client.workflows.run({"city": "Lisbon"})
```

Names, arguments, results and errors are those of `dify_async`. All clients of a process share one thread with
one event loop, started by the first call; any number of threads may use them. They also work where an event
loop is running, as in a notebook, but a call then blocks that loop: `async def` code uses the clients of
`dify_async`. Processes may fork before and after using them. Not for processes that gevent has patched.
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
    # Not with the others, which need none of its models.
    value = globals()[name] = import_module(f"{__name__}.knowledge").KnowledgeClient
    return value
