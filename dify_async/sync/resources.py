"""The operations, one line each: the blocking side of `dify_async.resources`."""

from __future__ import annotations

from dify_async import _probe
from dify_async.resources import app, files, workflows
from dify_async.sync.wrap import Resource, blocking, blocking_function, blocking_pager, blocking_stream


class Workflows(Resource):
    """Run workflows, and find their runs again. For keys of workflow apps."""

    run = blocking(workflows.Workflows.run)
    stream = blocking_stream(workflows.Workflows.stream)
    submit = blocking(workflows.Workflows.submit)
    attach = blocking_stream(workflows.Workflows.attach)
    wait = blocking(workflows.Workflows.wait)
    get = blocking(workflows.Workflows.get)
    stop = blocking(workflows.Workflows.stop)
    logs = blocking_pager(workflows.Workflows.logs)


class Files(Resource):
    """Upload files, and read those of messages again."""

    upload = blocking(files.Files.upload)
    preview = blocking(files.Files.preview)
    save_preview = blocking(files.Files.save_preview)


class App(Resource):
    """The app that the key opens. None of these calls needs an end user."""

    info = blocking(app.App.info)
    parameters = blocking(app.App.parameters)
    meta = blocking(app.App.meta)
    site = blocking(app.App.site)


probe = blocking_function(_probe.probe)
