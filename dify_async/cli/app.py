"""The command line: its commands, and how usage errors are reported."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from dify_async._version import __version__
from dify_async.cli.batch import batch
from dify_async.cli.chat import chat
from dify_async.cli.complete import complete
from dify_async.cli.demo import demo
from dify_async.cli.fake import fake
from dify_async.cli.form import form
from dify_async.cli.get import get
from dify_async.cli.info import info
from dify_async.cli.kb import kb
from dify_async.cli.logs import logs
from dify_async.cli.output import say
from dify_async.cli.parameters import parameters
from dify_async.cli.probe import probe
from dify_async.cli.process import EXIT_CODES, REJECTED, code_of, report
from dify_async.cli.profile import profile
from dify_async.cli.resume import resume
from dify_async.cli.run import run
from dify_async.cli.stop import stop
from dify_async.cli.upload import upload
from dify_async.cli.watch import watch
from dify_async.errors import DifyError

app = typer.Typer(
    name="dify-async",
    rich_markup_mode="markdown" if sys.stdout.isatty() else None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    run,
    chat,
    complete,
    batch,
    watch,
    get,
    stop,
    form,
    resume,
    logs,
    info,
    parameters,
    upload,
    probe,
    demo,
    fake,
):
    app.command()(command)
app.add_typer(kb)
app.add_typer(profile)


def main() -> None:
    """Run the command, and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # The terminal may lack characters that a model writes.
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False, prog_name="dify-async")
    except DifyError as error:
        report(error)
        sys.exit(code_of(error))
    except Exception as error:
        # Mistakes in the command line; typer would report them in a box of seven lines.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "dify-async"
        say(f"{message()} (see {command} --help)")
        sys.exit(REJECTED)
    sys.exit(code)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dify-async {__version__}")
        raise typer.Exit


@app.callback(epilog=EXIT_CODES)
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Run Dify apps from the command line.

    The server, the app and the end user are taken from the options of each command, else from the
    environment (`DIFY_BASE_URL`, `DIFY_API_KEY`, `DIFY_USER`), else from a profile (`dify-async profile
    add`). To try it without any of them: `dify-async demo`.
    """
