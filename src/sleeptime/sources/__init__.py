"""What `sleeptime add` reads: files, folders, git repositories, URLs and standard input, as parts of a context."""

from sleeptime.sources.entry import Skipped, SkipReason
from sleeptime.sources.limits import SourceLimits
from sleeptime.sources.read import STDIN, STDIN_NAME, Progress, read_sources
from sleeptime.sources.reading import Reading, skip_summary

__all__ = [
    "STDIN",
    "STDIN_NAME",
    "Progress",
    "Reading",
    "SkipReason",
    "Skipped",
    "SourceLimits",
    "read_sources",
    "skip_summary",
]
