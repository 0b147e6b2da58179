import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sleeptime.core.errors import EmptyInput, InputError, NotText, TooLarge, Unreadable
from sleeptime.sources import SourceLimits, read_sources

LIMITS = SourceLimits(max_part_bytes=1000, url_timeout_s=5.0, max_redirects=3)

REPLIES: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/plain": (200, {"content-type": "text/plain"}, "naïve\r\n".encode()),
    "/html": (
        200,
        {"content-type": "text/html; charset=utf-8"},
        b"<title>T</title><script>x</script><p>Hello <b>you</b>",
    ),
    "/latin": (200, {"content-type": "text/plain; charset=iso-8859-1"}, "café".encode("latin-1")),
    "/meta": (200, {"content-type": "text/html"}, '<meta charset="iso-8859-1"><p>café'.encode("latin-1")),
    "/json": (200, {"content-type": "application/problem+json"}, b'{"a": 1}'),
    "/untyped": (200, {}, b"just text"),
    "/picture": (200, {"content-type": "image/png"}, b"\x89PNG"),
    "/lying": (200, {"content-type": "text/plain"}, b"\x89PNG\0"),
    "/empty": (200, {"content-type": "text/plain"}, b""),
    "/scripted": (200, {"content-type": "text/html"}, b"<body><script>app()</script></body>"),
    "/exact": (200, {"content-type": "text/plain"}, b"x" * 1000),
    "/large": (200, {"content-type": "text/plain"}, b"x" * 1001),
    "/missing": (404, {"content-type": "text/plain"}, b"no such page"),
    "/error": (503, {"content-type": "text/plain"}, b"later"),
    "/to-plain": (302, {"location": "/plain"}, b""),
    "/loop": (302, {"location": "/loop"}, b""),
    "/to-file": (302, {"location": "file:///etc/passwd"}, b""),
}


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/slow":
            stop: threading.Event = self.server.stop  # type: ignore[attr-defined]  # set by the fixture
            self.send_response(200)
            self.end_headers()
            while not stop.wait(0.05):
                self.wfile.write(b"x")
            return
        if path == "/cut":
            self.send_response(200)
            self.send_header("content-length", "100")
            self.end_headers()
            self.wfile.write(b"half")
            return
        status, headers, body = REPLIES[path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Pages)
        self.stop = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """The client hangs up on purpose in some tests."""


@pytest.fixture
def site() -> Iterator[str]:
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.stop.set()
    server.shutdown()
    server.server_close()
    thread.join()


async def text_of(url: str) -> str:
    (part,) = (await read_sources([url], LIMITS)).parts
    return part.text


async def test_a_page_is_one_part_named_by_its_address(site: str) -> None:
    (part,) = (await read_sources([f"{site}/plain?q=1#top"], LIMITS)).parts
    assert (part.name, part.text) == (f"{site}/plain?q=1", "naïve\n")


async def test_a_password_in_the_address_is_not_kept(site: str) -> None:
    (part,) = (await read_sources([site.replace("//", "//ada:secret@") + "/plain"], LIMITS)).parts
    assert part.name == f"{site}/plain"


async def test_html_is_reduced_to_its_text(site: str) -> None:
    assert await text_of(f"{site}/html") == "# T\n\nHello you"


@pytest.mark.parametrize(
    ("path", "text"),
    [("/latin", "café"), ("/meta", "café"), ("/json", '{"a": 1}'), ("/untyped", "just text"), ("/exact", "x" * 1000)],
)
async def test_text_is_read_in_the_encoding_it_declares(site: str, path: str, text: str) -> None:
    assert await text_of(site + path) == text


async def test_a_redirect_is_followed_and_the_part_keeps_the_given_address(site: str) -> None:
    (part,) = (await read_sources([f"{site}/to-plain"], LIMITS)).parts
    assert (part.name, part.text) == (f"{site}/to-plain", "naïve\n")


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("/picture", NotText, "is image/png"),
        ("/lying", NotText, "binary"),
        ("/empty", EmptyInput, "empty"),
        ("/scripted", EmptyInput, "filled in by scripts"),
        ("/large", TooLarge, "larger than 1,000 bytes"),
        ("/missing", Unreadable, "answered 404"),
        ("/error", Unreadable, "answered 503"),
        ("/loop", Unreadable, "redirects more than 3 times"),
        ("/to-file", Unreadable, "not http or https"),
        ("/cut", Unreadable, "cannot be fetched"),
    ],
)
async def test_what_cannot_be_read_is_an_error_that_names_the_address(
    site: str, path: str, kind: type[InputError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        await text_of(site + path)
    assert f"{site}{path}" in str(caught.value)


async def test_a_page_that_trickles_in_is_given_up_after_the_time_limit(site: str) -> None:
    limits = SourceLimits(url_timeout_s=0.3)
    with pytest.raises(Unreadable, match=r"did not arrive within 0\.3 s"):
        await read_sources([f"{site}/slow"], limits)


async def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(Unreadable, match=r"http://127\.0\.0\.1:9/ cannot be fetched"):
        await text_of("http://127.0.0.1:9/")


@pytest.mark.parametrize("url", ["http://", "https:///path", "http://[::1", "http://a:b:c/"])
async def test_an_address_that_is_none_is_an_error(url: str) -> None:
    with pytest.raises(InputError):
        await text_of(url)
