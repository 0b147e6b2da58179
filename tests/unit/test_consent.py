"""Consent: what may cost money is asked for, and held to a cap."""

from __future__ import annotations

import pytest
from pydantic_ai.models import Model

from sleeptime.cli.consent import CAP_OVER_ESTIMATE, agreed_model
from sleeptime.core.errors import InputError
from sleeptime.core.usage import Usage
from sleeptime.lab.cap import CappedModel
from sleeptime.models.resolve import resolve_model
from sleeptime.models.scripted import ScriptedModel

USAGE = Usage(input_tokens=1_000_000)


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> Model:
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    return resolve_model("openai:gpt-4o-mini")


def capped(model: Model) -> float:
    assert isinstance(model, CappedModel)
    return model.cap_usd


def test_the_cap_is_what_the_user_gave_or_follows_from_the_estimate(paid: Model) -> None:
    cost = capped(agreed_model(paid, USAGE, None, is_agreed=True)) / CAP_OVER_ESTIMATE
    assert 0.01 < cost < 10
    assert capped(agreed_model(paid, USAGE, None, is_agreed=True, least_cap_usd=99.0)) == 99.0
    assert capped(agreed_model(paid, USAGE, 0.5, is_agreed=True, least_cap_usd=99.0)) == 0.5


def test_what_is_to_be_spent_is_said_before_it_is_asked_for(paid: Model, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="add --yes to agree"):
        agreed_model(paid, USAGE, 0.5, is_agreed=False, calls="3 calls")
    assert "3 calls: about 1,000,000 input and 0 output tokens, cost $0." in capsys.readouterr().err


def test_nobody_is_asked_where_nothing_is_spent(paid: Model, capsys: pytest.CaptureFixture[str]) -> None:
    free = ScriptedModel([])
    assert agreed_model(paid, Usage(), None, is_agreed=False) is paid
    assert agreed_model(free, USAGE, None, is_agreed=False) is free
    assert capped(agreed_model(paid, Usage(), 0.5, is_agreed=False)) == 0.5
    assert capsys.readouterr().err == ""


def test_a_cap_that_cannot_hold_is_refused_before_anybody_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    unpriced = resolve_model("openai-compatible:http://127.0.0.1:9/v1#mine")
    with pytest.raises(InputError, match="the price of 'mine' is unknown, so a cap in USD cannot hold"):
        agreed_model(unpriced, USAGE, 1.0, is_agreed=False)
    assert capsys.readouterr().err == ""
    assert agreed_model(unpriced, USAGE, None, is_agreed=True) is unpriced
    assert "cost unknown; no cap, because the price is unknown" in capsys.readouterr().err
