"""The extra `swe`: packages that the index of a repository needs, and the rest of sleeptime does not."""

from __future__ import annotations

import importlib.util
from typing import Final

PACKAGES: Final = (
    "tree_sitter",
    "tree_sitter_c",
    "tree_sitter_cpp",
    "tree_sitter_go",
    "tree_sitter_java",
    "tree_sitter_javascript",
    "tree_sitter_python",
    "tree_sitter_rust",
    "tree_sitter_typescript",
)


def need_extra(*packages: str) -> None:
    """Say what to install, before any work.

    Args:
        packages: what is needed of it; all of it by default.

    Raises:
        InputError: a package is not there.
    """
    from sleeptime.core.errors import InputError

    lacking = [name for name in packages or PACKAGES if importlib.util.find_spec(name) is None]
    if lacking:
        raise InputError(f"this needs {', '.join(lacking)}: pip install 'sleeptime[swe]'")
