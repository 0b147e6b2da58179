"""Settings: from arguments, then `SLEEPTIME_*` variables, then `sleeptime.toml` in the working folder, then defaults.

docs/settings.md describes each one; a test holds the two together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings.exceptions import SettingsError

from sleeptime.core.batch import BatchPolicy
from sleeptime.core.breaker import BreakerPolicy
from sleeptime.core.budget import EffortLevel
from sleeptime.core.caps import Cap, Caps
from sleeptime.core.errors import InputError
from sleeptime.core.pace import Pace
from sleeptime.core.price import Tier
from sleeptime.sleep.acceptance import AcceptanceRules
from sleeptime.sources.limits import SourceLimits
from sleeptime.store.entry import Keep
from sleeptime.telemetry.exporter import OFF, Exporter, parse_exporters, written

SETTINGS_FILE = "sleeptime.toml"
PREFIX = "SLEEPTIME_"
LONGEST_S = 31_536_000
"""Of every setting in seconds: a year, which every clock and timer can count."""


def default_database_url() -> str:
    """SQLite in the user's data folder, such as ~/.local/share/sleeptime/sleeptime.db. Makes no folder."""
    import platformdirs

    return f"sqlite:///{platformdirs.user_data_path('sleeptime', appauthor=False) / 'sleeptime.db'}"


