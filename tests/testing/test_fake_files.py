"""FakeDify's files are compared with recordings of a real server."""

from __future__ import annotations

import json
import uuid
from typing import Any

import aiohttp
import pytest

from dify_async.testing import FakeDify, Field, StoredFile, Workflow
from tests.support import recordings
from tests.support.fake_server import ask, shape, upload

FORM = [
    Field("name", required=True),
    Field("doc", "file", allowed_file_types=["document", "image"]),
    Field("docs", "file-list", allowed_file_types=["document", "image"], max_length=3),
]


@pytest.mark.parametrize(
    "name",
    [
        "file_upload_png",
        "file_upload_txt",
        "file_upload_exe",
        "file_upload_empty",
        "file_upload_unknown_ext",
        "err_file_none",
        "err_file_two",
        "err_file_two_same_field",
        "err_file_empty_filename",
        "err_file_no_mimetype",
        "err_file_bad_filename_slash",
        "err_file_image_too_large_11mb",
        "err_file_too_large_16mb",
        "err_file_json_body",
    ],
)
async def test_uploads_match_a_real_server(fake_dify: FakeDify, name: str) -> None:
    real = recordings.load(name)
    given: dict[str, Any] = {"json": real.request_body}
    if "multipart" in real.request_body:
        parts = real.request_body["multipart"]["files"]
        files = [(part[0], part[1].replace("\\", "\\\\"), part[2], bytes(part[3])) for part in parts]
        given = upload(*files)
    status, content_type, body = await ask(fake_dify, "POST", "/v1/files/upload", **given)
    assert (status, content_type) == (real.status, real.headers["content-type"])
    ours, theirs = json.loads(body), json.loads(real.body)
    if status == 201:
        assert shape(ours) == shape(theirs)
        same = ("name", "size", "extension", "mime_type", "preview_url", "user_id", "file_key")
        assert [ours[key] for key in same] == [theirs[key] for key in same]
        assert type(ours["created_at"]) is type(theirs["created_at"])
        assert list(fake_dify.files) == [ours["id"]]
    else:
        assert ours == theirs
        assert fake_dify.files == {}


async def _uploaded(fake_dify: FakeDify, name: str, mime_type: str) -> str:
    _, _, body = await ask(fake_dify, "POST", "/v1/files/upload", **upload(("file", name, mime_type, b"x")))
    found: str = json.loads(body)["id"]
    return found


def run(inputs: dict[str, Any], mode: str = "blocking", user: str = "rec-user") -> dict[str, Any]:
    return {"json": {"inputs": {"name": "F", **inputs}, "user": user, "response_mode": mode}}


@pytest.mark.parametrize(
    ("recording", "doc"),
    [
        ("err_wf_file_bad_shape", "x"),
        ("err_wf_file_type_mismatch", {"type": "audio"}),
        ("wf_basic_with_files_other_user", {"type": "image"}),
    ],
)
async def test_rejections_of_files_match_a_real_server(fake_dify: FakeDify, recording: str, doc: Any) -> None:
    fake_dify.workflow = Workflow(form=FORM)
    if isinstance(doc, dict):
        file_id = await _uploaded(fake_dify, "图 片.png", "image/png")
        doc = {**doc, "transfer_method": "local_file", "upload_file_id": file_id}
    real = recordings.load(recording)
    user = real.request_body["user"]
    status, _, body = await ask(fake_dify, "POST", "/v1/workflows/run", **run({"doc": doc}, user=user))
    assert (status, json.loads(body)) == (real.status, json.loads(real.body))


