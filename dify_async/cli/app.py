"""The commands and their options."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Literal

import attrs
import typer

from dify_async._probe import probe as ask_server
from dify_async._version import __version__
from dify_async.cli.batch import Job, run_batch
from dify_async.cli.fake import fake
from dify_async.cli.follow import Shown, run_workflow, watch_run
from dify_async.cli.outcome import EXIT_CODES, REFUSED, perform, say
from dify_async.cli.show import (
    facts_of_run,
    print_facts,
    print_json,
    print_json_line,
    print_rows,
    row_of_log,
    rows_of_form,
)
from dify_async.clients import AppClient
from dify_async.errors import ConnectionFailed

app = typer.Typer(
    name="dify-async",
    add_completion=False,
    rich_markup_mode="markdown" if sys.stdout.isatty() else None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ApiKey = Annotated[
    str | None,
    typer.Option(
        envvar="DIFY_API_KEY",
        show_default=False,
        help="The app's key, app-...; better in the environment, where nobody else sees it.",
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(envvar="DIFY_BASE_URL", show_default="Dify's cloud", help="The server; /v1 is appended."),
]
User = Annotated[
    str,
    typer.Option(
        envvar="DIFY_USER",
        help="The end user that runs and files belong to; only the same one finds them again.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
AsEvents = Annotated[bool, typer.Option("--events", help="Print every event as a line of JSON, as it comes.")]

_DEFAULT_USER = "dify-async"


def main() -> None:
    """Run the command, and end the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # A terminal may lack what a model writes.
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except Exception as error:
        # Mistakes in the command line; typer's own way to tell them takes a box of seven lines.
        tell = getattr(error, "format_message", None)
        if tell is None:
            raise
        say(f"{tell()} (dify-async --help tells more)")
        sys.exit(REFUSED)
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
    """Run Dify workflows from the command line.

    The server, the app and the end user come from `DIFY_BASE_URL`, `DIFY_API_KEY` and `DIFY_USER`, or from
    options of each command. To see it at work without any of them: `dify-async demo`.
    """


def _with_client(
    api_key: str | None, base_url: str | None, user: str, do: Callable[[AppClient], Awaitable[int | None]]
) -> None:
    async def work() -> int | None:
        async with AppClient(api_key, base_url=base_url, user=user) as client:
            return await do(client)

    perform(work())


def _shown(*, as_json: bool, as_events: bool) -> Shown:
    if as_json and as_events:
        raise typer.BadParameter("--json and --events exclude each other")
    return Shown.JSON if as_json else Shown.EVENTS if as_events else Shown.TREE


@app.command()
def run(
    inputs: Annotated[
        list[str],
        typer.Option(
            "--input",
            "-i",
            metavar="NAME=VALUE",
            default_factory=list,
            show_default=False,
            help="An input: city=Lisbon a text, doc=@file.pdf a file, doc=@https://... one that the server "
            "fetches, n:=5 any JSON. The same name again makes a list. A text that begins with @ has @@.",
        ),
    ],
    as_json: AsJson = False,
    as_events: AsEvents = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Only start the run, print its id, and leave it alone.")
    ] = False,
    api_key: ApiKey = None,
    base_url: BaseUrl = None,
    user: User = _DEFAULT_USER,
) -> None:
    """Run the app's workflow, and show its nodes, its text and its outputs.

    Inputs are checked against the app's form first, for a run with a wrong one would hold a connection of
    the server for minutes. Files are uploaded when the run starts. Ctrl-C stops the run.

    `dify-async run -i city=Lisbon -i doc=@file.pdf -i pics=@a.png -i pics=@b.png`
    """
    if detach and as_events:
        raise typer.BadParameter("--detach and --events exclude each other")
    shown = _shown(as_json=as_json, as_events=as_events)
    _with_client(api_key, base_url, user, lambda client: run_workflow(client, inputs, shown, detach=detach))


