"""Strategies for error responses: JSON with the keys of Dify's errors, and parts of a `Retry-After` header."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

TIME_PARTS: Final = ["Sun", ",", " ", "22", "Nov", "2026", "00:00", ":30", "GMT", "-", "+0100", "9", "0", "."]
"""Parts of an HTTP date; joined in any order they are rarely one."""


def error_json(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return nested JSON values whose objects often have the keys of an error."""
    keys = st.sampled_from(["code", "message", "status", "params", "error"]) | st.text(max_size=6)
    return st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=6,
    )
