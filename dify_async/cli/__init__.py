"""The command line. Needs the extra `cli`."""

from __future__ import annotations

import sys

from dify_async.cli.signals import exit_on_signals


def main() -> None:
    """Run the command `dify-async`."""
    exit_on_signals()  # First: importing the rest takes most of a second.
    try:
        from dify_async.cli import app  # noqa: PLC0415 - its packages are part of the extra only
    except ModuleNotFoundError as exc:
        if exc.name not in {"typer", "rich"}:
            raise
        sys.exit("dify-async: the command needs two more packages: pip install 'dify-async[cli]'")
    app.main()
