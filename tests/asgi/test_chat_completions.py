"""Runs as OpenAI chat completions, read by the `openai` package over a real uvicorn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dify_async import AppClient
from dify_async.asgi import ChatCompletionChunks, EventStreamResponse, chat_completion, http_error
from dify_async.errors import ConfigurationError, DifyError
from dify_async.models import Usage
from dify_async.testing import Chat, Completion, FakeDify, Node, Refuse, Workflow
from tests.support.uvicorn_server import serving

pytestmark = pytest.mark.xdist_group("openai")

USAGE = Usage(prompt_tokens=12, completion_tokens=30)


def service(client: AppClient, stream: Callable[[str], Any]) -> Starlette:
    async def complete(request: Request) -> Response:
        body = await request.json()
        question = body["messages"][-1]["content"]
        chunks = ChatCompletionChunks(
            body["model"], include_usage=body.get("stream_options", {}).get("include_usage", False)
        )
        if body.get("stream"):
            return EventStreamResponse(stream(question), render=chunks)  # type: ignore[return-value]
        try:
            async with stream(question) as run:
                return JSONResponse(chat_completion(await run.result(), body["model"]))
        except DifyError as error:
            told = http_error(error)
            return JSONResponse(chunks.error(told), told.status, told.headers)

    return Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])


class Caller:
    """Sends requests to the service with the `openai` package."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.reasons: list[str] = []
        self.reasoning = ""
        self.usage: Any = None
        self.ids: set[str] = set()

    async def stream(self) -> str:
        text = ""
        chunks = await self.client.chat.completions.create(
            model="my-app",
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in chunks:
            assert (chunk.object, chunk.model) == ("chat.completion.chunk", "my-app")
            self.ids.add(chunk.id)
            self.usage = chunk.usage or self.usage
            for choice in chunk.choices:
                text += choice.delta.content or ""
                self.reasoning += getattr(choice.delta, "reasoning_content", None) or ""
                self.reasons += [choice.finish_reason] if choice.finish_reason else []
        return text

    async def complete(self) -> Any:
        return await self.client.chat.completions.create(
            model="my-app", messages=[{"role": "user", "content": "hi"}]
        )


@pytest.fixture
def stream(client: AppClient) -> Callable[[str], Any]:
    return client.chat.stream


@asynccontextmanager
async def calling(app: Starlette, max_retries: int = 0) -> AsyncIterator[Caller]:
    import openai  # Takes half a second.

    async with (
        serving(app) as url,
        openai.AsyncOpenAI(
            api_key="x",
            base_url=f"{url}/v1",
            max_retries=max_retries,
            http_client=openai.DefaultAsyncHttpxClient(verify=False),  # Certificates take time to load.
        ) as package,
    ):
        yield Caller(package)


@pytest.fixture
async def caller(client: AppClient, stream: Callable[[str], Any]) -> AsyncIterator[Caller]:
    async with calling(service(client, stream)) as caller:
        yield caller


@pytest.mark.parametrize(
    "app",
    [
        Chat(usage=USAGE),
        Chat(mode="agent-chat", usage=USAGE),
        Workflow(mode="advanced-chat", nodes=[Node("A", text=["Hello, ", "world"], usage=USAGE)]),
    ],
    ids=lambda app: app.mode,
)
async def test_an_answer(caller: Caller, fake_dify: FakeDify, app: Any) -> None:
    fake_dify.app = app
    assert await caller.stream() == "Hello, world"
    assert (caller.reasons, len(caller.ids)) == (["stop"], 1)
    assert (caller.usage.prompt_tokens, caller.usage.completion_tokens, caller.usage.total_tokens) == (
        12,
        30,
        42,
    )
    whole = await caller.complete()
    assert whole.choices[0].message.content == "Hello, world"
    assert (whole.choices[0].finish_reason, whole.usage.total_tokens) == ("stop", 42)


class TestWorkflows:
    @pytest.fixture
    def stream(self, client: AppClient) -> Callable[[str], Any]:
        return lambda question: client.workflows.stream({"question": question})

    @pytest.mark.parametrize(
        ("outputs", "text"),
        [({"text": "<think>Hm</think>你好"}, "你好"), ({"a": 1, "b": "é"}, '{"a": 1, "b": "é"}')],
    )
    async def test_the_output_of_a_workflow_is_the_answer_if_it_streams_no_text(
        self, caller: Caller, fake_dify: FakeDify, outputs: Any, text: str
    ) -> None:
        fake_dify.app = Workflow(nodes=[Node("A", tokens=5)], outputs=outputs)
        assert await caller.stream() == text
        assert caller.usage.total_tokens == 5
        assert (await caller.complete()).choices[0].message.content == text

    async def test_the_streamed_text_of_a_workflow_is_the_answer(
        self, caller: Caller, fake_dify: FakeDify
    ) -> None:
        fake_dify.app = Workflow(nodes=[Node("A", text=["a", "b"])], outputs={"x": "y"})
        assert await caller.stream() == "ab"

    async def test_a_failed_run_raises_in_the_stream(self, caller: Caller, fake_dify: FakeDify) -> None:
        fake_dify.app = Workflow(nodes=[Node("A", text="a"), Node("B", error="secret")])
        import openai

        with pytest.raises(openai.APIError, match="the run failed"):
            await caller.stream()
        with pytest.raises(openai.InternalServerError, match="the run failed"):
            await caller.complete()


class TestCompletions:
    @pytest.fixture
    def stream(self, client: AppClient) -> Callable[[str], Any]:
        return lambda question: client.completions.stream({"question": question})

    async def test_an_answer(self, caller: Caller, fake_dify: FakeDify) -> None:
        fake_dify.app = Completion(answer=["a", "b"])
        assert await caller.stream() == "ab"


@pytest.mark.parametrize("version", ["1.14", "1.16"])
async def test_reasoning_has_a_field_of_its_own(caller: Caller, fake_dify: FakeDify, version: str) -> None:
    fake_dify.version = version
    fake_dify.app = Workflow(
        mode="advanced-chat", nodes=[Node("A", type="llm", text=["He", "llo"], reasoning=["Hm", "."])]
    )
    assert await caller.stream() == "Hello"
    assert caller.reasoning == "Hm."
    message = (await caller.complete()).choices[0].message
    assert (message.content, message.reasoning_content) == ("Hello", "Hm.")


async def test_pings_are_not_chunks(caller: Caller, fake_dify: FakeDify) -> None:
    fake_dify.app, fake_dify.ping_every = Chat(answer=["a", "b"], seconds=0.3), 0.05
    assert await caller.stream() == "ab"


async def test_a_moderated_answer_has_finish_reason_content_filter(
    caller: Caller, fake_dify: FakeDify
) -> None:
    fake_dify.app = Chat(replaced="I cannot say that.")
    assert await caller.stream() == "Hello, world"
    assert caller.reasons == ["content_filter"]


async def test_an_answer_that_is_completed_later(caller: Caller, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(replaced="Hello, world!")
    assert await caller.stream() == "Hello, world!"
    assert caller.reasons == ["stop"]


@pytest.mark.parametrize(
    ("rejection", "error"),
    [
        (Refuse(status=400, code="invalid_param", message="no such input"), "BadRequestError"),
        (Refuse(status=404, code="not_found", message="no such input"), "NotFoundError"),
        (Refuse(status=429, code="too_many_requests", message="no such input"), "RateLimitError"),
    ],
)
async def test_an_error_is_an_error_of_the_package(
    client: AppClient, fake_dify: FakeDify, rejection: Refuse, error: str
) -> None:
    import openai

    fake_dify.app = Chat()
    once = client.with_options(retry=0)
    async with calling(service(client, once.chat.stream)) as caller:
        for ask in (caller.stream, caller.complete):
            fake_dify.faults.append(rejection)
            with pytest.raises(getattr(openai, error), match="no such input") as caught:
                await ask()
            assert caught.value.code == rejection.code


async def test_the_openai_package_honours_retry_after(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat()
    fake_dify.faults.append(Refuse(status=429, code="too_many_requests", headers={"Retry-After": "1"}))
    once = client.with_options(retry=0)
    async with calling(service(client, once.chat.stream), max_retries=1) as caller:
        assert await caller.stream() == "Hello, world"


async def test_a_client_that_disconnects_stops_the_answer(caller: Caller, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=["a"] * 600, seconds=60)
    chunks = await caller.client.chat.completions.create(
        model="my-app", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    assert (await anext(aiter(chunks))).choices[0].delta.content == "a"
    await chunks.close()
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_stopped == 1)


async def test_a_result_that_was_not_awaited_is_rejected(client: AppClient) -> None:
    result: Any = client.chat.send("Hi?")
    with pytest.raises(ConfigurationError, match="`result` must be the result of a run, got coroutine"):
        chat_completion(result, "my-app")
    result.close()
