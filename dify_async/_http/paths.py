"""Paths and queries of requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import quote, urlencode

from dify_async._http.auth import is_text
from dify_async._wire.operation import Operation
from dify_async.errors import ConfigurationError

_PATH: Final = re.compile(r"/(?!/)[!-~]*")
"""A path as in a request line. Two slashes at the start would make it a URL with another host."""


_LISTS: Final = (list, tuple, set, frozenset)


def fill_path(path: str, ids: Mapping[str, str], operation: str) -> str:
    """Insert ids into a path, percent-encoded. Ids that would change the path are rejected."""
    for name, value in ids.items():
        if not is_text(value) or value in {".", ".."}:
            raise ConfigurationError(f"`{name}` must be an id, got {value!r:.100}", operation=operation)
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return path


def query_text(query: Mapping[str, Any]) -> str:
    """Return the encoded query. None is omitted, booleans become `true` and `false`, lists repeat the key."""
    if not isinstance(query, Mapping):
        raise ConfigurationError(f"`params` must be a mapping of names to values, got {type(query).__name__}")
    pairs: list[tuple[str, Any]] = []
    for name, value in query.items():
        several = cast(Iterable[Any], value if isinstance(value, _LISTS) else (value,))
        for one in several:
            if isinstance(one, bool):
                pairs.append((name, str(one).lower()))
            elif isinstance(one, datetime):
                pairs.append((name, one.isoformat()))
            elif one is not None:
                pairs.append((name, one))
    try:
        return urlencode(pairs)
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"query parameters (params) must be valid Unicode, got {dict(pairs)!r:.200}"
        ) from None


def custom_request(method: str, path: str) -> tuple[Operation[bytes], str]:
    """Return the operation and the path of a request to an endpoint without a method.

    Raises:
        ConfigurationError: the method or the path is invalid.
    """
    if not isinstance(method, str) or not method.isalpha() or not method.isascii():
        raise ConfigurationError(f"`method` must be an HTTP method such as 'GET', got {method!r:.100}")
    if not isinstance(path, str) or "://" in path.partition("?")[0]:
        raise ConfigurationError(f"`path` must be relative to base_url, such as '/info', got {path!r:.100}")
    path = path if path.startswith("/") else f"/{path}"
    if not _PATH.fullmatch(path):
        raise ConfigurationError(
            f"`path` must be ASCII without spaces, got {path!r:.100}: pass query parameters with params= "
            "and escape other characters with urllib.parse.quote"
        )
    method = method.upper()
    return Operation(method, path.partition("?")[0], bytes, method not in {"POST", "PATCH"}), path
