import asyncio
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest

from sleeptime.core.errors import EmptyInput, InputError, NotText, TooLarge, Unreadable
from sleeptime.sources import Reading, SkipReason, SourceLimits, read_sources
from sleeptime.sources.waiting import GivenUp, Wanted, read_path, read_stream


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, data: str | bytes = "text") -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return file


def names(reading: Reading) -> list[str]:
    return [part.name for part in reading.parts]


def skipped(reading: Reading) -> dict[str, SkipReason]:
    return {item.name: item.reason for item in reading.skipped}


async def test_a_file_becomes_one_part_under_its_path() -> None:
    write("docs/guide.md", "# Guide\r\n")
    (part,) = (await read_sources(["./docs/guide.md"])).parts
    assert (part.name, part.text) == ("docs/guide.md", "# Guide\n")


async def test_an_absolute_path_and_one_above_the_working_folder_count_from_their_last_component(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("docs/guide.md")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert names(await read_sources([str(tmp_path / "docs")])) == ["docs/guide.md"]
    assert names(await read_sources(["../docs"])) == ["docs/guide.md"]
    assert names(await read_sources(["../docs/guide.md"])) == ["guide.md"]


async def test_sources_keep_their_order_and_a_folder_is_sorted() -> None:
    for path in ("b/z.md", "b/a/x.md", "b/a.md", "a.md"):
        write(path)
    assert names(await read_sources(["b", "a.md"])) == ["b/a/x.md", "b/a.md", "b/z.md", "a.md"]


async def test_the_working_folder_gives_names_without_a_prefix() -> None:
    write("x.md")
    assert names(await read_sources(["."])) == ["x.md"]


async def test_a_file_that_two_sources_reach_is_read_once() -> None:
    write("docs/a.md")
    assert names(await read_sources(["docs", "docs/a.md", str(Path("docs").absolute())])) == ["docs/a.md"]


async def test_parts_that_would_share_a_name_get_their_whole_path(tmp_path: Path) -> None:
    write("one/docs/a.md")
    write("two/docs/a.md")
    write("two/docs/b.md")
    first, second = tmp_path / "one/docs", tmp_path / "two/docs"
    assert names(await read_sources([str(first), str(second)])) == [f"{first}/a.md", f"{second}/a.md", "docs/b.md"]


async def test_no_source_is_an_error() -> None:
    with pytest.raises(InputError, match="at least one source"):
        await read_sources([])


async def test_a_missing_file_is_named() -> None:
    with pytest.raises(Unreadable, match=r"nowhere\.md does not exist"):
        await read_sources(["nowhere.md"])


async def test_a_bad_file_that_was_asked_for_is_an_error() -> None:
    write("a.bin", b"\0\1")
    write("empty.md", "")
    write("latin.md", b"caf\xe9")
    for name, kind in (("a.bin", NotText), ("empty.md", EmptyInput), ("latin.md", NotText)):
        with pytest.raises(kind, match=name):
            await read_sources([name])


async def test_bad_files_inside_a_folder_are_left_out_and_reported() -> None:
    write("d/ok.md")
    write("d/logo.png", b"\x89PNG\0")
    write("d/__init__.py", "")
    write("d/latin.md", b"caf\xe9")
    write("d/big.log", "x" * 11)
    os.mkfifo("d/pipe")
    reading = await read_sources(["d"], SourceLimits(max_part_bytes=10))
    assert names(reading) == ["d/ok.md"]
    assert skipped(reading) == {
        "d/logo.png": SkipReason.BINARY,
        "d/__init__.py": SkipReason.EMPTY,
        "d/latin.md": SkipReason.NOT_UTF8,
        "d/big.log": SkipReason.TOO_LARGE,
        "d/pipe": SkipReason.SPECIAL,
    }


async def test_a_folder_with_nothing_to_read_says_what_was_left_out() -> None:
    write("d/logo.png", b"\x89PNG\0")
    with pytest.raises(EmptyInput, match=r"1 binary \(d/logo\.png\)"):
        await read_sources(["d"])
    Path("e").mkdir()
    with pytest.raises(EmptyInput, match="no file"):
        await read_sources(["e"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_unreadable_files_are_an_error_or_reported() -> None:
    write("d/ok.md")
    write("d/secret.md").chmod(0)
    reading = await read_sources(["d"])
    assert skipped(reading) == {"d/secret.md": SkipReason.UNREADABLE}
    with pytest.raises(Unreadable, match=r"secret\.md cannot be read"):
        await read_sources(["d/secret.md"])


async def test_an_error_of_the_system_while_reading_is_mapped() -> None:
    with pytest.raises(Unreadable, match=r"^/proc/self/mem cannot be read: Input/output error"):
        await read_sources(["/proc/self/mem"])


async def test_a_part_limit_names_the_file_and_the_limit() -> None:
    write("big.md", "x" * 101)
    with pytest.raises(TooLarge, match=r"big\.md is larger than 100 bytes"):
        await read_sources(["big.md"], SourceLimits(max_part_bytes=100))


async def test_the_limits_of_the_whole_context_are_errors_even_in_a_folder() -> None:
    for number in range(5):
        write(f"d/{number}.md", "x" * 10)
    with pytest.raises(TooLarge, match=r"d/4\.md .* 49 bytes.*SLEEPTIME_MAX_CONTEXT_BYTES"):
        await read_sources(["d"], SourceLimits(max_context_bytes=49))
    with pytest.raises(TooLarge, match=r"d/3\.md .* 3 parts.*SLEEPTIME_MAX_PARTS"):
        await read_sources(["d"], SourceLimits(max_parts=3))


async def test_gitignore_holds_in_a_plain_folder_at_every_level() -> None:
    write(".gitignore", "above.md\n")  # outside the folder that is asked for, and there is no repository
    write("d/.gitignore", "*.log\n/build/\n")
    for path in (
        "d/above.md",
        "d/a.log",
        "d/build/x.md",
        "d/sub/build/x.md",
        "d/sub/a.log",
        "d/sub/keep.log",
        "d/b.md",
    ):
        write(path)
    write("d/sub/.gitignore", "!keep.log\n")
    found = names(await read_sources(["d"]))
    assert found == ["d/.gitignore", "d/above.md", "d/b.md", "d/sub/.gitignore", "d/sub/build/x.md", "d/sub/keep.log"]


async def test_links_are_not_followed_and_those_that_hide_something_are_reported(tmp_path: Path) -> None:
    write("outside/secret.md")
    write("d/a.md")
    write("d/sub/b.md")
    for name, target in {
        "inside": "a.md",
        "inside-folder": "sub",
        "leaves": "../outside/secret.md",
        "leaves-folder": str(tmp_path / "outside"),
        "up": ".",
        "sub/up": "..",
        "self": "self",
        "gone": "nowhere",
    }.items():
        Path("d", name).symlink_to(target)
    reading = await read_sources(["d"])
    assert names(reading) == ["d/a.md", "d/sub/b.md"]
    assert skipped(reading) == {
        "d/leaves": SkipReason.LINK_LEAVES,
        "d/leaves-folder": SkipReason.LINK_LEAVES,
        "d/up": SkipReason.LINK_LOOP,
        "d/sub/up": SkipReason.LINK_LOOP,
        "d/self": SkipReason.LINK_LOOP,
        "d/gone": SkipReason.LINK_BROKEN,
    }


async def test_a_link_that_was_asked_for_is_followed() -> None:
    write("docs/a.md", "hello")
    Path("link.md").symlink_to("docs/a.md")
    Path("linked").symlink_to("docs")
    assert [(part.name, part.text) for part in (await read_sources(["link.md"])).parts] == [("link.md", "hello")]
    assert names(await read_sources(["linked"])) == ["linked/a.md"]
    Path("dangling").symlink_to("nowhere")
    with pytest.raises(Unreadable, match="dangling cannot be read"):
        await read_sources(["dangling"])


async def test_a_file_name_that_is_not_utf8_gets_a_name_that_can_be_stored() -> None:
    Path("d").mkdir()
    for name in (b"d/caf\xe9.md", b"d/two\nlines.md"):
        with open(name, "wb") as file:  # noqa: ASYNC230, PTH123 - pathlib takes no bytes
            file.write(b"text")
    assert names(await read_sources(["d"])) == ["d/caf\\xe9.md", "d/two\\nlines.md"]


async def test_a_path_too_long_for_a_part_name_is_left_out() -> None:
    write("d/ok.md")
    write("d/" + "/".join(["x" * 100] * 6) + ".md")
    reading = await read_sources(["d"])
    assert names(reading) == ["d/ok.md"]
    assert list(skipped(reading).values()) == [SkipReason.TOO_LARGE]


async def test_standard_input_is_one_part() -> None:
    reading = await read_sources(["-"], stdin=io.BytesIO(b"hello"))
    assert [(part.name, part.text) for part in reading.parts] == [("stdin", "hello")]


async def test_standard_input_obeys_the_limit_and_is_read_once() -> None:
    endless = io.BytesIO(b"x" * 1000)
    with pytest.raises(TooLarge, match="standard input is larger than 10 bytes"):
        await read_sources(["-"], SourceLimits(max_part_bytes=10), stdin=endless)
    assert endless.tell() == 11
    with pytest.raises(InputError, match="only once"):
        await read_sources(["-", "-"], stdin=io.BytesIO(b"x"))


async def test_a_pipe_that_was_asked_for_is_read(tmp_path: Path) -> None:
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_text, args=("from a pipe",))
    writer.start()
    reading = await read_sources(["pipe"])
    writer.join()
    assert reading.parts[0].text == "from a pipe"


async def test_progress_is_told() -> None:
    for number in range(3):
        write(f"d/{number}.md", "xx")
    seen: list[tuple[int, int]] = []
    await read_sources(["d"], progress=lambda parts, size: seen.append((parts, size)))
    assert seen == [(1, 2), (2, 4), (3, 6), (3, 6)]


@pytest.fixture
def bottom(working_folder: Path) -> Iterator[Path]:
    """A folder 600 levels below "deep", more than Python may recurse into."""
    top = working_folder / "deep"
    folder = top.joinpath(*["d"] * 600)
    steps = [folder, *folder.parents[:600]]
    for step in reversed(steps):
        step.mkdir()
    yield folder
    for file in (folder / "x.md", top / "kept.md"):
        file.unlink(missing_ok=True)
    for step in steps:
        step.rmdir()


async def test_what_lies_too_deep_is_left_out_and_named(bottom: Path) -> None:
    (bottom / "x.md").write_text("text")
    write("deep/kept.md")
    reading = await read_sources(["deep"])
    assert names(reading) == ["deep/kept.md"]
    assert list(skipped(reading).values()) == [SkipReason.TOO_DEEP]


async def test_a_folder_that_is_too_deep_alone_is_an_error(bottom: Path) -> None:
    (bottom / "x.md").write_text("text")
    with pytest.raises(EmptyInput, match="1 too deep"):
        await read_sources(["deep"])


@pytest.mark.parametrize("source", ["", " "])
async def test_a_blank_source_is_an_error_and_not_the_working_folder(source: str) -> None:
    write("x.md")
    with pytest.raises(InputError, match="a source is blank"):
        await read_sources([source])


@pytest.mark.parametrize("source", ["loop", "loop/x.md"])
async def test_a_link_that_leads_to_itself_is_an_error(source: str) -> None:
    Path("loop").symlink_to("loop")
    with pytest.raises(Unreadable, match=f"^{source} "):
        await read_sources([source])


def _through_a_stream(path: Path, max_bytes: int, wanted: Wanted) -> bytes:
    with os.fdopen(os.open(path, os.O_RDWR), "rb") as stream:
        return read_stream(stream, max_bytes, wanted)


@pytest.mark.parametrize("way", [read_path, _through_a_stream])
async def test_a_pipe_that_nobody_writes_to_can_be_given_up(way: Callable[[Path, int, Wanted], bytes]) -> None:
    os.mkfifo("pipe")
    wanted, has_ended = Wanted(), threading.Event()

    def read() -> None:
        try:
            way(Path("pipe"), 10, wanted)
        finally:
            has_ended.set()

    reading = asyncio.create_task(anyio.to_thread.run_sync(read))
    await asyncio.sleep(0.05)
    assert not has_ended.is_set()
    wanted.give_up()
    with pytest.raises(GivenUp):
        await asyncio.wait_for(reading, 30)


async def test_standard_input_that_comes_in_pieces_is_read_to_its_end() -> None:
    reader, writer = os.pipe()

    def write_slowly() -> None:
        with os.fdopen(writer, "wb", buffering=0) as stream:
            for _ in range(3):
                stream.write(b"ab\n")
                time.sleep(0.02)

    thread = threading.Thread(target=write_slowly)
    thread.start()
    with os.fdopen(reader, "rb") as stdin:
        (part,) = (await read_sources(["-"], stdin=stdin)).parts
    thread.join()
    assert part.text == "ab\n" * 3
