"""The command `fake`: serve a fake Dify, for work on a front end or on scripts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from dify_async.cli.process import perform
from dify_async.errors import DifyError

if TYPE_CHECKING:
    from dify_async.testing import FakeDify
    from dify_async.testing.scenario import App

_ANSWER: Final = "This answer comes from a fake server. You asked: "


def fake(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for a free one.")] = 8080,
    kind: Annotated[
        Literal["workflow", "chatflow", "chat", "agent", "completion"],
        typer.Option("--app", help="The kind of app."),
    ] = "workflow",
    version: Annotated[str, typer.Option(help="The version of Dify to imitate: 1.14, 1.16.1, ...")] = "1.14",
    api_key: Annotated[str, typer.Option(help="The API key that is accepted.")] = "app-fake",
    app_code: Annotated[str, typer.Option(help="The code of the web app.")] = "fake",
    knowledge_key: Annotated[str, typer.Option(help="The API key of the knowledge bases.")] = "dataset-fake",
    seconds: Annotated[float, typer.Option(min=0, help="Duration of a run.")] = 2.0,
) -> None:
    """Serve a fake Dify on this machine until Ctrl-C: both APIs of a sample app, and knowledge bases.

    Browsers may call it from pages of any origin.

    `dify-async fake --port 8080 --app chat`
    """
    from dify_async.testing import FakeDify  # noqa: PLC0415 - a whole server

    try:
        dify = FakeDify(
            _sample(kind, seconds),
            version=version,
            port=port,
            api_key=api_key,
            app_code=app_code,
            knowledge_key=knowledge_key,
        ).start()
    except DifyError as error:
        raise typer.BadParameter(str(error)) from None
    with dify:
        perform(_serve(dify, kind))


async def _serve(dify: FakeDify, kind: str) -> None:
    print(f"A fake Dify {dify.version} with a sample {kind} is listening. Press Ctrl-C to stop.")
    print(f"Service API: {dify.base_url}")
    print(f"API key: {dify.api_key}")
    print(f"Knowledge API key: {dify.knowledge.api_key}")
    print(f"Web API: {dify.web_url}")
    print(f"App code: {dify.app_code}", flush=True)
    await asyncio.Event().wait()


def _sample(kind: str, seconds: float) -> App:
    from dify_async.testing import Chat, Completion, Field, Node, Thought, Workflow  # noqa: PLC0415

    nodes = [
        Node("Start", type="start"),
        Node("Answer", type="llm", text=_words(_ANSWER), seconds=seconds, tokens=12),
        Node("End", type="end"),
    ]
    form = [Field("query", "paragraph", required=True)]
    match kind:
        case "chat":
            return Chat(answer=lambda query, _: _words(_ANSWER + query), seconds=seconds)
        case "agent":
            thought = Thought("I look at the clock. ", "current_time", "{}", "noon")
            return Chat(
                mode="agent-chat",
                thoughts=[thought],
                answer=lambda query, _: _words(_ANSWER + query),
                seconds=seconds,
            )
        case "completion":
            return Completion(
                form=form, answer=lambda _, inputs: _words(f"{_ANSWER}{inputs['query']}"), seconds=seconds
            )
        case "chatflow":
            return Workflow(mode="advanced-chat", nodes=nodes)
        case _:
            return Workflow(
                form=form, nodes=nodes, outputs=lambda inputs: {"answer": f"{_ANSWER}{inputs['query']}"}
            )


def _words(text: str) -> list[str]:
    return [f"{word} " for word in text.split()]
