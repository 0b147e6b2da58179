"""The values everything else speaks in. Does no I/O and imports nothing else of this package."""
