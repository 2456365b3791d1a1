"""Local files: their paths, and the errors of files that cannot be opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from dify_async._base_errors import ConfigurationError

CANNOT_OPEN: Final = (OSError, ValueError)
"""Exceptions of opening a file. ValueError: the path has a null character or is not valid Unicode."""


def checked_path(path: str | os.PathLike[str], name: str) -> Path:
    """Return an argument as a path.

    Raises:
        ConfigurationError: it is not a str or `os.PathLike`.
    """
    try:
        return Path(path)
    except TypeError:
        raise ConfigurationError(
            f"`{name}` must be a path (str or os.PathLike), got {type(path).__name__}"
        ) from None


def reason_of(error: OSError | ValueError) -> str:
    """Return why a file cannot be opened, without its path."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
