"""The operations of the Service API of an app, from all tables."""

from __future__ import annotations

from dify_async.operations.app import *
from dify_async.operations.files import *
from dify_async.operations.runs import *
