"""How much one context may hold. Values only; `sleeptime.settings` fills them in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """Bounds on what is read; each field is the setting of the same name.

    max_part_bytes: bytes of one part (a file, a page, standard input), as read.
    max_context_bytes: bytes of all parts together, as UTF-8 text.
    max_parts: number of parts.
    url_timeout_s: seconds for one URL, from the first connection to the last byte, redirects included.
    max_redirects: redirects followed for one URL.
    """

    max_part_bytes: int = 1 << 20
    max_context_bytes: int = 64 << 20
    max_parts: int = 100_000
    url_timeout_s: float = 30.0
    max_redirects: int = 5
