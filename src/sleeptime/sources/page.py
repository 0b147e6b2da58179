"""One http(s) URL as text: bounded in time, bytes and redirects; HTML is reduced to its text.

Keeps no cookies and runs no scripts. The part's name is the address as given, without user name, password and fragment.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import httpx2

from sleeptime.core.errors import EmptyInput, InputError, NotText, Unreadable
from sleeptime.sources.html import html_to_text
from sleeptime.sources.limits import SourceLimits
from sleeptime.sources.text import to_text

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_TEXT = frozenset(
    {"application/javascript", "application/json", "application/jsonl", "application/rtf", "application/sql"}
    | {"application/toml", "application/x-javascript", "application/x-ndjson", "application/x-python"}
    | {"application/x-sh", "application/x-yaml", "application/xml", "application/yaml"}
)
_TEXT_SUFFIXES = ("+json", "+xml", "+yaml")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_ACCEPT = "text/markdown, text/plain, text/html;q=0.9, application/xhtml+xml;q=0.9, application/json;q=0.8, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class _Reply:
    media_type: str
    charset: str | None
    data: bytes


def is_url(source: str) -> bool:
    """Whether a source is an address to fetch rather than a path."""
    return source.lower().startswith(("http://", "https://"))


def page_name(url: str) -> str:
    """The address without what must not be stored or shown: user name, password, fragment.

    Raises:
        InputError: it is not a URL.
    """
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise InputError(f"{url!r} is not a URL: {error}.") from error
    if not parsed.host:
        raise InputError(f"{url!r} names no host; a URL looks like https://example.org/page")
    return str(parsed.copy_with(username=None, password=None, fragment=None))


async def page_text(url: str, limits: SourceLimits) -> str:
    """The text at `url`.

    Raises:
        Unreadable: no connection, no answer within `limits.url_timeout_s`, too many redirects, or an error status.
        NotText: a content type that is no text, or bytes that are not in the declared encoding.
        TooLarge: more than `limits.max_part_bytes` after decompression.
        EmptyInput: nothing to read.
    """
    name = page_name(url)
    try:
        with anyio.fail_after(limits.url_timeout_s):
            reply = await _fetched(url, name, limits)
    except TimeoutError as error:
        raise _too_slow(name, limits) from error
    is_html = reply.media_type in _HTML
    encoding = reply.charset or (_declared_charset(reply.data) if is_html else None) or "utf-8"
    text = to_text(reply.data, name, max_bytes=limits.max_part_bytes, encoding=encoding)
    if is_html:
        text = html_to_text(text)
        if not text:
            raise EmptyInput(f"{name} has no text; a page that is filled in by scripts cannot be read.")
    return text


async def _fetched(url: str, name: str, limits: SourceLimits) -> _Reply:
    async with _answer(url, name, limits) as response:
        if not response.is_success:
            raise Unreadable(f"{name} answered {response.status_code} {response.reason_phrase}, so nothing was read.")
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not _is_text(media_type):
            raise NotText(f"{name} is {media_type}; only text, HTML, JSON, XML and YAML are read.")
        chunks = bytearray()
        async for chunk in response.aiter_bytes():
            chunks += chunk
            if len(chunks) > limits.max_part_bytes:
                break
        return _Reply(media_type, response.charset_encoding, bytes(chunks))


@asynccontextmanager
async def _answer(url: str, name: str, limits: SourceLimits) -> AsyncIterator[httpx2.Response]:
    """The response, with errors of the client mapped onto ours."""
    client = httpx2.AsyncClient(
        follow_redirects=True,
        max_redirects=limits.max_redirects,
        timeout=limits.url_timeout_s,
        headers={"accept": _ACCEPT, "accept-encoding": "identity", "user-agent": "sleeptime"},
    )
    try:
        async with client, client.stream("GET", url) as response:
            yield response
    except httpx2.TooManyRedirects as error:
        raise Unreadable(f"{name} redirects more than {limits.max_redirects} times; give the final address.") from error
    except httpx2.TimeoutException as error:
        raise _too_slow(name, limits) from error
    except httpx2.UnsupportedProtocol as error:
        raise Unreadable(f"{name} leads to an address that is not http or https.") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Unreadable(f"{name} cannot be fetched: {str(error) or type(error).__name__}.") from error


def _too_slow(name: str, limits: SourceLimits) -> Unreadable:
    return Unreadable(f"{name} did not arrive within {limits.url_timeout_s:g} s (SLEEPTIME_URL_TIMEOUT_S).")


def _is_text(media_type: str) -> bool:
    return (
        not media_type
        or media_type.startswith("text/")
        or media_type in _TEXT
        or media_type.endswith(_TEXT_SUFFIXES)
        or media_type in _HTML
    )


def _declared_charset(data: bytes) -> str | None:
    """What the page itself says it is written in; the HTML standard looks at the first 1,024 bytes."""
    found = _META_CHARSET.search(data[:1024])
    return found.group(1).decode("ascii", "replace") if found else None
