"""Commands run in this process, and the small things that their tests give them: a context, a scripted model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Done:
    """What a command ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Done]


def note(text: str, **fields: Any) -> dict[str, Any]:
    """A fact as a model writes it."""
    return {"kind": "fact", "text": text, **fields}


def script(*replies: object, rules: list[dict[str, Any]] | None = None) -> None:
    """What the scripted model replies from now on."""
    Path("script.json").write_text(json.dumps({"replies": replies} if rules is None else {"rules": rules}))


def writes(*notes: dict[str, Any]) -> dict[str, Any]:
    """A reply that writes notes."""
    return {"tool": "write_notes", "args": {"notes": notes}}


def add(cli: Cli, text: str = "Tom has 3 apples.") -> None:
    """Add the context ``c``."""
    Path("a.md").write_text(text)
    assert cli("add", "c", "a.md").code == 0
