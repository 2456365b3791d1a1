"""Read standard input as text, or as a file of rows."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from dify_async.errors import ConfigurationError

STANDARD_INPUT: Final = "-"
"""Stands for standard input in options and arguments."""


def read_standard_input() -> str:
    """Return the whole of standard input.

    Raises:
        ConfigurationError: It is not UTF-8 text.
    """
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError("standard input must be UTF-8 text") from None


@contextmanager
def standard_input_in_file() -> Generator[Path]:
    """Copy standard input to a file that only its owner can read, and that is removed at the end."""
    with TemporaryDirectory(prefix="dify-async-") as folder:
        path = Path(folder) / "standard input"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield path
