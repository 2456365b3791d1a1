"""Read variables from the file of `--env-file`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from dify_async.errors import ConfigurationError

_LINE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_COMMENT: Final = re.compile(r"\s+#.*")
_ESCAPES: Final = {"\\n": "\n", "\\t": "\t", '\\"': '"', "\\\\": "\\"}


def load_env_file(path: Path | None) -> Path | None:
    """Set the variables of a file in this process's environment, except those that are set already.

    Raises:
        ConfigurationError: The file cannot be read, or a line is not NAME=VALUE. Values are never shown.
    """
    if path is not None:
        for name, value in _variables(path).items():
            os.environ.setdefault(name, value)
    return path


def _variables(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as exc:
        raise ConfigurationError(f"--env-file {str(path)!r} cannot be read: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"--env-file {str(path)!r} must be UTF-8") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        value = _value(match[2]) if match is not None else None
        if match is None or value is None or "\0" in value:
            raise ConfigurationError(f"line {number} of --env-file {str(path)!r} must be NAME=VALUE")
        found[match[1]] = value
    return found


def _value(text: str) -> str | None:
    """Return a value without quotes and comment; None if its quote is not closed."""
    quote = text[:1]
    if quote not in {"'", '"'}:
        return "" if quote == "#" else _COMMENT.sub("", text, count=1)
    inner = r"[^']*" if quote == "'" else r'(?:[^"\\]|\\.)*'
    match = re.fullmatch(rf"{quote}({inner}){quote}\s*(?:#.*)?", text)
    if match is None:
        return None
    if quote == "'":
        return match[1]
    return re.sub(r"\\.", lambda found: _ESCAPES.get(found[0], found[0]), match[1])
