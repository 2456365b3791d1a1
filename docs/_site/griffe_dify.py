"""How the reference shows what the code writes in its own way."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import griffe

BLOCKING = ("sync.app", "sync.web", "sync.knowledge")


class BlockingMethods(griffe.Extension):
    """Show the methods of the blocking clients, which are one line each: `run = blocking(Workflows.run)`.

    At run time such a method has the signature and the docstring of the async one.
    """

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Replace attributes that are functions at run time."""
        for name in BLOCKING:
            module = pkg[name]
            for kind in module.classes.values():
                running = getattr(import_module(module.path), kind.name)
                for member in list(kind.members.values()):
                    function = inspect.getattr_static(running, member.name, None)
                    if inspect.isfunction(function) and ".resources." in function.__module__:
                        source = pkg[
                            f"{function.__module__}.{function.__qualname__}".removeprefix(f"{pkg.path}.")
                        ]
                        kind.set_member(member.name, _copy_of(source))


def _copy_of(function: griffe.Function) -> griffe.Function:
    copy = griffe.Function(function.name, parameters=function.parameters, returns=function.returns)
    copy.docstring = function.docstring
    return copy


class FieldsAsList(griffe.Extension):
    """Show the fields of data classes as one list, instead of a heading for each."""

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Move documented attributes into the docstring of their class."""
        fields = [
            member
            for member in cls.members.values()
            if isinstance(member, griffe.Attribute)
            and not member.name.startswith("_")
            and (member.docstring or member.name.isupper())  # Members of an enumeration speak for themselves.
        ]
        if not fields or not cls.docstring:
            return
        section = griffe.DocstringSectionAttributes(
            [
                griffe.DocstringAttribute(
                    field.name,
                    annotation=field.annotation,
                    description=field.docstring.value if field.docstring else "",
                    value=field.value,
                )
                for field in fields
            ]
        )
        cls.docstring.parsed = [*cls.docstring.parse("google"), section]
        for field in fields:
            cls.del_member(field.name)
