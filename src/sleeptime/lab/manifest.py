"""Manifest: what records were made with, so that records of different makings are never mixed."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic_ai.models import Model

from sleeptime.core.errors import InputError
from sleeptime.lab.problem import Problem
from sleeptime.prompts.load import PROMPT_NAMES, load_prompt

NAME: Final = "manifest.json"
_PACKAGES: Final = ("sleeptime", "inspect-ai", "numpy", "pydantic-ai-slim")
_SETTLED: Final = ("model", "weights", "prompts", "dataset")
"""What must not change between the records of one book; versions may."""


def describe(model: Model, model_name: str, profile: str, problems: Iterable[Problem], seed: int) -> dict[str, Any]:
    """What a run is made with, as JSON.

    Args:
        model: that is run.
        model_name: as the user wrote it.
        profile: of its prompts.
        problems: the dataset.
        seed: of the run.
    """
    return {
        "model": model_name,
        "weights": _weights() if model.system == "nano" else None,
        "prompts": {name: load_prompt(profile, name).digest for name in PROMPT_NAMES},
        "profile": profile,
        "dataset": dataset_digest(problems),
        "seed": seed,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
    }


def dataset_digest(problems: Iterable[Problem]) -> str:
    """16 hex digits of all problems, in order."""
    digest = hashlib.sha256()
    for problem in problems:
        digest.update(json.dumps([problem.id, problem.context, problem.query, problem.answer]).encode())
    return digest.hexdigest()[:16]


def settle(folder: Path, described: Mapping[str, Any]) -> None:
    """Write the manifest of a book, or check that records go on as they began.

    Raises:
        InputError: the book was made with another model, other weights, prompts or problems.
    """
    path = folder / NAME
    if path.exists():
        began = read(folder)
        changed = [name for name in _SETTLED if began.get(name) != described[name]]
        if changed:
            raise InputError(
                f"the records in {folder} were made with another {' and another '.join(changed)}; "
                "add --fresh to put them aside and start anew, or choose another --output"
            )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a book.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    path = folder / NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"there are no records in {folder}; run `sleeptime lab run` first") from error
    except ValueError as error:
        raise InputError(f"{path} cannot be read ({error}); remove the folder to start anew") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is not a manifest; remove the folder to start anew")
    return found


def command() -> str:
    """The command line of this process, as a reader would type it."""
    return " ".join(["sleeptime", *sys.argv[1:]])


def _weights() -> str:
    config = json.loads(files("sleeptime.nano").joinpath("weights", "config.json").read_text(encoding="utf-8"))
    return str(config["sha256"])