async def test_an_unknown_file_is_rejected_in_the_stream(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(form=FORM)
    fake_dify.silence = 0
    real = recordings.load("err_wf_stream_file_bad_ref")
    _, _, body = await ask(
        fake_dify,
        "POST",
        "/v1/workflows/run",
        **run({"doc": real.request_body["inputs"]["doc"]}, "streaming"),
    )
    assert json.loads(body.partition(b"data: ")[2]) == json.loads(real.body.partition(b"data: ")[2])


async def test_files_of_runs_match_a_real_server(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(form=FORM, outputs=lambda inputs: {"doc": inputs["doc"]})
    fake_dify.tail = 0
    real = recordings.load("wf_basic_with_files_streaming")
    image = await _uploaded(fake_dify, "图 片.png", "image/png")
    note = await _uploaded(fake_dify, "note.txt", "text/plain")
    inputs = json.loads(json.dumps(real.request_body["inputs"]))
    inputs["doc"]["upload_file_id"] = inputs["docs"][0]["upload_file_id"] = image
    inputs["docs"][1]["upload_file_id"] = note
    _, _, body = await ask(fake_dify, "POST", "/v1/workflows/run", **run(inputs, "streaming"))
    ours, theirs = _started_inputs(body), _started_inputs(real.body)
    for mine, its in zip([ours["doc"], *ours["docs"]], [theirs["doc"], *theirs["docs"]], strict=True):
        assert mine.keys() == its.keys()
        same = ("type", "transfer_method", "remote_url", "filename", "extension", "dify_model_identity", "id")
        assert [mine[key] for key in same] == [its[key] for key in same]
        assert (mine["reference"] is None) == (its["reference"] is None)
    (run_,) = fake_dify.runs.values()
    assert run_.events[-1]["data"]["files"] == [ours["doc"]]


def _started_inputs(body: bytes) -> Any:
    return json.loads(body.partition(b"data: ")[2].partition(b"\n\n")[0])["data"]["inputs"]


# Previews


@pytest.mark.parametrize("name", ["err_file_preview_unknown", "err_file_preview_not_in_message", "err_file_preview_other_app"])  # fmt: skip
async def test_rejections_of_previews_match_a_real_server(fake_dify: FakeDify, name: str) -> None:
    file_id = str(uuid.uuid4())
    in_message, app_id = (
        name.endswith("other_app"),
        "other" if name.endswith("other_app") else fake_dify.app_id,
    )
    if not name.endswith("unknown"):
        file = StoredFile(file_id, "p.png", "image/png", b"x", "rec-user", app_id, in_message)
        fake_dify.files[file_id] = file
    real = recordings.load(name)
    status, _, body = await ask(fake_dify, "GET", f"/v1/files/{file_id}/preview?user=rec-user")
    assert (status, json.loads(body)) == (real.status, json.loads(real.body))


async def test_previews_are_served(fake_dify: FakeDify) -> None:
    file_id = str(uuid.uuid4())
    fake_dify.files[file_id] = StoredFile(
        file_id, "ü p.png", "image/png", b"x", "u", fake_dify.app_id, in_message=True
    )
    url = f"{fake_dify.base_url}/files/{file_id}/preview"
    headers = {"Authorization": f"Bearer {fake_dify.api_key}"}
    async with aiohttp.ClientSession() as session:
        async with session.get(url, headers=headers) as inline:
            assert (inline.content_type, await inline.read()) == ("image/png", b"x")
            assert inline.headers["Cache-Control"] == "public, max-age=3600"
        async with session.get(url, params={"as_attachment": "true"}, headers=headers) as attached:
            assert attached.content_type == "application/octet-stream"
            assert attached.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%BC%20p.png"
        async with session.get(f"{fake_dify.base_url}/files/nope/preview", headers=headers) as unknown:
            assert (unknown.status, unknown.content_type) == (404, "text/html")


async def test_the_form_describes_the_accepted_files(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(form=FORM)
    _, _, body = await ask(fake_dify, "GET", "/v1/parameters")
    real = json.loads(recordings.load("get_parameters_wf_basic").body)
    theirs = {kind: field for entry in real["user_input_form"] for kind, field in entry.items()}
    for entry in json.loads(body)["user_input_form"]:
        ((kind, field),) = entry.items()
        assert field.keys() == theirs[kind].keys()
