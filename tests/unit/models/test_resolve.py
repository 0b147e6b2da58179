"""models.resolve: names become models, and no SDK is loaded before its model is asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sleeptime.core.errors import InputError, UnknownModel
from sleeptime.models.resolve import model_family, resolve_model

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "OPENAI_BASE_URL")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)


@pytest.mark.parametrize(
    "name",
    ["", "gpt-4o", "nano:large", "openai:", "anthropic:", "google:", "scripted:", "mystery:x", "openai-compatible:",
     "openai-compatible:http://127.0.0.1/v1", "openai-compatible:#m", "openai-compatible:ftp://host/v1#m",
     "openai-compatible:127.0.0.1:8000/v1#m", "openai-compatible:http://[bad/v1#m", "openai-compatible:http://h:99999/#m"],
)  # fmt: skip
def test_other_names_are_unknown_and_the_message_shows_the_form(name: str) -> None:
    with pytest.raises(UnknownModel, match=r"openai-compatible:URL#MODEL"):
        resolve_model(name)


@pytest.mark.parametrize(
    ("name", "variable"),
    [("openai:gpt-4o", "OPENAI_API_KEY"), ("anthropic:claude-sonnet-4-5", "ANTHROPIC_API_KEY"),
     ("google:gemini-2.5-flash", "GOOGLE_API_KEY")],
)  # fmt: skip
def test_a_missing_key_names_the_variable_to_set(name: str, variable: str) -> None:
    with pytest.raises(InputError, match=rf"set the environment variable {variable}, or use .* nano"):
        resolve_model(name)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("openai:gpt-4o-mini", "openai-chat"),
        ("openai:o3-mini", "openai-reasoning"),
        ("openai:gpt-5", "openai-reasoning"),
        ("anthropic:claude-3-7-sonnet-latest", "anthropic"),
        ("google:gemini-2.5-flash", "google"),
        ("openai-compatible:http://127.0.0.1:8000/v1#org/model:7b", "openai-compatible"),
    ],
)
def test_names_resolve_to_their_family(name: str, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in KEYS[:3]:
        monkeypatch.setenv(key, "test")
    model: Any = resolve_model(name, timeout_s=7.0)
    assert model_family(model) == family
    assert model.model_name == name.partition("#")[2] or model.model_name == name.partition(":")[2]
    # A batch API refuses these in a request, so where there is one they are the client's.
    given = model.settings or {"timeout": model.client.timeout, "max_retries": model.client.max_retries}
    assert given == {"timeout": 7.0, "max_retries": 0}, "retries are ours"


@pytest.mark.parametrize(
    ("name", "variable", "system", "family"),
    [("deepseek:deepseek-chat", "DEEPSEEK_API_KEY", "deepseek", "other"),
     ("openrouter:meta/llama-4", "OPENROUTER_API_KEY", "openrouter", "other"),
     ("openai-chat:gpt-4o", "OPENAI_API_KEY", "openai", "openai-chat")],
)  # fmt: skip
def test_other_names_of_pydantic_ai_resolve_with_the_same_settings(
    name: str, variable: str, system: str, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(InputError, match=variable):
        resolve_model(name)
    monkeypatch.setenv(variable, "test")
    model = resolve_model(name, timeout_s=7.0)
    assert (model.system, model_family(model), model.model_name) == (system, family, name.partition(":")[2])
    assert model.settings == {"timeout": 7.0, "max_retries": 0}


def test_a_provider_whose_package_is_missing_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(InputError, match=r"not installed.*boto3"):
        resolve_model("bedrock:some-model")


@pytest.mark.parametrize("timeout_s", [0.0, -1.0])
def test_a_timeout_must_be_positive(timeout_s: float) -> None:
    with pytest.raises(InputError, match="above 0"):
        resolve_model("openai-compatible:http://127.0.0.1/v1#m", timeout_s=timeout_s)


def test_a_script_resolves_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"model": "canned", "replies": ["hello"]}))
    model = resolve_model(f"scripted:{path}")
    assert (model.model_name, model_family(model)) == ("canned", "scripted")


LOADED = """
import sys
{statement}
heavy = ("openai", "anthropic", "google.genai", {extra})
print([name for name in heavy if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("statement", "extra"),
    [
        ("import sleeptime.models", '"pydantic_ai", "genai_prices", "numpy"'),
        ("import sleeptime.models.resolve, sleeptime.models.prices", '"pydantic_ai", "genai_prices", "numpy"'),
        (
            "from sleeptime.models import MeteredModel, RetryModel, ScriptedModel, budget_request",
            '"numpy"',
        ),
    ],
)
def test_importing_loads_no_sdk(statement: str, extra: str) -> None:
    code = LOADED.format(statement=statement, extra=extra)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": "src"}
    )
    assert done.stdout.strip() == "[]"


def test_the_package_offers_its_names_and_no_others() -> None:
    import sleeptime.models as models

    assert sorted(models.__all__) == models.__all__ or set(models.__all__) <= set(dir(models))
    for name in models.__all__:
        assert getattr(models, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'gpt'"):
        _ = models.gpt


@pytest.mark.parametrize("key", ["ключ", "sk-1\n", "sk 1"])
@pytest.mark.parametrize(
    ("name", "variable"),
    [("openai:gpt-4o", "OPENAI_API_KEY"), ("openai-compatible:http://127.0.0.1/v1#m", "SLEEPTIME_API_KEY")],
)
def test_a_key_that_no_request_can_carry_is_refused_and_not_shown(
    name: str, variable: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, key)
    with pytest.raises(InputError, match=f"the key in {variable} holds") as refused:
        resolve_model(name)
    assert key.strip() not in str(refused.value)
