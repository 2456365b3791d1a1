"""Validate the arguments of responses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from dify_async._http.headers import checked_headers
from dify_async._streaming.stream import EventStream
from dify_async._types import Json
from dify_async.asgi.forwarding import HEADERS
from dify_async.asgi.rendering import Events, Renderer
from dify_async.errors import ConfigurationError
from dify_async.events import Event


def check_stream(stream: object, start_within: object) -> None:
    """Raise a `ConfigurationError` for a stream or a number of seconds of another type."""
    if not isinstance(stream, EventStream):
        raise ConfigurationError(
            "`stream` must be a stream of an async client, such as client.workflows.stream(...), got "
            f"{type(stream).__name__}"
        )
    is_number = isinstance(start_within, (int, float)) and not isinstance(start_within, bool)
    if not is_number or not 0 <= start_within < math.inf:  # type: ignore[operator]
        raise ConfigurationError(
            f"`start_within` must be a number of seconds of 0 or more, got {start_within!r:.100}"
        )


def renderer_of(render: Renderer | Callable[[Event], Json]) -> Renderer:
    """Return the renderer for an argument `render=`."""
    is_class = isinstance(render, type)
    if not is_class and hasattr(render, "event"):
        renderer: Renderer = render  # type: ignore[assignment]
        return renderer
    if not callable(render) or (is_class and hasattr(render, "event")):
        raise ConfigurationError(
            "`render` must be a function that takes an event, or a renderer such as "
            f"ChatCompletionChunks('my-app'), got {render!r:.100}"
        )
    return Events(render)


def response_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return the headers of an event stream and custom headers, with names in lower case."""
    custom = {name.lower(): str(value) for name, value in checked_headers(headers).items()}
    for name, value in custom.items():
        if not value.isascii():
            raise ConfigurationError(f"the header {name!r} must be ASCII, got {value!r:.100}")
    return HEADERS | custom
