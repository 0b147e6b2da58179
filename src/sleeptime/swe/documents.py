"""Documents: term counts of many texts in a row, in three arrays, as they are kept and put together."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sleeptime.swe.terms import TermCounts, counted

if TYPE_CHECKING:
    import numpy as np

_SIZES: Final = struct.Struct("<QQ")


@dataclass(frozen=True, slots=True)
class Documents:
    """Term counts of D documents, one after the other.

    Args:
        ids: of the terms, uint64 ``(N,)``.
        counts: how often each stands in its document, uint32 ``(N,)``.
        sizes: how many terms each document has, uint32 ``(D,)``.
    """

    ids: np.ndarray
    counts: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, documents: Sequence[TermCounts]) -> Documents:
        """Put documents together; each is known by its place."""
        import numpy as np

        ids = np.concatenate([document.ids for document in documents] or [np.zeros(0, np.uint64)])
        counts = np.concatenate([document.counts for document in documents] or [np.zeros(0, np.uint32)])
        return cls(ids, counts, np.array([len(document.ids) for document in documents], np.uint32))

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> Documents:
        """Put short texts together; each is known by its place."""
        import numpy as np

        found = [counted(text) for text in texts]
        ids = np.array([term for counts in found for term in counts], np.uint64)
        counts = np.array([times for counts in found for times in counts.values()], np.uint32)
        return cls(ids, counts, np.array(list(map(len, found)), np.uint32))

    @classmethod
    def joined(cls, parts: Sequence[Documents]) -> Documents:
        """The documents of all parts, at least one, in order."""
        import numpy as np

        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("ids", "counts", "sizes")))

    def __getitem__(self, places: slice) -> Documents:
        begin, end, _ = places.indices(len(self.sizes))
        first = int(self.sizes[:begin].sum())
        last = first + int(self.sizes[begin:end].sum())
        return Documents(self.ids[first:last], self.counts[first:last], self.sizes[begin:end])

    def each(self) -> Iterator[TermCounts]:
        """The documents, one by one."""
        begin = 0
        for size in self.sizes.tolist():
            yield TermCounts(self.ids[begin : begin + size], self.counts[begin : begin + size])
            begin += size

    def packed(self) -> bytes:
        """As bytes."""
        arrays = (self.ids.astype("<u8"), self.counts.astype("<u4"), self.sizes.astype("<u4"))
        return b"".join((_SIZES.pack(len(self.ids), len(self.sizes)), *(array.tobytes() for array in arrays)))

    @classmethod
    def unpacked(cls, data: bytes) -> Documents:
        """From `packed`."""
        import numpy as np

        num, num_documents = _SIZES.unpack_from(data)
        begin, arrays = _SIZES.size, list[np.ndarray]()
        for size, kind in ((num, "<u8"), (num, "<u4"), (num_documents, "<u4")):
            arrays.append(np.frombuffer(data, kind, size, begin))
            begin += arrays[-1].nbytes
        return cls(*arrays)
