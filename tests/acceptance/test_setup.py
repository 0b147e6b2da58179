"""Set-up: clear messages where it cannot work, complete locks that name no index, and a wheel with everything in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = [ROOT / "requirements" / name for name in ("runtime.txt", "dev.txt")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def install(python: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["sh", "requirements/install.sh", python, str(folder / "venv"), "requirements/runtime.txt"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def interpreter(folder: Path, version: str, fails_on: str) -> str:
    """An interpreter that says it has this version, and fails whatever command holds these words."""
    path = folder / "python"
    path.write_text(
        f'#!/bin/sh\ncase "$*" in --version) echo "Python {version}";; *"{fails_on}"*) exit 1;; *) exit 0;; esac\n'
    )
    path.chmod(0o755)
    return str(path)


def test_an_old_python_is_refused_with_what_is_needed(tmp_path: Path) -> None:
    done = install(interpreter(tmp_path, "3.10.2", "version_info"), tmp_path)
    assert done.returncode == 1
    assert "is Python 3.10.2, and 3.11 or newer is needed; name one: make PYTHON=" in done.stderr


def test_a_python_without_venv_is_refused_with_what_to_install(tmp_path: Path) -> None:
    done = install(interpreter(tmp_path, "3.12.1", "ensurepip"), tmp_path)
    assert done.returncode == 1
    assert "its venv or ensurepip module is missing (on Debian and Ubuntu: apt install python3-venv)" in done.stderr


def test_a_missing_python_is_named(tmp_path: Path) -> None:
    done = install(str(tmp_path / "nowhere"), tmp_path)
    assert done.returncode == 1
    assert "nowhere' was not found; install Python 3.11 or newer" in done.stderr


def pinned(lock: Path) -> dict[str, set[str]]:
    """Versions per package, with hashes checked on the way."""
    entries = re.split(r"\n(?=\S)", lock.read_text().strip())
    found: dict[str, set[str]] = {}
    for entry in entries:
        requirement = Requirement(entry.split("\\\n")[0].strip())
        assert "--hash=sha256:" in entry, f"{requirement.name} has no hash"
        found.setdefault(canonicalize_name(requirement.name), set()).add(str(requirement.specifier).removeprefix("=="))
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_address(lock: Path) -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links|@ ", lock.read_text())


def test_locks_hold_every_dependency_within_its_bounds() -> None:
    runtime, dev = map(pinned, LOCKS)
    assert runtime.items() <= dev.items()
    wanted = {*map(Requirement, PROJECT["dependencies"])}
    for requirement in wanted:
        assert all(requirement.specifier.contains(v) for v in runtime[canonicalize_name(requirement.name)])
    for requirement in map(Requirement, PROJECT["optional-dependencies"]["dev"]):
        assert all(requirement.specifier.contains(v) for v in dev[canonicalize_name(requirement.name)])


def test_torch_stays_out_of_the_locks() -> None:
    assert not {"torch", "tensorflow", "jax"} & pinned(LOCKS[1]).keys()


def test_make_lists_every_target_with_what_it_does() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # of an outer make
    done = subprocess.run(["make", "help"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    listed = {line.split()[0:2][1] for line in done.stdout.splitlines()}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert listed == targets


def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("sleeptime/")}
    git = shutil.which("git")
    assert git is not None
    tracked = subprocess.run([git, "ls-files", "src"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {path.removeprefix("src/") for path in tracked.stdout.splitlines()} <= held
