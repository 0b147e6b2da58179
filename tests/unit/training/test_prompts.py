"""nano is asked in exactly the sequences that it was trained on."""

from itertools import islice
from random import Random

from sleeptime.core.context import Part
from sleeptime.core.note import Note, NoteKind
from sleeptime.lab.worlds import TRAINING, Split, generate_worlds, language
from sleeptime.models.nano_notes import notes_of
from sleeptime.nano.tokenizer import Tokenizer
from sleeptime.prompts.load import load_prompt

TOKENIZER = Tokenizer.load()


def prompt_ids(name: str, **variables: object) -> list[int]:
    text = "\n".join(load_prompt("nano", name).user(**variables))
    return TOKENIZER.encode(text, allow_control=True)


def training_ids(text: str) -> list[int]:
    return TOKENIZER.encode(text, allow_control=True)


def test_answers_are_asked_for_as_in_training() -> None:
    rng = Random(1)
    for world in islice(generate_worlds(Split.TEST, 1, TRAINING), 20):
        parts = [Part("facts.txt", world.text)]
        lines = language.notes(world, 3, rng)
        notes = [
            Note(NoteKind(said["kind"]), said["text"], said["subject"], said["value"], said["derivation"])
            for said in notes_of(" ".join(lines))
        ]
        served = " ".join(language.brief(line) for line in lines)
        for verbosity, query in enumerate(world.queries[:5]):
            asked = f"<|query|> {query.text} <|v{verbosity}|>"
            alone = prompt_ids("answer", parts=parts, notes=[], query=query.text, verbosity=verbosity)
            assert alone == training_ids(f"<|context|> {world.text} {asked}")
            noted = prompt_ids("answer", parts=parts, notes=notes, query=query.text, verbosity=verbosity)
            assert noted == training_ids(f"<|context|> {world.text} <|notes|> {served} {asked}")


def test_sleep_is_asked_for_as_in_training() -> None:
    for world in islice(generate_worlds(Split.TEST, 2, TRAINING), 5):
        parts = [Part("facts.txt", world.text)]
        for effort, name in enumerate(("low", "medium", "high"), start=1):
            wanted = training_ids(f"<|context|> {world.text} <|sleep{effort}|>")
            assert prompt_ids("notes", parts=parts, effort=name) == wanted
            assert prompt_ids("rethink", parts=parts, effort=name) == wanted
