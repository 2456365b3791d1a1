"""A Dify server for tests: `FakeDify`, its scripts and faults, and the pytest fixture `fake_dify`.

```python
pytest_plugins = ["dify_async.testing"]


async def test_my_code(fake_dify):
    fake_dify.app = Workflow(outputs={"answer": "42"})
    client = AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url)
```

The next word stops a warning of pytest if conftest.py imports this module before it is loaded as a plugin:
PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from dify_async.testing.fake import FakeDify
from dify_async.testing.faults import Cut, Delay, Drop, Fault, PingsOnly, Refuse, Silence
from dify_async.testing.recordings import Replay
from dify_async.testing.scenario import Chat, Completion, Field, Node, RateLimit, Thought, Workflow
from dify_async.testing.state.access import Login, Passport
from dify_async.testing.state.documents import FakeChildChunk, FakeDocument, FakeSegment, Indexing
from dify_async.testing.state.files import StoredFile
from dify_async.testing.state.forms import FakeForm
from dify_async.testing.state.knowledge import FakeDataset, FakeMetadataField, FakeTag, Knowledge
from dify_async.testing.state.messages import Annotation, Conversation, Feedback, Message, Variable
from dify_async.testing.state.requests import SeenRequest
from dify_async.testing.state.runs import FakeGeneration, FakeRun

__all__ = [
    "Annotation",
    "Chat",
    "Completion",
    "Conversation",
    "Cut",
    "Delay",
    "Drop",
    "FakeChildChunk",
    "FakeDataset",
    "FakeDify",
    "FakeDocument",
    "FakeForm",
    "FakeGeneration",
    "FakeMetadataField",
    "FakeRun",
    "FakeSegment",
    "FakeTag",
    "Fault",
    "Feedback",
    "Field",
    "Indexing",
    "Knowledge",
    "Login",
    "Message",
    "Node",
    "Passport",
    "PingsOnly",
    "RateLimit",
    "Refuse",
    "Replay",
    "SeenRequest",
    "Silence",
    "StoredFile",
    "Thought",
    "Variable",
    "Workflow",
]

pytest_plugins = ["dify_async.testing.plugin"]  # Only pytest loads it; nothing else here requires pytest.
