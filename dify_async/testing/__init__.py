"""A Dify for tests: `FakeDify`, what it is told to do, and the pytest fixture `fake_dify`.

```python
pytest_plugins = ["dify_async.testing"]


async def test_my_code(fake_dify):
    fake_dify.app = Workflow(outputs={"answer": "42"})
    client = AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url)
```

A conftest may import it besides, so pytest is told not to expect it unimported: PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator

from dify_async.testing.fake import FakeDify, SeenRequest
from dify_async.testing.generations import FakeGeneration
from dify_async.testing.inputs import StoredFile
from dify_async.testing.records import FakeForm, Passport
from dify_async.testing.runs import FakeRun
from dify_async.testing.script import (
    Chat,
    Completion,
    Cut,
    Delay,
    Drop,
    Fault,
    Field,
    Node,
    Refuse,
    Silence,
    Thought,
    Workflow,
)

__all__ = [
    "Chat",
    "Completion",
    "Cut",
    "Delay",
    "Drop",
    "FakeDify",
    "FakeForm",
    "FakeGeneration",
    "FakeRun",
    "Fault",
    "Field",
    "Node",
    "Passport",
    "Refuse",
    "SeenRequest",
    "Silence",
    "StoredFile",
    "Thought",
    "Workflow",
]

if "pytest" in sys.modules:  # Whoever loads this as a plugin has it; the demo has no need of it.
    import pytest

    @pytest.fixture(name="fake_dify")
    def _fake_dify() -> Iterator[FakeDify]:
        """Give a Dify server that serves this test alone."""
        # aiohttp warns of itself where an uploaded form comes in unlucky pieces.
        warnings.filterwarnings("ignore", r"unread_data\(\) is deprecated", DeprecationWarning)
        with FakeDify(tail=0.2) as dify:
            yield dify
