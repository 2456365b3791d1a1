"""Use runs in web services: stream a run to a browser, stop it when the browser disconnects, report errors.

```python
@app.post("/ask")
async def ask(question: str) -> EventStreamResponse:
    return EventStreamResponse(client.workflows.stream({"question": question}))
```

For Starlette, FastAPI, Litestar and other ASGI frameworks. For async views of Django, see
`dify_async.asgi.django`.
"""

from __future__ import annotations

from dify_async.asgi.chat_completions import ChatCompletionChunks, chat_completion
from dify_async.asgi.connection import while_connected
from dify_async.asgi.http_errors import HttpError, http_error
from dify_async.asgi.rendering import Renderer, event_json
from dify_async.asgi.responses import EventStreamResponse

__all__ = [
    "ChatCompletionChunks",
    "EventStreamResponse",
    "HttpError",
    "Renderer",
    "chat_completion",
    "event_json",
    "http_error",
    "while_connected",
]
