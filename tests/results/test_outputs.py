"""Outputs as objects of custom classes, and such objects as inputs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypedDict

import attrs
import pytest
from pydantic import BaseModel, ConfigDict, Field

from dify_async import AppClient, InputFile, errors, sync
from dify_async.models import AppParameters, InputField, RunStatus, WorkflowResult, WorkflowRun
from dify_async.testing import FakeDify, Workflow
from dify_async.testing import Field as FormField


class Sky(Enum):
    CLEAR = "clear"
    GREY = "grey"


@dataclasses.dataclass
class Wind:
    speed: float


@dataclasses.dataclass
class Forecast:
    city: str
    days: int
    sky: Sky
    wind: Wind | None = None
    price: Decimal | None = None
    at: datetime | None = None
    good: bool = True


@attrs.define
class ForecastOfAttrs:
    city: str
    days: int


class ForecastDict(TypedDict):
    city: str
    days: int


class ForecastModel(BaseModel):
    city: str
    days: int = Field(ge=0)


def result(**outputs: Any) -> WorkflowResult:
    return WorkflowResult(status=RunStatus.SUCCEEDED, outputs=outputs)


def test_outputs_become_a_dataclass() -> None:
    outputs = {
        "city": "Lisbon",
        "days": 3,
        "sky": "grey",
        "wind": {"speed": 5},
        "price": "0.10",
        "at": "2026-01-02T03:04:05+00:00",
        "good": False,
        "more": "ignored",
    }
    expected = Forecast(
        "Lisbon",
        3,
        Sky.GREY,
        Wind(5.0),
        Decimal("0.10"),
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        good=False,
    )
    assert result(**outputs).outputs_as(Forecast) == expected
    assert WorkflowRun(outputs=outputs).outputs_as(Forecast) == expected


@pytest.mark.parametrize("kind", [ForecastOfAttrs, ForecastDict, ForecastModel])
def test_outputs_become_other_types(kind: Any) -> None:
    assert result(city="Lisbon", days=3).outputs_as(kind) == kind(city="Lisbon", days=3)


@pytest.mark.parametrize(("text", "number"), [("3", 3), (3.0, 3), ("1e2", 100), (2**70, 2**70)])
def test_numbers_may_be_text(text: Any, number: int) -> None:
    assert result(city="Lisbon", days=text).outputs_as(ForecastOfAttrs).days == number


@pytest.mark.parametrize("text", ["false", "False", " FALSE ", False])
def test_booleans_may_be_text(text: Any) -> None:
    assert result(city="a", days=1, sky="clear", good=text).outputs_as(Forecast).good is False


@pytest.mark.parametrize(
    ("outputs", "kind", "says"),
    [
        ({"city": "Lisbon", "days": 3.7}, ForecastOfAttrs, "days"),
        ({"city": "Lisbon", "days": "many"}, ForecastOfAttrs, "days"),
        ({"city": "Lisbon", "days": True}, ForecastOfAttrs, "days"),
        ({"city": "Lisbon", "days": "1e999999999"}, ForecastOfAttrs, "days"),
        ({"city": "a", "days": 1, "sky": "grey", "wind": {"speed": "1e999"}}, Forecast, r"wind\.speed"),
        ({"city": None, "days": 3}, ForecastOfAttrs, "city"),
        ({"city": 5, "days": 3}, ForecastOfAttrs, "city"),
        ({"days": 3}, ForecastOfAttrs, "city"),
        ({"days": 3}, ForecastDict, "city"),
        ({"city": "a", "days": 1, "sky": "pink"}, Forecast, "sky"),
        ({"city": "a", "days": 1, "sky": "grey", "wind": {"speed": "x"}}, Forecast, r"wind\.speed"),
        ({"city": "a", "days": 1, "sky": "grey", "good": "perhaps"}, Forecast, "good"),
        ({"city": "Lisbon", "days": -1}, ForecastModel, "days: .*greater than or equal to 0"),
    ],
)
def test_outputs_that_do_not_match_the_class(outputs: dict[str, Any], kind: Any, says: str) -> None:
    with pytest.raises(errors.DecodeError, match=rf"the outputs do not fit {kind.__name__}: .*{says}"):
        result(**outputs).outputs_as(kind)


def test_values_are_not_part_of_the_error() -> None:
    with pytest.raises(errors.DecodeError) as caught:
        result(city="secret", days="secret").outputs_as(ForecastOfAttrs)
    assert "secret" not in str(caught.value)


def test_an_argument_that_is_not_a_class_is_a_typeerror() -> None:
    wrong: Any = "Forecast"
    with pytest.raises(TypeError, match="`kind` must be a class"):
        result().outputs_as(wrong)


# Inputs


@attrs.define
class Place:
    city: str
    at: date = date(2026, 1, 2)
    pictures: list[InputFile] = attrs.Factory(list[InputFile])
    _hidden: str = "h"


@dataclasses.dataclass
class Question:
    city: str
    place: Place
    note: str | None = None
    mood: Literal["good", "bad"] = "good"


class Options(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    city: str
    number_of_days: int = Field(default=3, serialization_alias="days")
    picture: InputFile | None = None
    place: Place | None = None


@pytest.fixture
def echo(fake_dify: FakeDify) -> FakeDify:
    fake_dify.workflow = Workflow(outputs=lambda inputs: {"got": inputs})
    return fake_dify


PICTURE = InputFile.url("https://example.com/a.png")
SENT_PICTURE = {"type": "image", "transfer_method": "remote_url", "url": "https://example.com/a.png"}

INPUTS: list[tuple[Any, dict[str, Any]]] = [
    (Place("Lisbon"), {"city": "Lisbon", "at": "2026-01-02", "pictures": []}),
    (Place("Lisbon", pictures=[PICTURE]), {"city": "Lisbon", "at": "2026-01-02", "pictures": [SENT_PICTURE]}),
    (
        Question("Lisbon", Place("Rome")),
        {"city": "Lisbon", "place": {"city": "Rome", "at": "2026-01-02", "pictures": []}, "mood": "good"},
    ),
    (Options(city="Lisbon", picture=PICTURE), {"city": "Lisbon", "days": 3, "picture": SENT_PICTURE}),
    ({"nested": [Options(city="Rome")], "big": 2**70}, {"nested": [{"city": "Rome"}], "big": 2**70}),
]


def trimmed(value: Any) -> Any:
    """Remove null values of a nested object."""
    if isinstance(value, dict):
        return {name: trimmed(one) for name, one in value.items() if one is not None and name != "days"}
    return [trimmed(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("inputs", "sent"), INPUTS, ids=lambda value: type(value).__name__)
async def test_objects_are_accepted_as_inputs(
    client: AppClient, echo: FakeDify, inputs: Any, sent: Any
) -> None:
    await client.workflows.run(inputs)
    body = json.loads(echo.requests[-1].body)
    assert trimmed(body["inputs"]) == trimmed(sent)
    with sync.AppClient(echo.api_key, user="ada", base_url=echo.base_url) as blocking:
        blocking.workflows.run(inputs)
    assert json.loads(echo.requests[-1].body)["inputs"] == body["inputs"]


async def test_objects_are_accepted_as_rows(client: AppClient, echo: FakeDify, tmp_path: Any) -> None:
    echo.workflow = Workflow(
        form=[FormField("city", required=True)], outputs=lambda inputs: {"city": inputs["city"]}
    )
    rows = [Place("Lisbon"), Question("Rome", Place("Oslo")), {"city": "Bern"}, Options(city="Paris")]
    journal = tmp_path / "journal"
    for started in (4, 4):
        async with client.workflows.run_many(rows, journal=journal, ordered=True) as batch:
            outcomes = await batch.all()
        assert [outcome.result.outputs["city"] for outcome in outcomes] == ["Lisbon", "Rome", "Bern", "Paris"]
        assert outcomes[0].row is rows[0]
        assert echo.runs_started == started


def test_objects_are_validated_against_the_form() -> None:
    form = AppParameters(user_input_form=[InputField(variable="city", required=True, kind="text-input")])
    assert form.check(Place("Lisbon")) == []
    assert len(form.check(Options.model_construct())) == 1


@pytest.mark.parametrize("wrong", [5, "text", [("a", 1)], None, Place])
async def test_objects_without_fields_are_rejected(client: AppClient, wrong: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match="`inputs` must be a mapping"):
        await client.workflows.run(wrong)


async def test_nan_in_an_object_is_rejected_with_its_path(client: AppClient) -> None:
    make: Callable[..., Any] = Wind
    with pytest.raises(errors.ConfigurationError, match=r"inputs\.speed must be a finite number"):
        await client.workflows.run(make(float("nan")))
