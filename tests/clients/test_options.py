"""Options of calls and clients: valid names, their effect, and what views share."""

from __future__ import annotations

import asyncio
import pydoc
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import create_autospec

import pytest

from dify_async import AppClient, Retry, Timeouts, WebAppClient, errors, sync
from dify_async.testing import FakeDify, Node, Refuse, Workflow
from tests.support.clients import app_client, web_client

APP = {"Workflows.run": lambda client, **options: client.workflows.run({}, **options),
       "Workflows.submit": lambda client, **options: client.workflows.submit({}, **options),
       "Workflows.get": lambda client, **options: client.workflows.get("run", **options),
       "Workflows.stream": lambda client, **options: client.workflows.stream({}, **options),
       "Workflows.logs": lambda client, **options: client.workflows.logs(**options),
       "Workflows.run_many": lambda client, **options: client.workflows.run_many([{}], **options),
       "Workflows.wait": lambda client, **options: client.workflows.wait("run", **options),
       "Workflows.attach": lambda client, **options: client.workflows.attach("run", **options),
       "Workflows.stop": lambda client, **options: client.workflows.stop("task", **options),
       "Chat.send": lambda client, **options: client.chat.send("hi", **options),
       "Chat.stream": lambda client, **options: client.chat.stream("hi", **options),
       "Chat.send_many": lambda client, **options: client.chat.send_many(["hi"], **options),
       "Completions.create": lambda client, **options: client.completions.create({}, **options),
       "Completions.create_many": lambda client, **options: client.completions.create_many([{}], **options),
       "Conversations.list": lambda client, **options: client.conversations.list(**options),
       "Messages.list": lambda client, **options: client.messages.list("c", **options),
       "Files.upload": lambda client, **options: client.files.upload(b"x", name="a.txt", **options),
       "Files.preview": lambda client, **options: client.files.preview("f", **options),
       "Files.download": lambda client, **options: client.files.download("f", "never.bin", **options),
       "App.info": lambda client, **options: client.app.info(**options),
       "AppClient.request": lambda client, **options: client.request("GET", "/info", **options)}  # fmt: skip
WEB = {"WebWorkflows.run": lambda client, **options: client.workflows.run({}, **options),
       "WebWorkflows.stream": lambda client, **options: client.workflows.stream({}, **options),
       "WebChat.send": lambda client, **options: client.chat.send("hi", **options),
       "WebConversations.list": lambda client, **options: client.conversations.list(**options),
       "WebApp.parameters": lambda client, **options: client.app.parameters(**options)}  # fmt: skip
Call = Callable[..., Any]


async def _outcome(call: Call, client: Any, **options: Any) -> None:
    found = call(client, **options)
    if hasattr(found, "__await__"):
        await found


def _refusal(name: str, option: str) -> str:
    return rf"^{name}\(\) got an unexpected keyword argument '{option}'"


@pytest.fixture
def blocking_app(fake_dify: FakeDify) -> Iterator[sync.AppClient]:
    with sync.AppClient(fake_dify.api_key, base_url=fake_dify.base_url, user="ada") as client:
        yield client


@pytest.mark.parametrize("name", APP)
async def test_an_unknown_option_is_reported_before_anything_is_sent(
    client: AppClient, fake_dify: FakeDify, name: str
) -> None:
    with pytest.raises(TypeError, match=_refusal(name, "timout")):
        await _outcome(APP[name], client, timout=5)
    assert fake_dify.requests == []


@pytest.mark.parametrize("name", WEB)
async def test_an_unknown_option_of_a_web_app_is_reported(fake_dify: FakeDify, name: str) -> None:
    async with web_client(fake_dify) as client:
        with pytest.raises(TypeError, match=_refusal(name, "timout")):
            await _outcome(WEB[name], client, timout=5)
        with pytest.raises(TypeError, match=_refusal(name, "user")):
            await _outcome(WEB[name], client, user="bob")
    assert fake_dify.requests == []


@pytest.mark.parametrize("name", APP)
def test_an_unknown_option_of_a_blocking_call_is_reported(
    blocking_app: sync.AppClient, fake_dify: FakeDify, name: str
) -> None:
    with pytest.raises(TypeError, match=_refusal(name, "timout")):
        APP[name](blocking_app, timout=5)
    assert fake_dify.requests == []


@pytest.mark.parametrize("name", WEB)
def test_an_unknown_option_of_a_blocking_web_app_is_reported(fake_dify: FakeDify, name: str) -> None:
    with sync.WebAppClient(fake_dify.app_code, base_url=fake_dify.web_url, user="ada") as client:
        with pytest.raises(TypeError, match=_refusal(name, "timout")):
            WEB[name](client, timout=5)
    assert fake_dify.requests == []


