"""The extra `swe`: packages that the index of a repository needs, and the rest of sleeptime does not."""

from __future__ import annotations

from typing import Final

from sleeptime.lab import extra

PACKAGES: Final = (
    "regex",
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
    """Say what to install, before any work: of these packages, or of all.

    Raises:
        InputError: a package is not there.
    """
    extra.need_extra("swe", *(packages or PACKAGES))
