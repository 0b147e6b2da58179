"""Commands that messages name: a user can paste them, whatever the context is called."""

from __future__ import annotations

from shlex import quote


def command(words: str, name: str, options: str = "") -> str:
    """The command line of ``sleeptime`` on a context.

    >>> command("jobs release", "handbook")
    'sleeptime jobs release handbook'
    >>> command("policy", "my notes; see below", "--on-change 30s")
    "sleeptime policy 'my notes; see below' --on-change 30s"
    >>> command("policy", "--x", "--on-change 30s")
    'sleeptime policy --on-change 30s -- --x'

    Args:
        words: which command.
        name: of the context; quoted for the shell.
        options: what follows the name, and goes before one that would be taken for an option.
    """
    parts = (words, options, "--", quote(name)) if name.startswith("-") else (words, quote(name), options)
    return " ".join(("sleeptime", *(part for part in parts if part)))
