"""The extra `lab`: packages that experiments and figures need, and the rest of sleeptime does not."""

from __future__ import annotations

import importlib.util


def need_extra(*packages: str) -> None:
    """Say what to install, before any work.

    Raises:
        InputError: a package is not there.
    """
    from sleeptime.core.errors import InputError

    lacking = [name for name in packages if importlib.util.find_spec(name) is None]
    if lacking:
        raise InputError(f"this needs {' and '.join(lacking)}: pip install 'sleeptime[lab]'")