class Settings(BaseSettings):
    """Every setting, with its default. Use `load_settings`, which maps errors."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX,
        toml_file=SETTINGS_FILE,
        extra="forbid",
        frozen=True,
        env_ignore_empty=True,
        env_parse_none_str="none",
    )

    database_url: str = Field(default_factory=default_database_url, min_length=1)
    tenant: str = "default"
    model: str = Field(default="nano", min_length=1)
    model_timeout_s: float = Field(default=60.0, gt=0, le=LONGEST_S)
    tier: Tier = Tier.STANDARD

    strategy: Literal["rethink", "notes", "repository"] = "notes"
    drafts: int = Field(default=1, ge=1, le=100)
    combine: Literal["merge", "concat"] = "merge"
    effort: EffortLevel = "high"
    seed: int = 0
    temperature: float | None = Field(default=0.7, ge=0, le=2)
    max_rethinks: int = Field(default=10, ge=1)
    max_note_tokens: int = Field(default=1250, ge=1)
    max_changes: int = Field(default=12, ge=1)
    max_steps: int = Field(default=20, ge=1)
    concurrency: int = Field(default=4, ge=1)
    incremental: bool = True
    neighbours: int = Field(default=2, ge=0)
    piece_tokens: int = Field(default=8_000, ge=1)
    piece_parts: int = Field(default=16, ge=1)

    max_usd_per_job: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    max_tokens_per_job: int | None = Field(default=None, ge=0)
    max_usd_per_context_day: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    max_tokens_per_context_day: int | None = Field(default=None, ge=0)
    max_usd_per_day: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    max_tokens_per_day: int | None = Field(default=None, ge=0)
    max_output_tokens: int = Field(default=8192, ge=1)

    max_calls_at_once: int | None = Field(default=16, ge=1)
    max_requests_per_minute: int | None = Field(default=None, ge=1)
    max_tokens_per_minute: int | None = Field(default=None, ge=1)
    max_turn_wait_s: float = Field(default=300.0, gt=0, le=LONGEST_S)
    breaker_errors: int = Field(default=3, ge=1)
    breaker_pause_s: float = Field(default=30.0, gt=0, le=LONGEST_S)
    breaker_longest_pause_s: float = Field(default=1800.0, gt=0, le=LONGEST_S)
    batch_deadline_s: float = Field(default=86_400.0, gt=0, le=LONGEST_S)
    batch_poll_s: float = Field(default=10.0, gt=0, le=600)

    approve: bool = False
    max_learned_tokens: int = Field(default=1_000_000, ge=1)
    max_lost_verified: float = Field(default=0.5, ge=0, le=1)
    keep_versions: int = Field(default=10, ge=1)
    keep_days: float = Field(default=30.0, ge=0, le=36_500)
    keep_queried: bool = True

    worker_concurrency: int = Field(default=4, ge=1, le=1000)
    dead_after_s: float = Field(default=15.0, gt=0, le=LONGEST_S)
    drain_timeout_s: float = Field(default=60.0, ge=0, le=LONGEST_S)

    budget: str = "v1"
    notes_limit_tokens: int = Field(default=16_000, ge=1)
    keep_raw: bool = True

    max_part_bytes: int = Field(default=1 << 20, ge=1)
    max_context_bytes: int = Field(default=64 << 20, ge=1)
    max_parts: int = Field(default=100_000, ge=1)
    url_timeout_s: float = Field(default=30.0, gt=0, le=LONGEST_S)
    max_redirects: int = Field(default=5, ge=0)

    telemetry: str = OFF

    @field_validator("telemetry")
    @classmethod
    def _known_exporters(cls, value: str) -> str:
        return written(parse_exporters(value))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def caps(self) -> Caps:
        """The limits on what sleep may spend."""
        return Caps(
            job=Cap(self.max_tokens_per_job, self.max_usd_per_job),
            context_day=Cap(self.max_tokens_per_context_day, self.max_usd_per_context_day),
            tenant_day=Cap(self.max_tokens_per_day, self.max_usd_per_day),
        )

    @property
    def pace(self) -> Pace:
        """The limits on what sleep sends to one provider."""
        return Pace(
            self.max_calls_at_once, self.max_requests_per_minute, self.max_tokens_per_minute, self.max_turn_wait_s
        )

    @property
    def breaker(self) -> BreakerPolicy:
        """When a model that fails is left alone, and for how long."""
        return BreakerPolicy(self.breaker_errors, self.breaker_pause_s, self.breaker_longest_pause_s)

    @property
    def batch(self) -> BatchPolicy:
        """How long batches are waited for, and how often the provider is asked."""
        return BatchPolicy(self.batch_deadline_s, self.batch_poll_s)

    @property
    def acceptance_rules(self) -> AcceptanceRules:
        """What new notes must pass before they are served."""
        return AcceptanceRules(self.max_learned_tokens, self.max_lost_verified)

    @property
    def keep(self) -> Keep:
        """Which versions of notes are kept when they are pruned."""
        return Keep(self.keep_versions, self.keep_days, self.keep_queried)

    @property
    def exporters(self) -> frozenset[Exporter]:
        """Where spans and metrics go."""
        return parse_exporters(self.telemetry)

    @property
    def source_limits(self) -> SourceLimits:
        """The limits on what `add` reads."""
        return SourceLimits(
            max_part_bytes=self.max_part_bytes,
            max_context_bytes=self.max_context_bytes,
            max_parts=self.max_parts,
            url_timeout_s=self.url_timeout_s,
            max_redirects=self.max_redirects,
        )


def load_settings(**given: Any) -> Settings:
    """The settings, with those `given` that are not None taking precedence.

    Raises:
        InputError: a setting has a value that is not allowed, or sleeptime.toml cannot be read or has an unknown key.
    """
    return _checked(_not_none(given))


def changed_settings(settings: Settings, **changes: Any) -> Settings:
    """`settings` with those `changes` that are not None, and nothing read again from the environment or the file.

    Raises:
        InputError: a changed setting has a value that is not allowed.
    """
    return _checked({**settings.model_dump(), **_not_none(changes)})


def restored_settings(settings: Settings, **kept: Any) -> Settings:
    """`settings` with values that were kept in their place, None too.

    Raises:
        InputError: a kept setting has a value that is not allowed.
    """
    return _checked({**settings.model_dump(), **kept})


def _not_none(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _checked(given: dict[str, Any]) -> Settings:
    try:
        return Settings(**given)
    except ValidationError as error:
        raise InputError("; ".join(_problem(item) for item in error.errors())) from error
    except SettingsError as error:
        raise InputError(f"the settings cannot be read: {error}") from error
    except (OSError, ValueError, RecursionError) as error:  # tomllib's error is a ValueError
        raise InputError(f"{Path(SETTINGS_FILE).absolute()} cannot be read: {error}") from error


def _problem(item: Any) -> str:
    name = ".".join(str(step) for step in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"there is no setting {name!r} (docs/settings.md lists them)"
    return f"setting {name} ({PREFIX}{name.upper()}): {item['msg'].lower()}, got {item['input']!r}"
