"""Annotations: prepared answers to questions."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from dify_async.testing.api_errors import crashed, invalid_param, missing
from dify_async.testing.ids import UUID_PATH, new_id
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.state.collection import numbered_page
from dify_async.testing.state.messages import Annotation

_MODEL: Final = "AnnotationCreatePayload"
_REPLY_FIELDS: Final = ("score_threshold", "embedding_provider_name", "embedding_model_name")


async def listed(call: Call) -> web.Response:
    """List the annotations, newest first."""
    page = call.whole("AnnotationListQuery", "page", 1, 99999, 1)
    limit = call.whole("AnnotationListQuery", "limit", 1, 99999, 20)
    keyword = call.query.get("keyword", "")
    found = [
        one for one in call.state.annotations.newest_first if keyword in one.question or keyword in one.answer
    ]
    shown = numbered_page(found, page, min(limit, 100))
    return call.json(
        {
            "data": [one.as_json() for one in shown],
            "has_more": len(shown) == limit,
            "limit": limit,
            "total": len(found),
            "page": page,
        }
    )


async def create(call: Call) -> web.Response:
    """Create an annotation."""
    question, answer = await call.fields(_MODEL, "question", "answer")
    annotation = call.state.annotations.add(Annotation(question=question, answer=answer))
    return call.json(annotation.as_json(), 201)


async def update(call: Call) -> web.Response:
    """Change an annotation."""
    question, answer = await call.fields(_MODEL, "question", "answer")
    annotation = call.state.annotations.find(call.path["annotation_id"])
    annotation.question, annotation.answer = question, answer
    return call.json(annotation.as_json())


async def delete(call: Call) -> web.Response:
    """Delete an annotation."""
    call.state.annotations.remove(call.path["annotation_id"])
    return call.nothing()


async def switch_reply(call: Call) -> web.Response:
    """Turn annotation replies on or off, in a job."""
    body = await call.body()
    for name in _REPLY_FIELDS:
        if name not in body:
            raise missing("AnnotationReplyActionPayload", name)
    if call.path["action"] not in {"enable", "disable"}:
        raise crashed()
    job_id = new_id()
    call.state.annotation_jobs.add(job_id)
    return call.json({"job_id": job_id, "job_status": "waiting"})


async def reply_job(call: Call) -> web.Response:
    """Return the status of a job."""
    job_id = call.path["job_id"]
    if job_id not in call.state.annotation_jobs:
        raise invalid_param("The job does not exist.")
    return call.json({"job_id": job_id, "job_status": "completed", "error_msg": ""})


_ONE: Final = f"/apps/annotations/{{annotation_id:{UUID_PATH}}}"

SERVICE: Final[Routes] = [
    ("GET", "/apps/annotations", listed),
    ("POST", "/apps/annotations", create),
    ("PUT", _ONE, update),
    ("DELETE", _ONE, delete),
    ("POST", "/apps/annotation-reply/{action}", switch_reply),
    ("GET", f"/apps/annotation-reply/{{action}}/status/{{job_id:{UUID_PATH}}}", reply_job),
]
