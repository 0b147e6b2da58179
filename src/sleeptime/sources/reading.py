"""What was read for one context: parts under limits, and what was left out. Does no I/O."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from sleeptime.core.context import Part
from sleeptime.core.errors import EmptyInput, InputError, TooLarge
from sleeptime.core.origin import Origin
from sleeptime.sources.entry import Skipped, printable
from sleeptime.sources.limits import SourceLimits


@dataclass(frozen=True, slots=True)
class Reading:
    """Parts in the order of the sources, and what was left out inside folders and repositories.

    origin: the commit that they are of, when the only source is all of a git repository.
    """

    parts: tuple[Part, ...]
    skipped: tuple[Skipped, ...] = ()
    origin: Origin | None = None

    @property
    def num_bytes(self) -> int:
        """UTF-8 bytes of all parts."""
        return sum(len(part.text.encode()) for part in self.parts)


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    full_name: str
    text: str


@dataclass(slots=True)
class Collector:
    """Gathers what sources give until a limit is passed."""

    limits: SourceLimits
    found: list[_Found] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    num_bytes: int = 0
    origin: Origin | None = None
    _identities: set[str] = field(default_factory=set)

    def is_known(self, identity: str) -> bool:
        """Whether this very thing was already met through an earlier source; it is remembered from now on."""
        known = identity in self._identities
        self._identities.add(identity)
        return known

    def add(self, name: str, full_name: str, text: str) -> None:
        """Take one text in.

        Args:
            name: the part name to use when nothing else has it.
            full_name: the name to use otherwise.

        Raises:
            TooLarge: a limit of the context is passed.
        """
        limits = self.limits
        self.num_bytes += len(text.encode())
        if self.num_bytes > limits.max_context_bytes:
            raise TooLarge(
                f"with {name} the context is larger than {limits.max_context_bytes:,} bytes, the limit for one "
                "context; nothing was stored. Give fewer sources, or raise SLEEPTIME_MAX_CONTEXT_BYTES."
            )
        if len(self.found) >= limits.max_parts:
            raise TooLarge(
                f"with {name} the context has more than {limits.max_parts:,} parts, the limit for one context; "
                "nothing was stored. Give fewer sources, or raise SLEEPTIME_MAX_PARTS."
            )
        self.found.append(_Found(printable(name), printable(full_name), text))

    def skip(self, prefix: str, skipped: Skipped) -> None:
        """Remember something that was left out of a folder or repository."""
        self.skipped.append(Skipped(printable(prefix + skipped.name), skipped.reason))

    def reading(self) -> Reading:
        """All of it, each part under a name of its own.

        Raises:
            EmptyInput: there is no part.
            InputError: two parts end up with one name.
        """
        if not self.found:
            raise EmptyInput(f"there is no text to store: {self._why_empty()}.")
        names: dict[str, int] = Counter(item.name for item in self.found)
        parts: dict[str, Part] = {}
        for item in self.found:
            name = item.name if names[item.name] == 1 else item.full_name
            if name in parts:
                raise InputError(f"two sources both give a part named {name!r}; give the sources under other paths.")
            parts[name] = Part(name, item.text)
        return Reading(tuple(parts.values()), tuple(self.skipped))

    def _why_empty(self) -> str:
        if not self.skipped:
            return "the sources hold no file that is not ignored"
        return "everything was left out: " + skip_summary(self.skipped)


def skip_summary(skipped: Sequence[Skipped], *, max_names: int = 5) -> str:
    """Counts and names by reason, such as `2 binary (a.png, b.png), 1 empty (c.txt)`."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for item in skipped:
        by_reason[item.reason].append(item.name)
    pieces = []
    for reason, names in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0])):
        more = f", and {len(names) - max_names:,} more" if len(names) > max_names else ""
        pieces.append(f"{len(names):,} {reason} ({', '.join(names[:max_names])}{more})")
    return ", ".join(pieces)
