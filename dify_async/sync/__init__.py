"""The blocking twin: the same clients without `await`, for scripts, notebooks, threads and tasks.

```python
from dify_async.sync import AppClient

with AppClient("app-...", user="ada") as client:
    result = client.workflows.run({"city": "Lisbon"})
```

Names, arguments, results and errors are those of `dify_async`. All clients of a process share one thread
with one event loop, made at the first call; any number of threads may use them. It works where a loop is
running too, as in a notebook, but a call then holds that loop up: `async def` code uses the clients of
`dify_async`. Processes that fork may use it before and after. Not for processes that gevent has patched.
"""

from dify_async.sync.batch import Batch
from dify_async.sync.clients import AppClient, WebAppClient
from dify_async.sync.pager import Pager
from dify_async.sync.resources import probe
from dify_async.sync.stream import EventStream

__all__ = ["AppClient", "Batch", "EventStream", "Pager", "WebAppClient", "probe"]
