"""The client of knowledge bases: key, options, and imports."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from dify_async import AppClient, KnowledgeClient, errors, sync

SERVER = "http://dify.test/v1"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DIFY_API_KEY", "DIFY_KNOWLEDGE_API_KEY", "DIFY_USER", "DIFY_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("kind", [KnowledgeClient, sync.KnowledgeClient])
def test_a_key_of_an_app_is_rejected_with_the_name_of_its_client(kind: Callable[..., Any]) -> None:
    with pytest.raises(errors.ConfigurationError, match="takes 'dataset-' keys, use AppClient") as caught:
        kind("app-secret123")
    assert "secret123" not in str(caught.value)
    with pytest.raises(errors.ConfigurationError, match="takes 'app-' keys, use KnowledgeClient"):
        AppClient("dataset-secret123")


def test_a_client_without_a_key_names_its_variable() -> None:
    with pytest.raises(errors.ConfigurationError, match="DIFY_KNOWLEDGE_API_KEY"):
        KnowledgeClient()


def test_the_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFY_KNOWLEDGE_API_KEY", "dataset-env")
    monkeypatch.setenv("DIFY_BASE_URL", "http://dify.test")
    monkeypatch.setenv("DIFY_USER", "ada")
    client = KnowledgeClient()
    assert repr(client) == "KnowledgeClient(base_url='http://dify.test/v1')"


@pytest.mark.parametrize("kind", [KnowledgeClient, sync.KnowledgeClient])
def test_a_knowledge_client_has_no_end_users(kind: Callable[..., Any]) -> None:
    client = kind("dataset-x", base_url=SERVER)
    assert not hasattr(client, "user")
    assert not hasattr(client, "for_user")


async def test_an_end_user_is_an_unknown_option() -> None:
    async with KnowledgeClient("dataset-x", base_url=SERVER) as client:
        with pytest.raises(TypeError, match=r"Datasets.get\(\) got an unexpected keyword argument 'user'"):
            await client.datasets.get("d", user="ada")  # type: ignore[call-arg]


async def test_an_unknown_setting_is_reported_with_those_that_exist() -> None:
    async with KnowledgeClient("dataset-x", base_url=SERVER) as client:
        with pytest.raises(
            TypeError, match=r"Documents.create_by_text\(\) .* 'doc_type'.*doc_form"
        ) as caught:
            await client.documents.create_by_text("d", "n", "t", doc_type="text_model")  # type: ignore[call-arg]
        assert "process_rule, retrieval_model, retry, timeout" in str(caught.value)


LISTS: dict[str, Callable[..., Any]] = {
    "Datasets.list": lambda client, **options: client.datasets.list(**options),
    "Documents.list": lambda client, **options: client.documents.list("d", **options),
    "Segments.list": lambda client, **options: client.segments.list("d", "o", **options),
    "ChildChunks.list": lambda client, **options: client.child_chunks.list("d", "o", "s", **options),
    "Tags.list": lambda client, **options: client.tags.list(**options),
    "Tags.of_dataset": lambda client, **options: client.tags.of_dataset("d", **options),
    "Models.list": lambda client, **options: client.models.list("llm", **options),
    "Pipeline.datasource_plugins": lambda client, **options: client.pipeline.datasource_plugins(
        "d", **options
    ),
    "Pipeline.stream_datasource": lambda client, **options: client.pipeline.stream_datasource(
        "d", "n", "online_drive", {}, **options
    ),
}


@pytest.mark.parametrize("kind", [KnowledgeClient, sync.KnowledgeClient])
@pytest.mark.parametrize("name", LISTS)
def test_an_unknown_option_of_list_is_reported_at_the_call(name: str, kind: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=rf"^{name}\(\) got an unexpected keyword argument 'timout'"):
        LISTS[name](kind("dataset-x", base_url=SERVER), timout=5)


@pytest.mark.parametrize("ids", ["o", b"o", None, {"o"}])
async def test_ids_must_be_a_list(ids: Any) -> None:
    async with KnowledgeClient("dataset-x", base_url=SERVER) as client:
        with pytest.raises(errors.ConfigurationError, match="`document_ids` must be a list, got"):
            await client.documents.update_status("d", "disable", ids)


async def test_an_action_that_the_server_would_ignore_is_rejected() -> None:
    async with KnowledgeClient("dataset-x", base_url=SERVER) as client:
        with pytest.raises(errors.ConfigurationError, match='`action` must be "enable" or "disable"'):
            await client.metadata.switch_built_in_fields("d", "on")  # type: ignore[arg-type]


def test_a_setting_that_is_not_json_is_reported() -> None:
    with (
        sync.KnowledgeClient("dataset-x", base_url=SERVER) as client,
        pytest.raises(
            errors.ConfigurationError, match=r"process_rule\.rules must be a finite number, got nan"
        ),
    ):
        client.documents.create_by_file("d", b"x", name="a.txt", process_rule={"rules": float("nan")})


def test_views_and_pickles() -> None:
    client = KnowledgeClient("dataset-x", base_url=SERVER)
    assert pickle.loads(pickle.dumps(client)).base_url == SERVER
    assert client.for_key("dataset-y").base_url == SERVER
    with pytest.raises(errors.ConfigurationError, match="use AppClient"):
        client.for_key("app-y")


def test_other_clients_import_nothing_of_the_knowledge_client() -> None:
    program = (
        "import sys; from dify_async import AppClient, WebAppClient, models; "
        "from dify_async.sync import AppClient as Blocking; AppClient('app-x'); models.WorkflowRun; "
        "of_knowledge = [name for name in sys.modules if 'knowledge' in name or name.endswith("
        "('.datasets', '.documents', '.segments', '.retrieval', '.providers', 'models.tags'))]; "
        "assert of_knowledge == [], of_knowledge; "
        "from dify_async.sync import KnowledgeClient; assert models.Dataset"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
