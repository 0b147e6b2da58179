"""core.policy: what a policy takes, how it is changed, and how it is kept."""

from __future__ import annotations

import doctest
import json
import math
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptime.core import policy
from sleeptime.core.errors import InputError
from sleeptime.core.policy import Policy
from sleeptime.core.price import Tier
from sleeptime.core.window import parse_window
from sleeptime.settings import Settings

DURATIONS = st.integers(0, 365 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
COUNTS = st.integers(1, 2**53)
USD = st.floats(0, 1e9, exclude_min=True)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "on_change": DURATIONS,
    "idle": DURATIONS,
    "every": COUNTS,
    "window": st.sampled_from(["22:00-06:00", "Sat,Sun 00:00-24:00", "Mon-Fri 22:00-06:00 Europe/Paris"]).map(
        parse_window
    ),
    "cool_down": DURATIONS,
    "max_tokens_per_job": COUNTS,
    "max_usd_per_job": USD,
    "max_tokens_per_day": COUNTS,
    "max_usd_per_day": USD,
    "approve": st.none() | st.booleans(),
    "keep_versions": COUNTS,
    "keep_days": st.floats(0, 365),
    "strategy": st.sampled_from(["notes", "rethink"]),
    "drafts": COUNTS,
    "combine": st.sampled_from(["merge", "concat"]),
    "effort": st.sampled_from(["low", "medium", "high"]),
    "tier": st.sampled_from(Tier),
    "is_on": st.booleans(),
}
POLICIES: st.SearchStrategy[Policy] = st.fixed_dictionaries({}, optional=VALUES).map(lambda given: Policy(**given))


def test_worked_examples_hold() -> None:
    assert doctest.testmod(policy).failed == 0


def test_every_value_of_a_policy_is_tried_here_and_can_be_changed() -> None:
    assert [field.name for field in fields(Policy)] == list(VALUES) == list(policy._READERS)


@given(POLICIES)
def test_a_policy_comes_back_from_json_as_it_was(policy: Policy) -> None:
    assert Policy().changed(json.loads(json.dumps(policy.as_dict(), allow_nan=False))) == policy


@given(POLICIES, POLICIES)
def test_changes_change_what_they_name_and_nothing_else(policy: Policy, other: Policy) -> None:
    changed = policy.changed(other.as_dict())
    for name in VALUES:
        assert getattr(changed, name) == getattr(other if name in other.as_dict() else policy, name)
    assert policy.changed(dict.fromkeys(VALUES)) == policy
    assert policy.changed(dict.fromkeys(VALUES, "none")) == Policy()


def test_an_empty_policy_keeps_nothing() -> None:
    assert Policy().as_dict() == {}


def test_text_is_read_as_the_command_line_gives_it() -> None:
    changes = {"every": "20", "max_usd_per_day": "0.50", "drafts": "3", "tier": "batch", "idle": "10m"}
    assert Policy().changed(changes) == Policy(
        every=20, max_usd_per_day=0.5, drafts=3, tier=Tier.BATCH, idle=timedelta(minutes=10)
    )


@pytest.mark.parametrize("unknown", ["on_chang", "model", "", "_READERS"])
def test_an_unknown_name_is_refused_and_the_known_ones_are_named(unknown: str) -> None:
    with pytest.raises(InputError, match=rf"no '{unknown}'; allowed: on_change, idle, every, window, .*, is_on"):
        Policy().changed({unknown: "1"})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("on_change", "soon", r"on_change of a policy: 'soon' is not a length of time; allowed: .*30s.*; or none"),
        ("on_change", 30, r"on_change of a policy cannot be 30; allowed: a whole number and a unit"),
        ("on_change", "", "on_change of a policy cannot be ''"),
        ("window", "22:00-22:00", "window of a policy: window 22:00-22:00 never opens"),
        ("every", "0", "every is at least 1, got 0"),
        ("every", "2.5", "every of a policy cannot be '2.5'; allowed: a whole number, or none"),
        ("every", True, "every of a policy cannot be True"),
        ("every", "9" * 30, "every of a policy cannot be '9{30}'"),
        ("every", "9" * 5000, "every of a policy cannot be"),
        ("max_usd_per_day", "0", "max_usd_per_day is a finite amount above 0 USD, got 0"),
        ("max_usd_per_day", "-1", "max_usd_per_day is a finite amount above 0 USD, got -1"),
        ("max_usd_per_day", math.nan, "max_usd_per_day is a finite amount above 0 USD, got nan"),
        ("max_usd_per_job", "inf", "max_usd_per_job of a policy cannot be 'inf'; allowed: a finite amount of USD"),
        ("max_usd_per_job", "cheap", "max_usd_per_job of a policy cannot be 'cheap'; allowed: .* such as 0.50"),
        ("max_usd_per_day", "\u0663", "max_usd_per_day of a policy cannot be '\u0663'"),
        ("max_usd_per_day", "1_0", "max_usd_per_day of a policy cannot be '1_0'"),
        ("keep_days", " 7", "keep_days of a policy cannot be ' 7'"),
        ("max_tokens_per_day", -5, "max_tokens_per_day is at least 1, got -5"),
        ("effort", "huge", "effort of a policy cannot be 'huge'; allowed: low, medium, high, or none"),
        ("tier", "cheap", "tier of a policy cannot be 'cheap'; allowed: standard, priority, flex, batch, or none"),
        ("strategy", "", "strategy of a policy cannot be ''"),
        ("approve", "yes", "approve of a policy cannot be 'yes'; allowed: true or false"),
        ("is_on", 1, "is_on of a policy cannot be 1"),
    ],
)
def test_a_value_that_is_not_allowed_names_itself_and_what_is(name: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Policy().changed({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("on_change", timedelta(seconds=-1)),
        ("idle", timedelta(days=366)),
        ("cool_down", timedelta(milliseconds=1)),
        ("every", 0),
        ("max_usd_per_job", 0.0),
        ("keep_versions", 0),
        ("keep_days", -1),
        ("keep_days", math.nan),
    ],
)
def test_impossible_policies_cannot_be_built(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=name):
        Policy(**{name: value})


def test_every_value_but_those_of_triggers_has_a_setting_that_it_stands_in_for() -> None:
    policy = Policy(
        strategy="notes", drafts=2, combine="merge", effort="low", tier=Tier.FLEX, approve=False, keep_versions=3,
        keep_days=7.0, max_tokens_per_job=1, max_usd_per_job=2.0, max_tokens_per_day=3, max_usd_per_day=4.0,
    )  # fmt: skip
    assert len(policy.overrides | policy.limits) == len(policy.as_dict())
    assert policy.limits["max_tokens_per_context_day"] == 3
    assert policy.limits["approve"] is False
    assert {*policy.overrides, *policy.limits} <= set(Settings.model_fields)


def test_overrides_are_the_settings_that_differ() -> None:
    assert Policy(every=3, drafts=2, tier=Tier.FLEX).overrides == {"drafts": 2, "tier": Tier.FLEX}
