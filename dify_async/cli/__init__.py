"""The command line, by the extra `cli`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command `dify-async`."""
    try:
        from dify_async.cli import app  # noqa: PLC0415 - only the extra brings what it needs
    except ModuleNotFoundError as exc:
        if exc.name not in {"typer", "rich"}:
            raise
        sys.exit("dify-async: the command needs two more packages: pip install 'dify-async[cli]'")
    app.main()
