"""Manifest: what records were made with, so that records of different makings are never mixed."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic_ai.models import Model

from sleeptime.core.errors import InputError
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import has_records
from sleeptime.prompts.load import PROMPT_NAMES, load_prompt

NAME: Final = "manifest.json"
_PACKAGES: Final = ("sleeptime", "inspect-ai", "numpy", "pydantic-ai-slim")
_SETTLED: Final = {
    "model": "another model",
    "weights": "other weights",
    "prompts": "other prompts",
    "dataset": "other problems",
    "seed": "another seed",
    "is_quick": "or without --quick",
    "serving": "another way of serving the same arm",
}
"""What must not change between the records of one book, and how a change of it is called; versions may change."""
_SERVING: Final = 1
"""To be raised when code serves an arm in another way, which its key does not tell."""
_PASSWORD: Final = re.compile(
    r"(?<=://)[^/\s]+@|(?<=[?&])[^=&#\s]*(?:password|secret|token|key)=[^&#\s']*&?", re.IGNORECASE
)
_ENTRIES: Final[dict[str, type | tuple[type, ...]]] = {
    "model": str,
    "weights": (str, type(None)),
    "prompts": dict,
    "dataset": str,
    "seed": int,
    "is_quick": bool,
    "serving": int,
    "contexts": int,
    "problems": int,
    "price_model": str,
    "price": dict,
    "commands": dict,
    "versions": dict,
}


def describe(
    model: Model, model_name: str, profile: str, problems: Sequence[Problem], seed: int, *, is_quick: bool
) -> dict[str, Any]:
    """What a run is made with, as JSON.

    Args:
        model: that is run.
        model_name: as the user wrote it.
        profile: of its prompts.
        problems: the dataset.
        seed: of the run.
        is_quick: a small run.
    """
    return {
        "model": without_password(model_name),
        "weights": _weights() if model.system == "nano" else None,
        "prompts": {name: load_prompt(profile, name).digest for name in PROMPT_NAMES},
        "profile": profile,
        "dataset": dataset_digest(problems),
        "contexts": len({problem.context_id for problem in problems}),
        "problems": len(problems),
        "seed": seed,
        "is_quick": is_quick,
        "serving": _SERVING,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Of Python and of the packages that decide what comes out."""
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def dataset_digest(problems: Iterable[Problem]) -> str:
    """16 hex digits of all problems, in order."""
    digest = hashlib.sha256()
    for problem in problems:
        digest.update(json.dumps([problem.id, problem.context, problem.query, problem.answer]).encode())
    return digest.hexdigest()[:16]


def settle(folder: Path, described: Mapping[str, Any]) -> dict[str, Any]:
    """Write the manifest of a book, or check that its records go on as they began.

    Args:
        folder: of the book.
        described: what the run that begins is made with.

    Returns:
        What was written: that, and the commands of earlier runs.

    Raises:
        InputError: the book holds records made with another model, other weights, prompts or problems.
    """
    commands: dict[str, str] = {}
    if has_records(folder):
        began = read(folder)
        changed = [called for name, called in _SETTLED.items() if began[name] != described[name]]
        if changed:
            raise InputError(
                f"the records in {folder} were made with {' and '.join(changed)}; add --fresh to put them aside and "
                "start anew, or choose another --output"
            )
        commands = began["commands"]
    settled = {**described, "commands": commands}
    _write(folder, settled)
    return settled


def add_commands(folder: Path, commands: Mapping[str, str]) -> None:
    """Keep which command ran which experiment, in place of earlier ones that ran it.

    Raises:
        InputError: as `read`.
    """
    settled = read(folder)
    _write(folder, settled | {"commands": settled["commands"] | dict(commands)})


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a book.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    path = folder / NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"there are no records in {folder}; run `sleeptime lab run` first") from error
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}); remove the folder to start anew") from error
    if not isinstance(found, dict) or not all(isinstance(found.get(name), kind) for name, kind in _ENTRIES.items()):
        raise InputError(f"{path} is not a manifest of this version; remove the folder to start anew")
    return found


def command() -> str:
    """The command line of this process, as a reader would type it."""
    name = Path(sys.argv[0]).name
    return without_password(shlex.join(["sleeptime" if name == "__main__.py" else name, *sys.argv[1:]]))


def without_password(text: str) -> str:
    """The text without what stands before the @ of a URL, and without passwords and keys that it has as parameters."""
    return _PASSWORD.sub("", text)


def _write(folder: Path, settled: Mapping[str, Any]) -> None:
    partial = folder / f"{NAME}.partial"
    partial.write_text(json.dumps(settled, indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / NAME)


def _weights() -> str:
    config = json.loads(files("sleeptime.nano").joinpath("weights", "config.json").read_text(encoding="utf-8"))
    return str(config["sha256"])
