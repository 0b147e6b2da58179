"""Script files: what a `ScriptedModel` says, written as JSON.

::

    {"model": "scripted",
     "replies": ["a text", {"tool": "write_notes", "args": {"notes": []}}, {"error": "RateLimited"}]}

says the replies in order. Rules suit a script that more than one process reads::

    {"rules": [{"tools": "write_notes", "replies": [{"tool": "write_notes", "args": {"notes": []}}]},
               {"contains": "which port", "replies": ["8080"]},
               {"replies": ["I do not know."]}]}

The first rule that fits answers: ``tools`` is a tool that must be offered, ``contains`` a text that the request must
hold. A rule says its replies in order, and then the last one again.

A reply is a text; an object with ``tool`` and ``args``, with ``thought``, or with ``error`` (a class of
`sleeptime.core.errors` below ModelError) and ``message``; a list of these; or ``{"parts": [...], "usage": {...},
"finish_reason": "length", "delay_s": 0.1}``.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final, cast

from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from sleeptime.core.errors import (
    BadReply,
    InputError,
    ModelTimeout,
    PromptRejected,
    ProviderDown,
    RateLimited,
    RequestRejected,
)
from sleeptime.core.usage import Usage
from sleeptime.models.scripted import AnyReply, Reply, Request, Said, Script, Thought, ToolCall

_ERRORS: Final = {
    kind.__name__: kind for kind in (RateLimited, ProviderDown, ModelTimeout, BadReply, RequestRejected, PromptRejected)
}
_MAX_TOKENS: Final = 10**12
_MAX_DELAY_S: Final = 86_400


def read_script(path: str) -> tuple[Script, str]:
    """Read a script file.

    Returns:
        The script, and the name of the model.

    Raises:
        InputError: the file cannot be read, is not JSON, or is not a script; the message names the place.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot read the script {path!r}: {error}; it must be a JSON file") from error
    if not isinstance(data, dict) or ("replies" in data) == ("rules" in data):
        raise InputError(f"the script {path!r} must be an object with either 'replies' or 'rules'")
    name = str(data.get("model", "scripted"))
    if "replies" in data:
        return _replies(data["replies"], f"{path}: replies"), name
    rules = data["rules"]
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise InputError(f"{path}: 'rules' must be a list of objects")
    return _Rules([_Rule(rule, f"{path}: rules[{index}]") for index, rule in enumerate(rules)]), name


class _Rule:
    """One rule: when it fits, and what it says."""

    def __init__(self, data: dict[str, Any], where: str) -> None:
        if unknown := set(data) - {"tools", "contains", "replies"}:
            raise InputError(f"{where}: unknown {sorted(unknown)}; allowed: tools, contains, replies")
        self.tools = data.get("tools")
        self.contains = data.get("contains")
        if not all(isinstance(value, str | None) for value in (self.tools, self.contains)):
            raise InputError(f"{where}: 'tools' and 'contains' must be texts")
        self.replies = _replies(data.get("replies"), where)

    def fits(self, request: Request) -> bool:
        is_offered = self.tools is None or self.tools in request.tools
        return is_offered and (self.contains is None or self.contains in request.text)


class _Rules:
    """A script that answers by rules."""

    def __init__(self, rules: list[_Rule]) -> None:
        self._rules = rules
        self._said: Counter[int] = Counter()

    def __call__(self, messages: list[ModelMessage], parameters: ModelRequestParameters) -> AnyReply:
        request = Request(tuple(messages), ModelSettings(), parameters)
        for index, rule in enumerate(self._rules):
            if rule.fits(request):
                self._said[index] += 1
                return rule.replies[min(self._said[index], len(rule.replies)) - 1]
        raise InputError(f"no rule of the script fits the request that ends with {request.text[-200:]!r}; add one")


def _replies(data: object, where: str) -> list[AnyReply]:
    if not isinstance(data, list) or not data:
        raise InputError(f"{where}: 'replies' must be a list with at least one reply")
    return [_reply(entry, f"{where}[{index}]") for index, entry in enumerate(data)]


def _reply(data: object, where: str) -> AnyReply:
    if isinstance(data, list):
        return [_said(part, where) for part in data]
    if not isinstance(data, dict) or "parts" not in data:
        return _said(data, where)
    parts, given, delay_s = data["parts"], data.get("usage", {}), data.get("delay_s", 0.0)
    if not isinstance(parts, list):
        raise InputError(f"{where}: 'parts' must be a list")
    if not isinstance(delay_s, int | float) or not 0 <= delay_s <= _MAX_DELAY_S:
        raise InputError(f"{where}: 'delay_s' must be 0 to {_MAX_DELAY_S} seconds, got {delay_s!r}")
    classes = Usage().as_dict()
    is_usage = isinstance(given, dict) and given.keys() <= classes.keys()
    if not is_usage or not all(type(count) is int and 0 <= count <= _MAX_TOKENS for count in given.values()):
        raise InputError(f"{where}: bad 'usage' {given!r}; allowed: counts of {', '.join(classes)}")
    return Reply(
        parts=[_said(part, where) for part in parts],
        usage=Usage(**given) if "usage" in data else None,
        finish_reason=cast(Any, data.get("finish_reason")),
        delay_s=float(delay_s),
    )


def _said(data: object, where: str) -> Said:
    if isinstance(data, str):
        return data
    if isinstance(data, dict):
        if isinstance(data.get("tool"), str) and isinstance(data.get("args", {}), dict):
            return ToolCall(data["tool"], data.get("args", {}))
        if isinstance(data.get("thought"), str):
            return Thought(data["thought"])
        if data.get("error") in _ERRORS:
            return _ERRORS[data["error"]](str(data.get("message", "scripted failure")))
    raise InputError(
        f"{where}: {data!r} is not a reply; allowed: a text, tool with args, thought, error ({', '.join(_ERRORS)})"
    )
