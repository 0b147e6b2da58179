"""What the runtime lock does not have is not needed by what does not need it."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = "import sys\nfor name in ('inspect_ai', 'matplotlib'): sys.modules[name] = None\n"
CLI = WITHOUT + "from sleeptime.cli import main\nmain()\n"


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize(
    "arguments", [("--help",), ("doctor", "--help"), ("lab", "--help"), ("lab", "run", "--help"), ("lab", "list")]
)
def test_commands_that_do_not_need_the_extra_do_without(arguments: tuple[str, ...]) -> None:
    done = python(CLI, *arguments)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(("run", "pareto"), "inspect_ai, matplotlib"), (("report", "--output", "/nowhere"), "matplotlib")],
)
def test_commands_that_need_the_extra_say_so(arguments: tuple[str, ...], named: str) -> None:
    done = python(CLI, "lab", *arguments)
    assert done.returncode == 2
    assert done.stderr == f"error: this needs {named}: pip install 'sleeptime[lab]', or make setup in a clone\n"


@pytest.mark.parametrize(
    ("absent", "named"),
    [(("regex", "tree_sitter", "matplotlib"), "regex, tree_sitter, matplotlib"), (("inspect_ai",), "inspect_ai")],
)
def test_a_run_on_a_repository_says_at_once_all_that_it_lacks(absent: tuple[str, ...], named: str) -> None:
    done = python(CLI.replace("('inspect_ai', 'matplotlib')", repr(absent)), "swe", "run", "--repo", ".")
    assert done.returncode == 2
    assert done.stderr == f"error: this needs {named}: pip install 'sleeptime[swe,lab]', or make setup in a clone\n"


def test_importing_the_package_and_its_commands_loads_nothing_heavy() -> None:
    heavy = "{'inspect_ai', 'matplotlib', 'numpy', 'pydantic_ai', 'sleeptime.lab.run', 'sleeptime.lab.records'}"
    code = f"import sys, sleeptime, sleeptime.cli\nprint({heavy} & set(sys.modules))"
    assert python(code).stdout == "set()\n"


def test_planning_a_run_does_not_load_inspect() -> None:
    code = WITHOUT + (
        "import sys\nfrom pathlib import Path\n"
        "from sleeptime.lab.datasets.selection import choose_problems\n"
        "from sleeptime.lab.experiments import load_experiment\n"
        "from sleeptime.lab.records import RecordBook\nfrom sleeptime.lab.run import Laboratory\n"
        "from sleeptime.models.nano import NanoModel\n"
        "nowhere = Path('/nowhere')\n"
        "lab = Laboratory(NanoModel(), tuple(choose_problems(None, 2)), RecordBook(nowhere), nowhere)\n"
        "print(lab.estimate([load_experiment('pareto')], is_quick=True).answers)"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
