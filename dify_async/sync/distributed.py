"""Run many rows on a Dask cluster, from blocking code. Requires the extra `dask`.

```python
from dify_async.sync import AppClient
from dify_async.sync.distributed import map_runs

with map_runs(rows, client=AppClient("app-..."), dask="tcp://scheduler:8786") as batch:
    for outcome in batch:
        ...
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dify_async import distributed as aio
from dify_async._types import Inputs, Json
from dify_async.batch import Rows
from dify_async.errors import ConfigurationError
from dify_async.models.results import WorkflowResult
from dify_async.settings import Timeouts
from dify_async.sync.app import AppClient
from dify_async.sync.batch import Batch, non_blocking

if TYPE_CHECKING:
    from distributed import Client


def map_runs(
    rows: Rows[Inputs],
    *,
    client: AppClient,
    dask: Client | str,
    concurrency_total: int = 40,
    ordered: bool = False,
    adaptive: bool = False,
    per_minute: float | None = None,
    check_inputs: bool = True,
    timeout: float | Timeouts | None = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: Mapping[str, Json] | None = None,
) -> Batch[Inputs, WorkflowResult]:
    """Run the app's workflow for many inputs, on the workers of a Dask cluster. See `Batch`.

    Arguments and behavior are the same as for `dify_async.distributed.map_runs`.
    """
    if not isinstance(client, AppClient):
        raise ConfigurationError(
            f"`client` must be an AppClient of dify_async.sync, got {type(client).__name__}"
        )
    return Batch(
        aio.map_runs(
            non_blocking(rows),
            client=client.async_client,
            dask=dask,
            concurrency_total=concurrency_total,
            ordered=ordered,
            adaptive=adaptive,
            per_minute=per_minute,
            check_inputs=check_inputs,
            timeout=timeout,
            extra_headers=extra_headers,
            extra_body=extra_body,
        )
    )
