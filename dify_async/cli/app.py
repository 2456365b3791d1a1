"""The commands and their options."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from dify_async._version import __version__
from dify_async.cli.demo import run_demo

app = typer.Typer(
    name="dify-async",
    help="Run Dify workflows from the command line.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # Local variables may hold keys.
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dify-async {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Run Dify workflows from the command line."""


@app.command()
def demo(
    speed: Annotated[float, typer.Option(min=0.1, help="How many times as fast as usual.")] = 1.0,
) -> None:
    """Run a workflow of several nodes on a Dify that lives in this process: no account, no network.

    Shows its nodes as they run and its text as it comes, then its outputs, tokens and time. Where the
    output is no terminal, it is plain text, one line for each thing that happens.
    """
    asyncio.run(run_demo(speed))
