"""Prompts by profile and name, from the Jinja files beside this module.

A file has a header comment (purpose, variables, source, version) and up to three blocks. ``system`` is constant: it
is rendered with no variables at all, so nothing from a context, a note, a query or a model can reach a system message.
``stable`` and ``asked`` make the user message; ``stable`` holds what stays the same from query to query and comes
first, so that prompt caches hit.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, StrictUndefined, Template

from sleeptime.core.errors import InputError
from sleeptime.prompts.fence import fenced, nano_text
from sleeptime.prompts.line import nano_line, note_line

PROFILES: Final = ("default", "nano")
"""Prompt profiles: ``default`` for any chat model, ``nano`` for the embedded model's control words."""

PROMPT_NAMES: Final = ("answer", "guess", "notes", "rethink")
"""Prompts that every profile has."""

DEFAULT_ONLY: Final = ("explore", "modify", "queries", "revise")
"""Prompts that only the profile ``default`` has: nano calls no tools, writes no data sets and has no memory."""

_USER_BLOCKS: Final = ("stable", "asked")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt file.

    Args:
        profile: its folder.
        name: its file name without the suffix.
        digest: first 16 hex digits of the sha256 of the file and its place, recorded with every result it led to.
    """

    profile: str
    name: str
    digest: str
    _template: Template

    def system(self) -> str:
        """The system text, the same for every request; ``""`` when the prompt has none."""
        return self._block("system", {})

    def user(self, **variables: object) -> tuple[str, ...]:
        """The user text, what is stable first: one string per block that is not empty.

        Raises:
            jinja2.UndefinedError: a variable that the prompt reads is missing.
        """
        texts = [self._block(block, variables) for block in _USER_BLOCKS]
        return tuple(text for text in texts if text)

    def _block(self, block: str, variables: dict[str, object]) -> str:
        render = self._template.blocks.get(block)
        if render is None:
            return ""
        return "".join(render(self._template.new_context(variables))).strip()


@cache
def _environment() -> Environment:
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.filters.update(fenced=fenced, note_line=note_line, nano_text=nano_text, nano_line=nano_line)
    return environment


def prompt_source(profile: str, name: str) -> str:
    """The text of a prompt file.

    Raises:
        InputError: there is no such profile or prompt; the message lists what there is.
    """
    if profile not in PROFILES:
        raise InputError(f"prompt profile {profile!r} is not known; allowed: {', '.join(PROFILES)}")
    names = PROMPT_NAMES + (DEFAULT_ONLY if profile == "default" else ())
    if name not in names:
        raise InputError(f"prompt {name!r} is not known in {profile!r}; allowed: {', '.join(names)}")
    return files(__package__).joinpath(profile, f"{name}.jinja").read_text(encoding="utf-8")


@cache
def load_prompt(profile: str, name: str) -> Prompt:
    """Load a prompt, once.

    Raises:
        InputError: as `prompt_source`.
    """
    source = prompt_source(profile, name)
    digest = hashlib.sha256(f"{profile}/{name}\n{source}".encode()).hexdigest()[:16]
    return Prompt(profile, name, digest, _environment().from_string(source))
