from sleeptime.sources.html import html_to_text

PAGE = """<!doctype html><html><head><title>Price &amp; list</title><style>p {color: red}</style>
<script>var secret = "</p>";</script></head>
<body><nav><a href="/x">Home</a></nav><h1>Apples</h1><p>One   apple
costs <b>3</b> euro.<br>Two cost 6.</p><ul><li>red</li><li>green <i>sour</i></li></ul>
<table><tr><th>kind</th><th>price</th></tr><tr><td>red</td><td>3</td></tr></table>
<pre>for x in y:
    print(x)</pre><svg><text>drawing</text></svg><noscript>turn it on</noscript></body></html>"""


def test_a_page_becomes_readable_text() -> None:
    assert html_to_text(PAGE).splitlines() == [
        "# Price & list",
        "",
        "Home",
        "",
        "# Apples",
        "",
        "One apple costs 3 euro.",
        "Two cost 6.",
        "",
        "- red",
        "",
        "- green sour",
        "",
        "| kind | price",
        "",
        "| red | 3",
        "",
        "for x in y:",
        "    print(x)",
    ]


def test_a_title_that_is_also_the_first_heading_is_not_repeated() -> None:
    assert html_to_text("<title>A</title><body><h1>A</h1>text").startswith("# A\n\ntext")


def test_a_page_without_head_and_with_open_tags_is_read() -> None:
    assert html_to_text("<p>one<p>two <script>x()") == "one\n\ntwo"


def test_a_head_that_is_not_closed_does_not_swallow_the_body() -> None:
    assert html_to_text("<head><meta charset=utf-8><body>text") == "text"


def test_a_fragment_of_plain_text_stays() -> None:
    assert html_to_text("1 &lt; 2") == "1 < 2"
