"""orjson, or Python's own json where orjson has no wheel: new and free-threaded versions of Python, PyPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orjson import OPT_INDENT_2, Fragment, dumps, loads
else:
    try:
        from orjson import OPT_INDENT_2, Fragment, dumps, loads
    except ImportError:
        from dify_async._json_fallback import OPT_INDENT_2, Fragment, dumps, loads

__all__ = ["OPT_INDENT_2", "Fragment", "dumps", "loads"]
