"""Sleep-time compute for any language model: think about a context before anyone asks.

Names are loaded when they are first used: ``import sleeptime`` reads, prints and creates nothing, and stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sleeptime.app import Sleeptime
    from sleeptime.core.budget import Budget, parse_budget
    from sleeptime.core.call import Call
    from sleeptime.core.context import Context, Part
    from sleeptime.core.errors import SleeptimeError
    from sleeptime.core.note import LearnedContext, Note
    from sleeptime.core.query import Query
    from sleeptime.core.usage import Usage
    from sleeptime.models.scripted import ScriptedModel

__version__ = "0.1.0"

__all__ = [
    "Budget",
    "Call",
    "Context",
    "LearnedContext",
    "Note",
    "Part",
    "Query",
    "ScriptedModel",
    "Sleeptime",
    "SleeptimeError",
    "Usage",
    "parse_budget",
]

_HOME = {
    "Budget": "sleeptime.core.budget",
    "Call": "sleeptime.core.call",
    "Context": "sleeptime.core.context",
    "LearnedContext": "sleeptime.core.note",
    "Note": "sleeptime.core.note",
    "Part": "sleeptime.core.context",
    "Query": "sleeptime.core.query",
    "ScriptedModel": "sleeptime.models.scripted",
    "Sleeptime": "sleeptime.app",
    "SleeptimeError": "sleeptime.core.errors",
    "Usage": "sleeptime.core.usage",
    "parse_budget": "sleeptime.core.budget",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module that defines it (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'sleeptime' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
