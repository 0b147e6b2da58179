"""Words to token ids and back, for the closed vocabulary of nano.

Text is split into words, numbers and punctuation. A word is one token, a number is one token per digit with the
units first ("24" is "4", "2"), so that carries run in reading order. Knows nothing of the model that reads the ids,
and imports the standard library alone, so that training can share it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

_CONTROL = r"<\|[a-z0-9]+\|>"
_PIECE = re.compile(
    rf"{_CONTROL}"
    r"|[0-9]+(?:[.,][0-9]+)*"  # a decimal or grouped number stays whole, to be refused whole
    r"|'s\b"
    r"|[^\W\d_]+(?:-[^\W\d_]+)*"
    r"|\S"
)
_DIGITS = "0123456789"
_GLUED_LEFT = frozenset({*".,?!;:)%", "'s"})
_GLUED_RIGHT = frozenset("($")


class ForeignTextError(ValueError):
    """Text that nano cannot read: a word, number form or sign outside its vocabulary.

    `word` is the first such piece, as it stands in the text.
    """

    def __init__(self, word: str, reason: str = "unknown word") -> None:
        super().__init__(f"{reason} {word!r}")
        self.word = word


class Tokenizer:
    """A two-way table between the words of a vocabulary and their ids (the position in the list).

    Args:
        words: the vocabulary in id order: control tokens such as `<|end|>`, punctuation, the digits "0" to "9", words.

    Raises:
        ValueError: a word twice, a digit missing, or a word that the splitter would never produce.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._ids = {word: i for i, word in enumerate(self.words)}
        if len(self._ids) != len(self.words):
            twice = next(word for i, word in enumerate(self.words) if self._ids[word] != i)
            raise ValueError(f"the vocabulary holds {twice!r} twice; each word may stand once")
        if missing := [digit for digit in _DIGITS if digit not in self._ids]:
            raise ValueError(f"the vocabulary lacks the digits {missing}; all of 0 to 9 are needed")
        if broken := [word for word in self.words if _PIECE.findall(word) != [word] or _is_number(word)]:
            raise ValueError(f"{broken[0]!r} is no single word, sign or control token; split it before listing it")
        self._lower: dict[str, int] = {}
        for i, word in enumerate(self.words):
            self._lower.setdefault(word.lower(), i)
        self._control = frozenset(i for i, word in enumerate(self.words) if re.fullmatch(_CONTROL, word))

    @classmethod
    def load(cls, path: Path | None = None) -> Tokenizer:
        """Read a vocabulary (a JSON list of words): `path`, or by default the one that ships with nano."""
        source = resources.files(__package__).joinpath("vocabulary.json") if path is None else path
        return cls(json.loads(source.read_text(encoding="utf-8")))

    def __len__(self) -> int:
        return len(self.words)

    def id(self, token: str) -> int:
        """The id of one token, spelled exactly. Raises ForeignTextError when the vocabulary lacks it."""
        try:
            return self._ids[token]
        except KeyError:
            raise ForeignTextError(token, "unknown token") from None

    def is_control(self, token_id: int) -> bool:
        """Whether the id is a control token such as `<|query|>`, which plain text can never produce."""
        return token_id in self._control

    def encode(self, text: str, *, allow_control: bool = False) -> list[int]:
        """Token ids of `text`; a word is looked up as it stands, then without regard to case.

        Args:
            allow_control: read `<|name|>` as the control token. Leave it off for text that is data.

        Raises:
            ForeignTextError: naming the first piece that the vocabulary does not hold, a number that is no whole
                number in plain digits, or a number right behind another (nothing would keep them apart).
        """
        ids: list[int] = []
        after_number = False
        for piece in _PIECE.findall(text):
            is_number = piece[0] in _DIGITS
            if is_number:
                if after_number:
                    raise ForeignTextError(piece, "a number right behind another number:")
                ids.extend(self._digit_ids(piece))
            else:
                ids.append(self._word_id(piece, allow_control))
            after_number = is_number
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Text of token ids: words in the vocabulary's own case, joined by spaces, none before `. , ? ! ; : ) % 's`.

        Raises:
            IndexError: an id outside the vocabulary.
        """
        parts: list[str] = []
        digits = ""
        for token_id in ids:
            word = self.words[token_id]
            if word in _DIGITS:
                digits = word + digits
                continue
            if digits:
                parts.append(digits)
                digits = ""
            parts.append(word)
        if digits:
            parts.append(digits)
        return _join(parts)

    def _word_id(self, piece: str, allow_control: bool) -> int:
        token_id = self._ids.get(piece)
        if token_id is None:
            token_id = self._lower.get(piece.lower())
        if token_id is None:
            raise ForeignTextError(piece)
        if token_id in self._control and not allow_control:
            raise ForeignTextError(piece, "control token in plain text:")
        return token_id

    def _digit_ids(self, number: str) -> list[int]:
        if not number.isdecimal():
            raise ForeignTextError(number, "only whole numbers in plain digits can be read, not")
        return [self._ids[digit] for digit in reversed(number)]


def _is_number(word: str) -> bool:
    return word[0] in _DIGITS and len(word) > 1


def _join(parts: Sequence[str]) -> str:
    text: list[str] = []
    glue = True
    for part in parts:
        if not glue and part not in _GLUED_LEFT:
            text.append(" ")
        text.append(part)
        glue = part in _GLUED_RIGHT
    return "".join(text)
