"""Tokens and prices of answers and runs."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import attrs

from dify_async.models.messages import Usage
from dify_async.testing.scenario import Node
from dify_async.testing.state.runs import EventJson

_OPTIONAL: Final = frozenset({"time_to_first_token", "time_to_generate"})


def counted(tokens: int) -> Usage:
    """Return the usage of an answer with this number of tokens, at no price."""
    price = Decimal("0.0") if tokens else Decimal("0E-7")
    return Usage(completion_tokens=tokens, completion_price=price, prompt_price=price, total_price=price)


def usage_of_nodes(nodes: Iterable[Node]) -> Usage:
    """Return the sum of the usage of nodes."""
    used = [node.usage or counted(node.tokens) for node in nodes]
    return Usage(
        prompt_tokens=sum(one.prompt_tokens for one in used),
        completion_tokens=sum(one.completion_tokens for one in used),
        total_tokens=sum(total_tokens(one) for one in used),
        total_price=sum((one.total_price or Decimal(0) for one in used), Decimal("0.0")),
        currency=next((one.currency for one in used if one.currency), None),
    )


def total_tokens(usage: Usage) -> int:
    """Return the total number of tokens: the sum of both parts, unless a script sets it."""
    return usage.total_tokens or usage.prompt_tokens + usage.completion_tokens


def usage_json(usage: Usage) -> EventJson:
    """Return the usage of an answer as Dify sends it: prices as strings."""
    found = {**attrs.asdict(usage), "total_tokens": total_tokens(usage), "currency": usage.currency or "USD"}
    for name, value in found.items():
        if value is None and name not in _OPTIONAL:
            found[name] = 0.0 if name == "latency" else "0.0"
        elif isinstance(value, Decimal):
            found[name] = str(value)
    return found


def node_usage(node: Node) -> EventJson | None:
    """Return the execution metadata of a node; None if it uses no model."""
    usage = node.usage or counted(node.tokens)
    if not total_tokens(usage):
        return None
    price = usage.total_price if usage.total_price is not None else Decimal("0.0")
    return {
        "total_tokens": total_tokens(usage),
        "total_price": str(price),
        "currency": usage.currency or "USD",
    }