async def test_only_runs_take_an_extra_body(client: AppClient) -> None:
    with pytest.raises(TypeError, match=_refusal("App.info", "extra_body")):
        await client.app.info(extra_body={})  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"timeout": "5"}, "`timeout` must be Timeouts or a number of seconds"),
        ({"timeout": True}, "`timeout` must be Timeouts or a number of seconds"),
        ({"timeout": 0}, "Timeouts.total must be a number of seconds above 0"),
        ({"retry": -1}, "`retry` must be Retry or a number of retries"),
        ({"retry": "3"}, "`retry` must be Retry or a number of retries"),
        ({"user": ""}, "`user` must be a non-empty str"),
        ({"user": 5}, "`user` must be a non-empty str"),
        ({"extra_headers": 5}, "`extra_headers` must be a mapping"),
    ],
)
@pytest.mark.parametrize("name", ["Workflows.run", "App.info"])
async def test_a_wrong_value_is_reported_before_anything_is_sent(
    client: AppClient, fake_dify: FakeDify, name: str, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(errors.ConfigurationError, match=says):
        await APP[name](client, **options)
    blocking = sync.AppClient(fake_dify.api_key, base_url=fake_dify.base_url, user="ada")
    with pytest.raises(errors.ConfigurationError, match=says):
        APP[name](blocking, **options)
    assert fake_dify.requests == []


NOTHING: dict[str, Any] = {"timeout": None, "retry": None, "user": None, "extra_headers": None}


async def test_none_means_the_setting_of_the_client(client: AppClient) -> None:
    assert (await client.workflows.run({}, **NOTHING, extra_body=None)).status == "succeeded"
    assert (await client.app.info(**NOTHING)).name == "FakeDify"


def test_none_means_the_setting_of_a_blocking_client(blocking_app: sync.AppClient) -> None:
    assert blocking_app.workflows.run({}, **NOTHING, extra_body=None).status == "succeeded"
    assert blocking_app.app.info(**NOTHING).name == "FakeDify"


# At construction


@pytest.mark.parametrize("retries", [0, 3])
async def test_retry_is_a_number_of_retries(fake_dify: FakeDify, retries: int) -> None:
    fake_dify.faults.append(Refuse(status=503, on="/info", times=9, headers={"Retry-After": "0"}))
    async with app_client(fake_dify, retry=retries) as client:
        with pytest.raises(errors.ServerError):
            await client.app.info()
        assert len(fake_dify.requests) == retries + 1
        with pytest.raises(errors.ServerError):
            await client.app.info(retry=1)
    assert len(fake_dify.requests) == retries + 1 + 2


@pytest.mark.parametrize("retries", [0, 3])
def test_retry_of_a_blocking_client_is_a_number_of_retries(fake_dify: FakeDify, retries: int) -> None:
    fake_dify.faults.append(Refuse(status=503, on="/info", times=9, headers={"Retry-After": "0"}))
    with sync.AppClient(fake_dify.api_key, base_url=fake_dify.base_url, user="ada", retry=retries) as client:
        with pytest.raises(errors.ServerError):
            client.app.info()
    assert len(fake_dify.requests) == retries + 1


@pytest.mark.parametrize("kind", [AppClient, sync.AppClient, WebAppClient, sync.WebAppClient])
@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"timeouts": "5"}, "`timeouts` must be Timeouts or a number of seconds, got '5'"),
        ({"timeouts": 0}, "Timeouts.total must be"),
        ({"retry": -1}, "`retry` must be Retry or a number of retries, got -1"),
        ({"retry": True}, "`retry` must be Retry or a number of retries, got True"),
        ({"on_abandon": "leave"}, '`on_abandon` must be "stop" or "detach"'),
        ({"max_concurrent": 0}, "`max_concurrent` must be an int of 1 or more, got 0"),
    ],
)
def test_a_wrong_setting_is_reported_at_once(kind: Any, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=says):
        kind("app-x", **settings)
    with pytest.raises(errors.ConfigurationError, match=says.partition(" must")[0]):
        if "max_concurrent" in settings:
            kind("app-x", **settings)
        kind("app-x").with_options(**settings)