@app.command()
def batch(
    rows: Annotated[
        Path,
        typer.Argument(
            help="A CSV, TSV, JSON lines or JSON file: a row for each run, a column or key for each input."
        ),
    ],
    columns: Annotated[
        list[str],
        typer.Option(
            "--column",
            metavar="INPUT=COLUMN",
            default_factory=list,
            show_default=False,
            help="Which column an input comes from, where they have not the same name: city=City.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            show_default=False,
            help="Where the results go, a line of JSON for each row as it ends, and beside it a journal for "
            "--resume. Without it they are printed.",
        ),
    ] = None,
    concurrency: Annotated[
        int,
        typer.Option(
            "--concurrency", "-c", min=1, help="Runs at once, at most. A stock Dify serves 10 connections."
        ),
    ] = 5,
    adaptive: Annotated[
        bool, typer.Option("--adaptive", help="Begin with one at a time, and find out what the server bears.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the results of -o: do what is missing or failed, and take up runs that have "
            "begun by their ids.",
        ),
    ] = False,
    encoding: Annotated[
        str | None,
        typer.Option(
            show_default="UTF-8, or what a byte order mark says, or GBK", help="Of the file's text."
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(show_default=False, help="Write a page of HTML on how it went: status, time, tokens."),
    ] = None,
    api_key: ApiKey = None,
    base_url: BaseUrl = None,
    user: User = _DEFAULT_USER,
) -> None:
    """Run the app's workflow for each row of a file, a few at a time.

    Columns are held against the app's form before the first run. A cell for a file is a path, from where the
    rows' file is, or an address; several are separated by semicolons. Ctrl-C stops the runs on their way.
    The exit code is the one that all failed rows have in common, else 1.

    `dify-async batch rows.csv -c 10 -o results.jsonl --column city=City --report report.html`
    """
    job = Job(
        rows=rows,
        output=output,
        report=report,
        columns=columns,
        encoding=encoding,
        concurrency=concurrency,
        adaptive=adaptive,
        resume=resume,
    )
    _with_client(api_key, base_url, user, lambda client: run_batch(client, job))


@app.command()
def watch(
    run_id: Annotated[str, typer.Argument(help="The run's id, as `run --detach` prints it.")],
    as_json: AsJson = False,
    as_events: AsEvents = False,
    continue_on_pause: Annotated[
        bool, typer.Option("--through-pauses", help="Go on where the run waits for a person.")
    ] = False,
    api_key: ApiKey = None,
    base_url: BaseUrl = None,
    user: User = _DEFAULT_USER,
) -> None:
    """Follow a run that was started before, to its end.

    Nodes that are over are shown again; text that was streamed before is lost, the outputs are whole.
    Ctrl-C leaves the run alone.
    """
    shown = _shown(as_json=as_json, as_events=as_events)
    _with_client(
        api_key,
        base_url,
        user,
        lambda client: watch_run(client, run_id, shown, continue_on_pause=continue_on_pause),
    )


@app.command()
def get(
    run_id: Annotated[str, typer.Argument(help="The run's id.")],
    as_json: AsJson = False,
    api_key: ApiKey = None,
    base_url: BaseUrl = None,
) -> None:
    """Show the record of a run: how it stands, its inputs and its outputs."""

    async def work(client: AppClient) -> None:
        record = await client.workflows.get(run_id)
        if as_json:
            print_json(record.raw)
        else:
            print_facts(facts_of_run(record))

    _with_client(api_key, base_url, _DEFAULT_USER, work)


@app.command()
def stop(
    task_id: Annotated[str, typer.Argument(help="The task's id, as `run --detach` tells it: not the run's.")],
    api_key: ApiKey = None,
    base_url: BaseUrl = None,
    user: User = _DEFAULT_USER,
) -> None:
    """Ask the server to stop a run. It does not say whether there was one to stop."""

    async def work(client: AppClient) -> None:
        await client.workflows.stop(task_id)
        print(f"the server was asked to stop {task_id}")

    _with_client(api_key, base_url, user, work)


@app.command()
def logs(
    status: Annotated[
        Literal["succeeded", "failed", "stopped"] | None,
        typer.Option(help="Only runs that ended so.", show_default=False),
    ] = None,
    keyword: Annotated[
        str | None, typer.Option(help="Only runs whose inputs or outputs hold it.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for each.")] = False,
    api_key: ApiKey = None,
    base_url: BaseUrl = None,
) -> None:
    """List past runs, newest first: when, status, id, seconds, tokens, end user."""

    async def work(client: AppClient) -> None:
        pager = client.workflows.logs(status=status, keyword=keyword, limit=min(limit, 100))
        entries = await pager.all(limit=limit)
        if as_json:
            for entry in entries:
                print_json_line(attrs.asdict(entry))
        else:
            headings = ("started", "status", "run", "seconds", "tokens", "user")
            print_rows(headings, [row_of_log(entry) for entry in entries])

    _with_client(api_key, base_url, _DEFAULT_USER, work)


@app.command()
def info(as_json: AsJson = False, api_key: ApiKey = None, base_url: BaseUrl = None) -> None:
    """Show which app the key opens, and which server it is on."""

    async def work(client: AppClient) -> None:
        found = await client.app.info()
        if as_json:
            print_json(found.raw)
            return
        print_facts(
            [
                ("name", found.name),
                ("mode", str(found.mode) if found.mode is not None else None),
                ("description", found.description or None),
                ("tags", ", ".join(found.tags) or None),
                ("author", found.author_name),
                ("server", client.base_url),
                ("version", client.server_version),
            ]
        )

    _with_client(api_key, base_url, _DEFAULT_USER, work)


@app.command()
def parameters(as_json: AsJson = False, api_key: ApiKey = None, base_url: BaseUrl = None) -> None:
    """Show the app's form: the inputs that a run takes, and their limits."""

    async def work(client: AppClient) -> None:
        found = await client.app.parameters()
        if as_json:
            print_json(found.raw)
        else:
            print_rows(("name", "kind", "", "limits", "label"), rows_of_form(found))

    _with_client(api_key, base_url, _DEFAULT_USER, work)


@app.command()
def upload(
    files: Annotated[list[Path], typer.Argument(help="Files on disk.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for each.")] = False,
    api_key: ApiKey = None,
    base_url: BaseUrl = None,
    user: User = _DEFAULT_USER,
) -> None:
    """Upload files for the end user, and print their ids. `run` uploads its files itself."""

    async def work(client: AppClient) -> None:
        for path in files:
            uploaded = await client.files.upload(path)
            if as_json:
                print_json_line(uploaded.raw)
            else:
                row = (uploaded.id, uploaded.name, str(uploaded.type), f"{uploaded.size} bytes")
                print_rows(("id", "name", "type", "size"), [row])

    _with_client(api_key, base_url, user, work)


@app.command()
def probe(
    base_url: Annotated[
        str | None,
        typer.Argument(envvar="DIFY_BASE_URL", show_default="Dify's cloud", help="The server's address."),
    ] = None,
) -> None:
    """Say whether a Dify answers at an address, and which version. Needs no key."""

    async def work() -> None:
        found = await ask_server(base_url)
        print(f"{found.base_url}: {found.detail}")
        if not found.is_dify:
            raise ConnectionFailed(f"no Dify answers at {found.base_url}")

    perform(work())


@app.command()
def demo(
    speed: Annotated[float, typer.Option(min=0.1, help="How many times as fast as usual.")] = 1.0,
) -> None:
    """Run a workflow of several nodes on a Dify that lives in this process: no account, no network.

    Shows its nodes as they run and its text as it comes, then its outputs, tokens and time. Where the
    output is no terminal, it is plain text, one line for each thing that happens.
    """
    from dify_async.cli.demo import run_demo  # noqa: PLC0415 - brings a whole server along

    perform(run_demo(speed))


app.command()(fake)
