"""Extras: packages that experiments, figures or the index of a repository need, and the rest of sleeptime does not."""

from __future__ import annotations

from importlib.util import find_spec

from sleeptime.core.errors import InputError


def need_extra(extra: str, *packages: str) -> None:
    """Say what to install, before any work.

    Args:
        extra: that has the packages; of several, with commas between.
        packages: what is needed of it.

    Raises:
        InputError: a package is not there.
    """
    lacking = [name for name in packages if find_spec(name) is None]
    if lacking:
        raise InputError(f"this needs {', '.join(lacking)}: pip install 'sleeptime[{extra}]', or make setup in a clone")
