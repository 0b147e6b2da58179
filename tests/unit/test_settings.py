import json
import re
from pathlib import Path

import pytest

from sleeptime.core.caps import NO_CAPS, Cap, Caps
from sleeptime.core.errors import InputError
from sleeptime.core.price import Tier
from sleeptime.models.worst import MAX_OUTPUT_TOKENS
from sleeptime.settings import PREFIX, Settings, changed_settings, default_database_url, load_settings
from sleeptime.sleep.settings import SleepSettings
from sleeptime.sources import SourceLimits
from sleeptime.wake.answer import NOTES_LIMIT_TOKENS

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_arguments_come_before_variables_before_the_file_before_defaults(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (nothing_set / "sleeptime.toml").write_text('model = "file"\nbudget = "v3"\ndrafts = 2\n')
    monkeypatch.setenv("SLEEPTIME_BUDGET", "v4")
    monkeypatch.setenv("SLEEPTIME_MODEL", "variable")
    settings = load_settings(model="argument", budget=None)
    assert (settings.model, settings.budget, settings.drafts, settings.combine) == ("argument", "v4", 2, "merge")


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEPTIME_MODEL", "")
    assert load_settings().model == "nano"


def test_values_are_read_from_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEPTIME_TIER", "flex")
    monkeypatch.setenv("SLEEPTIME_TEMPERATURE", "none")
    monkeypatch.setenv("SLEEPTIME_KEEP_RAW", "false")
    settings = load_settings()
    assert (settings.tier, settings.temperature, settings.keep_raw) == (Tier.FLEX, None, False)


@pytest.mark.parametrize(
    ("name", "value"), [("drafts", "0"), ("effort", "huge"), ("max_parts", "many"), ("temperature", "3"), ("tier", "x")]
)
def test_a_value_that_is_not_allowed_names_the_setting_and_the_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(PREFIX + name.upper(), value)
    with pytest.raises(InputError, match=rf"setting {name} \(SLEEPTIME_{name.upper()}\): .*{value}"):
        load_settings()


def test_caps_are_read_by_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "MAX_USD_PER_JOB": "0.5",
        "MAX_TOKENS_PER_CONTEXT_DAY": "1000",
        "MAX_USD_PER_DAY": "none",
        "MAX_TOKENS_PER_DAY": "0",
    }.items():
        monkeypatch.setenv(PREFIX + name, value)
    assert load_settings().caps == Caps(Cap(max_usd=0.5), Cap(max_tokens=1000), Cap(max_tokens=0))


@pytest.mark.parametrize(
    "name",
    [
        "model_timeout_s",
        "max_turn_wait_s",
        "breaker_pause_s",
        "breaker_longest_pause_s",
        "batch_deadline_s",
        "batch_poll_s",
        "dead_after_s",
        "drain_timeout_s",
        "url_timeout_s",
    ],
)
@pytest.mark.parametrize("value", ["1e308", "inf", "nan"])
def test_no_time_is_longer_than_clocks_can_count(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(PREFIX + name.upper(), value)
    with pytest.raises(InputError, match=f"setting {name} "):
        load_settings()


@pytest.mark.parametrize("value", ["-1", "nan", "inf"])
def test_a_cap_is_an_amount_of_money(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SLEEPTIME_MAX_USD_PER_DAY", value)
    with pytest.raises(InputError, match="setting max_usd_per_day"):
        load_settings()


def test_a_change_leaves_all_other_settings_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(temperature=None, budget="v3")
    monkeypatch.setenv("SLEEPTIME_BUDGET", "v4")
    assert changed_settings(settings, drafts=3, effort=None) == settings.model_copy(update={"drafts": 3})
    with pytest.raises(InputError, match="setting drafts"):
        changed_settings(settings, drafts=0)


def test_an_unknown_key_in_the_file_is_an_error(nothing_set: Path) -> None:
    (nothing_set / "sleeptime.toml").write_text('modell = "nano"\n')
    with pytest.raises(InputError, match="no setting 'modell'"):
        load_settings()


@pytest.mark.parametrize("text", ["model =\n", "model = 'caf\udce9'\n", "x = " + "[" * 10_000])
def test_a_file_that_cannot_be_read_is_named(nothing_set: Path, text: str) -> None:
    (nothing_set / "sleeptime.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=r"sleeptime\.toml cannot be read"):
        load_settings()


def test_the_default_database_is_a_file_in_the_user_data_folder_and_is_not_made(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(nothing_set / "data"))
    assert load_settings().database_url == f"sqlite:///{nothing_set}/data/sleeptime/sleeptime.db"
    assert not (nothing_set / "data").exists()


def test_defaults_are_those_of_the_values_they_fill() -> None:
    settings, limits, sleep = load_settings(), SourceLimits(), SleepSettings()
    assert settings.source_limits == limits
    shared = ("strategy", "drafts", "combine", "effort", "seed", "temperature", "max_rethinks", "max_note_tokens")
    assert {name: getattr(settings, name) for name in shared} == {name: getattr(sleep, name) for name in shared}
    assert settings.concurrency == sleep.concurrency
    assert settings.notes_limit_tokens == NOTES_LIMIT_TOKENS
    assert settings.max_output_tokens == MAX_OUTPUT_TOKENS
    assert settings.caps == NO_CAPS


def test_every_setting_is_documented_with_its_variable_and_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.+?) \| (.+) \|$", DOCS.read_text(), re.MULTILINE)
    assert [row[0] for row in rows] == list(Settings.model_fields)
    defaults = {row[0]: row[2].strip("`") for row in rows}
    shown = {name: _shown(getattr(load_settings(), name)) for name in Settings.model_fields}
    assert defaults.pop("database_url") == "SQLite file `sleeptime.db` in the user data folder"
    assert shown.pop("database_url") == default_database_url()
    assert defaults == shown
    assert all(variable == PREFIX + name.upper() for name, variable, _, _ in rows)


def _shown(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)
