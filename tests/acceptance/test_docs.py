"""Docs: links lead somewhere, commands exist, and the Python in them runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import ModelRequestParameters

from sleeptime.models.scripted import ScriptedModel, ToolCall
from tests.support.openai_server import openai_server

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("training/**/*.md")])
FENCED = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!`)\[[^\]\n]*\]\(([^)\s]+)\)")


def title(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Names that a link can point to: headings as the usual renderers name them."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCED.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue  # another site
        path, _, anchor = unquote(target).partition("#")
        goal = (page.parent / path).resolve() if path else page
        assert goal.exists(), f"{title(page)} links to {target}, which does not exist"
        assert not anchor or anchor in anchors(goal), f"{title(page)} links to {target}, which has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_make_targets_that_are_named_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`|\$ )make ([a-z]+)", page.read_text(), re.MULTILINE))
    assert named <= targets


def scripted(_: list[ModelMessage], parameters: ModelRequestParameters) -> str | ToolCall:
    """Writes one note when it may, and answers otherwise."""
    if "write_notes" in parameters.tool_defs:
        return ToolCall("write_notes", {"notes": [{"kind": "fact", "text": "A context has parts.", "parts": []}]})
    return "The project's own docs answer this."


@pytest.mark.parametrize("page", [page for page in PAGES if "```python" in page.read_text()], ids=title)
def test_python_in_a_page_runs_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    """As it stands in the page, but for the provider: a server on loopback answers in its place."""
    code = "\n".join(body for language, body in FENCED.findall(page.read_text()) if language == "python")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    with openai_server(ScriptedModel(scripted)) as server:
        done = subprocess.run(
            [sys.executable, "-c", re.sub(r"\b(openai|anthropic|google):[\w.-]+", server.name(), code)],
            cwd=tmp_path,
            env={**os.environ, "SLEEPTIME_DATABASE_URL": f"sqlite:///{tmp_path / 'docs.db'}"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
