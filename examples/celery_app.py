"""Start a run in one process and wait for it in another."""

from celery import Celery

from dify_async import RunHandle, errors
from dify_async.sync import AppClient

app = Celery("forecasts")  # CELERY_BROKER_URL and CELERY_RESULT_BACKEND
client = AppClient()  # DIFY_API_KEY, DIFY_BASE_URL and DIFY_USER; each process has its own connections


def order(city: str) -> str:
    """Start a run from the web process. Return the id of the task that waits for it."""
    handle = client.workflows.submit({"city": city})
    return finish.delay(handle.to_json()).id


@app.task(acks_late=True, reject_on_worker_lost=True)
def finish(handle: str) -> dict[str, object]:
    """Wait for a run. Idempotent, because it starts nothing."""
    try:
        return {"outputs": client.workflows.wait(RunHandle.from_json(handle)).outputs}
    except errors.RunFailed as exc:  # the result of the run, not an error of the task
        return {"error": str(exc)}