async def test_timeouts_as_a_number_limit_the_whole_call(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    async with app_client(fake_dify, timeouts=0.2) as client:
        with pytest.raises(errors.TotalTimeout, match=r"0\.2 s"):
            await client.workflows.run({})
    with (
        sync.AppClient(fake_dify.api_key, base_url=fake_dify.base_url, user="ada", timeouts=0.3) as blocking,
        pytest.raises(errors.TotalTimeout, match=r"0\.3 s"),
    ):
        blocking.workflows.run({})


# Views


class Mine(AppClient):
    """A subclass with its own attribute and argument."""

    def __init__(self, api_key: str, label: str, **settings: Any) -> None:
        super().__init__(api_key, **settings)
        self.label = label


class MineBlocking(sync.AppClient):
    """The same for the blocking client."""

    def __init__(self, api_key: str, label: str, **settings: Any) -> None:
        super().__init__(api_key, **settings)
        self.label = label


VIEWS: dict[str, Callable[[Any], Any]] = {
    "with_options": lambda client: client.with_options(timeouts=5, retry=0, headers={"X-A": "b"}),
    "for_user": lambda client: client.for_user("bob"),
    "for_key": lambda client: client.for_key("app-other"),
}


@pytest.mark.parametrize("view", VIEWS)
async def test_a_view_is_of_the_same_class_and_closes_nothing(fake_dify: FakeDify, view: str) -> None:
    async with Mine(fake_dify.api_key, "label", base_url=fake_dify.base_url, user="ada") as client:
        await client.app.info()
        made = VIEWS[view](client)
        assert (type(made), made.label) == (Mine, "label")
        async with made:
            if view != "for_key":
                await made.app.info()
                assert fake_dify.open_sockets == 1
        await made.close()
        assert (await client.app.info()).name == "FakeDify"
        assert fake_dify.open_sockets == 1
        assert client.user == "ada"


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_of_a_blocking_client_is_of_the_same_class_and_closes_nothing(
    fake_dify: FakeDify, view: str
) -> None:
    with MineBlocking(fake_dify.api_key, "label", base_url=fake_dify.base_url, user="ada") as client:
        client.app.info()
        made = VIEWS[view](client)
        assert (type(made), made.label) == (MineBlocking, "label")
        with made:
            if view != "for_key":
                made.app.info()
                assert fake_dify.open_sockets == 1
        made.close()
        assert client.app.info().name == "FakeDify"
        assert fake_dify.open_sockets == 1


async def test_views_have_settings_of_their_own(fake_dify: FakeDify) -> None:
    async with app_client(fake_dify, headers={"X-A": "1"}) as client:
        view = client.with_options(headers={"X-B": "2"}, retry=Retry(attempts=1), timeouts=Timeouts(read=7))
        await view.for_user("bob").workflows.run({})
        await client.workflows.run({})
        changed, kept = fake_dify.requests
        assert (changed.headers["X-A"], changed.headers["X-B"], changed.json()["user"]) == ("1", "2", "bob")
        assert (kept.headers["X-A"], kept.headers.get("X-B"), kept.json()["user"]) == ("1", None, "ada")
        other = client.for_key("app-other", user="eve")
        with pytest.raises(errors.Unauthorized):
            await other.app.info()
        assert fake_dify.requests[-1].headers["Authorization"] == "Bearer app-other"
        assert other.user == "eve"


async def test_slots_are_counted_per_key(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    async with app_client(fake_dify, max_concurrent=1) as client, client.workflows.stream({}) as run:
        await anext(run)
        with pytest.raises(errors.Unauthorized):  # It does not wait for the slot of the other key.
            await client.for_key("app-other").workflows.run({})
        waiting = client.for_user("bob").workflows.stream({})
        entering = asyncio.ensure_future(waiting.__aenter__())
        await client.app.info()
        assert not entering.done()
        assert fake_dify.runs_started == 1
        await run.aclose()
        await entering
        await waiting.aclose()
    assert fake_dify.runs_started == 2


# Introspection


@pytest.mark.parametrize("kind", [AppClient, sync.AppClient, WebAppClient, sync.WebAppClient])
def test_help_shows_the_resources(kind: type) -> None:
    shown = pydoc.render_doc(kind, renderer=pydoc.plaintext)
    for name in ("workflows", "chat", "completions", "conversations", "messages", "files", "audio", "app"):
        assert f"{name} = <class 'dify_async." in shown, name


@pytest.mark.parametrize("kind", [AppClient, sync.AppClient, WebAppClient, sync.WebAppClient])
def test_autospec_knows_the_methods_of_resources(kind: Any) -> None:
    client = create_autospec(kind)
    assert callable(client.workflows.run)
    assert callable(client.chat.stream)
    with pytest.raises(AttributeError):
        client.workflows.ran  # noqa: B018
    with pytest.raises(AttributeError):
        client.workflow  # noqa: B018
