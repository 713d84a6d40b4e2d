"""The HTTP/1.1 writer, by tables and against h11."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.server.protocol.http1_writer import Http1Writer
from vivace.server.protocol.trailers import NOT_IN_TRAILERS

TEXT = [(b"content-type", b"text/plain")]


def written(
    *pieces: bytes,
    status: int = 200,
    headers: list[tuple[bytes, bytes]] = TEXT,
    method: str = "GET",
    version: str = "1.1",
    keep_alive: bool = True,
) -> bytes:
    """Everything written for a response whose body comes in `pieces`."""
    writer = Http1Writer(None, False)
    writer.begin(method, version, keep_alive)
    writer.start(status, headers)
    out = b""
    for number, piece in enumerate(pieces, start=1):
        data = writer.body(piece, number < len(pieces))
        out += data if isinstance(data, bytes) else b"".join(data)
    assert writer.complete
    assert writer.begun
    return out


def test_a_body_in_one_piece_has_a_length() -> None:
    assert written(b"hello") == b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"


def test_a_body_in_pieces_is_chunked_and_empty_pieces_do_not_end_it() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
    assert written(b"", b"hello", b"", b"w" * 17, b"") == head + b"5\r\nhello\r\n11\r\n" + b"w" * 17 + b"\r\n0\r\n\r\n"
    assert written(b"a", b"b") == head + b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"


def test_an_http_1_0_client_gets_pieces_up_to_the_end_of_the_connection() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"
    assert written(b"a", b"b", version="1.0", keep_alive=True) == head + b"connection: close\r\n\r\nab"
    assert written(b"a", version="1.0") == head + b"content-length: 1\r\nconnection: keep-alive\r\n\r\na"


@pytest.mark.parametrize(
    ("method", "status", "given_length", "body", "expected"),
    [
        ("HEAD", 200, None, b"hello", b"content-length: 5\r\n"),
        ("HEAD", 200, None, b"", b""),
        ("HEAD", 200, b"7", b"", b"content-length: 7\r\n"),
        ("GET", 204, None, b"", b""),
        ("GET", 204, b"5", b"hello", b""),
        ("GET", 304, b"5", b"", b"content-length: 5\r\n"),
        ("GET", 304, None, b"hello", b""),
    ],
)
def test_no_body_where_none_may_be(
    method: str, status: int, given_length: bytes | None, body: bytes, expected: bytes
) -> None:
    headers = [] if given_length is None else [(b"content-length", given_length)]
    out = written(body, status=status, method=method, headers=headers)
    assert out.partition(b"\r\n")[2] == expected + b"\r\n"
    chunked = written(body, b"more", status=status, method=method, headers=headers)
    assert b"chunked" not in chunked
    assert chunked.endswith(b"\r\n\r\n")


def test_large_bodies_are_not_copied() -> None:
    writer = Http1Writer(None, False)
    writer.begin("GET", "1.1", True)
    writer.start(200, [])
    body = b"x" * 100_000
    out = writer.body(body, True)
    assert isinstance(out, tuple)
    assert out[1] is body
    assert b"".join(out).endswith(b"186a0\r\n" + body + b"\r\n")
    writer.begin("GET", "1.1", True)
    writer.start(200, [(b"content-length", b"200000")])
    assert isinstance(writer.body(body, True), tuple)
    assert writer.body(body, False) is body


def test_framing_is_ours_whatever_the_application_says() -> None:
    headers = [(b"Transfer-Encoding", b"chunked"), (b"Connection", b"close"), (b"X", b"1")]
    assert (
        written(b"a", headers=headers) == b"HTTP/1.1 200 OK\r\nX: 1\r\ncontent-length: 1\r\nconnection: close\r\n\r\na"
    )


def test_date_and_server_are_added_unless_given() -> None:
    writer = Http1Writer("vivace", True)
    writer.begin("GET", "1.1", True)
    writer.start(200, [])
    out = writer.body(b"", False)
    assert isinstance(out, bytes)
    assert b"server: vivace\r\ndate: " in out
    assert b" GMT\r\n" in out
    writer.begin("GET", "1.1", True)
    writer.start(200, [(b"Date", b"today"), (b"Server", b"mine")])
    assert writer.body(b"", False) == b"HTTP/1.1 200 OK\r\nDate: today\r\nServer: mine\r\ncontent-length: 0\r\n\r\n"


@pytest.mark.parametrize("status", [200, 299, 404, 418, 599, 999])
def test_a_status_line_has_the_reason_where_one_is_known(status: int) -> None:
    known = {200: b"OK", 404: b"Not Found", 418: b"I'm a Teapot"}
    assert (
        written(b"", status=status).split(b"\r\n")[0].rstrip()
        == (b"HTTP/1.1 %d " % status + known.get(status, b"")).rstrip()
    )


@pytest.mark.parametrize("status", [-1, 0, 100, 101, 199, 1000])
def test_a_status_that_ends_no_response_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match=f"200 to 999, got {status}"):
        written(b"", status=status)


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nset-cookie: b"),
        (b"x", b"a\nb"),
        (b"x", b"a\rb"),
        (b"x", b"a\0"),
        (b"x", b"\x7f"),
        (b"x\r\ny", b"a"),
        (b"x y", b"a"),
        (b"x:", b"a"),
        (b"", b"a"),
        (b"\xe9", b"a"),
        (b"content-length", b"-1"),
        (b"content-length", b"1, 1"),
        (b"content-length", b""),
    ],
)
def test_a_header_cannot_smuggle(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match=r"header|content-length"):
        written(b"a", headers=[header])


def test_two_lengths_that_differ_are_refused_and_two_that_agree_are_one() -> None:
    with pytest.raises(ValueError, match="two content-length headers"):
        written(b"a", headers=[(b"content-length", b"1"), (b"content-length", b"2")])
    assert written(b"a", headers=[(b"content-length", b"1")] * 2).count(b"content-length") == 1


def test_headers_are_bytes_in_pairs_of_any_kind() -> None:
    writer = Http1Writer(None, False)
    writer.begin("GET", "1.1", True)
    pairs: list[tuple[bytes, bytes | bytearray]] = [(b"a", bytearray(b"1")), (b"b", b"2")]
    writer.start(200, ([name, value] for name, value in pairs))
    assert writer.body(bytearray(b"x"), False) == b"HTTP/1.1 200 OK\r\na: 1\r\nb: 2\r\ncontent-length: 1\r\n\r\nx"
    writer.begin("GET", "1.1", True)
    with pytest.raises(TypeError, match="a header name must be bytes, got 'a'"):
        writer.start(200, [("a", b"1")])  # type: ignore[list-item]
    writer.start(200, [])
    with pytest.raises(TypeError, match="a response body must be bytes, got 'text'"):
        writer.body("text", False)  # type: ignore[arg-type]


def test_headers_may_be_made_while_another_writer_writes() -> None:
    def headers() -> Iterator[tuple[bytes, bytes]]:
        for name in (b"a", b"b"):
            written(b"other" * 1000, headers=[(b"x", b"x" * 5000)])
            yield name, b"1"

    writer = Http1Writer(None, False)
    writer.begin("GET", "1.1", True)
    writer.start(200, headers(), trailers=True)
    out = writer.body(b"c", True)
    assert out == b"HTTP/1.1 200 OK\r\na: 1\r\nb: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nc\r\n"
    assert writer.trailers(headers()) == b"0\r\na: 1\r\nb: 1\r\n\r\n"


def test_a_body_longer_or_shorter_than_announced_is_refused() -> None:
    with pytest.raises(RuntimeError, match="longer than its content-length of 2"):
        written(b"abc", headers=[(b"content-length", b"2")])
    with pytest.raises(RuntimeError, match="ended after 1 bytes; its content-length is 2"):
        written(b"a", b"", headers=[(b"content-length", b"2")])


def test_a_head_can_be_started_anew_until_it_is_sent() -> None:
    writer = Http1Writer(None, False)
    writer.begin("GET", "1.1", True)
    writer.start(200, [(b"content-length", b"2")])
    with pytest.raises(RuntimeError):
        writer.body(b"abc", False)
    assert not writer.begun
    writer.start(500, [])
    assert writer.body(b"", False) == b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"


def test_an_error_is_a_whole_response_and_the_last() -> None:
    writer = Http1Writer(None, False)
    writer.begin("GET", "1.1", True)
    assert writer.error(431, "too many headers") == (
        b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
        b"content-length: 16\r\nconnection: close\r\n\r\ntoo many headers"
    )


@pytest.mark.parametrize(
    ("status", "headers", "written_headers"),
    [
        (405, [(b"allow", b"GET, HEAD")], b"allow: GET, HEAD\r\ncontent-length: 2\r\nconnection: close\r\n"),
        (
            426,
            [(b"upgrade", b"websocket"), (b"connection", b"Upgrade"), (b"sec-websocket-version", b"13")],
            b"upgrade: websocket\r\nsec-websocket-version: 13\r\ncontent-length: 2\r\nconnection: upgrade, close\r\n",
        ),
    ],
)
def test_an_error_has_the_headers_that_its_status_asks_for(
    status: int, headers: list[tuple[bytes, bytes]], written_headers: bytes
) -> None:
    writer = Http1Writer(None, False)
    writer.begin("GET", "1.1", True)
    assert writer.error(status, "no", headers).endswith(
        b"\r\ncontent-type: text/plain; charset=utf-8\r\n" + written_headers + b"\r\nno"
    )
    assert not writer.keep_alive


def test_an_upgrade_that_is_offered_is_named_in_connection() -> None:
    upgrade = [(b"Upgrade", b"h2c")]
    assert written(b"", headers=upgrade).endswith(b"connection: upgrade\r\n\r\n")
    assert written(b"", headers=upgrade, keep_alive=False).endswith(b"connection: upgrade, close\r\n\r\n")


def test_connection_is_read_token_by_token() -> None:
    assert b"connection" not in written(b"", headers=[(b"connection", b"not-close")])
    assert written(b"", headers=[(b"connection", b"x ,\tClose")]).endswith(b"connection: close\r\n\r\n")


# ---- informational responses


def test_an_informational_response_is_a_whole_head_and_the_final_one_follows() -> None:
    writer = Http1Writer("vivace", True)
    writer.begin("GET", "1.1", False)
    assert writer.inform(100, []) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.start(200, [(b"a", b"1")])
    hints: list[list[bytes | bytearray | memoryview]] = [
        [b"link", b"</a.css>; rel=preload"],
        [bytearray(b"link"), memoryview(b"</b>; rel=preload")],
    ]
    assert writer.inform(103, hints) == (
        b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\nlink: </b>; rel=preload\r\n\r\n"
    )
    assert writer.inform(199, []) == b"HTTP/1.1 199 \r\n\r\n"
    assert not writer.begun
    out = writer.body(b"", False)
    assert isinstance(out, bytes)
    assert out.startswith(b"HTTP/1.1 200 OK\r\na: 1\r\nserver: vivace\r\n")


def test_an_http_1_0_client_is_not_informed() -> None:
    writer = Http1Writer(None, False)
    writer.begin("GET", "1.0", True)
    assert writer.inform(103, [(b"link", b"</a>")]) == b""
    with pytest.raises(ValueError, match="control character"):
        writer.inform(103, [(b"link", b"\n")])


@pytest.mark.parametrize(
    ("status", "header", "message"),
    [
        (99, None, "from 100 to 199 and not 101, got 99"),
        (101, None, "from 100 to 199 and not 101, got 101"),
        (200, None, "from 100 to 199 and not 101, got 200"),
        (103, (b"link", b"a\r\nb: c"), "control character"),
        (103, (b"", b"a"), "empty"),
        (103, (b"a b", b""), "character that names cannot have"),
        (103, (b"Content-Length", b"0"), "cannot have the header b'Content-Length'"),
        (103, (b"transfer-encoding", b"chunked"), "cannot have the header"),
        (103, (b"connection", b"close"), "cannot have the header"),
        (103, (b"upgrade", b"h2c"), "cannot have the header"),
    ],
)
def test_what_cannot_inform_is_refused(status: int, header: tuple[bytes, bytes] | None, message: str) -> None:
    writer = Http1Writer(None, False)
    writer.begin("GET", "1.1", True)
    with pytest.raises(ValueError, match=message):
        writer.inform(status, [] if header is None else [header])


# ---- trailers


def ended(
    *pieces: bytes,
    trailers: list[tuple[bytes, bytes]],
    status: int = 200,
    headers: list[tuple[bytes, bytes]] = TEXT,
    method: str = "GET",
    version: str = "1.1",
) -> bytes:
    """Everything written for a response that ends with these trailers."""
    writer = Http1Writer(None, False)
    writer.begin(method, version, True)
    writer.start(status, headers, trailers=True)
    out = b""
    for piece in pieces:
        data = writer.body(piece, True)
        out += data if isinstance(data, bytes) else b"".join(data)
    out += writer.trailers(trailers)
    assert writer.complete
    return out


def test_trailers_end_a_chunked_body() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
    end = b"0\r\nX-Sum: 1\r\ngrpc-status: 0\r\n\r\n"
    fields = [(b"X-Sum", b"1"), (b"grpc-status", b"0")]
    assert ended(b"hello", trailers=fields) == head + b"5\r\nhello\r\n" + end
    assert ended(b"a", b"", b"b", trailers=fields) == head + b"1\r\na\r\n1\r\nb\r\n" + end
    assert ended(b"", trailers=fields) == head + end
    assert ended(trailers=fields) == head + end
    assert ended(b"a", trailers=[]) == head + b"1\r\na\r\n0\r\n\r\n"
    large = b"x" * 100_000
    assert ended(large, trailers=fields) == head + b"186a0\r\n" + large + b"\r\n" + end


def test_a_response_that_could_have_trailers_may_end_without() -> None:
    writer = Http1Writer(None, False)
    writer.begin("GET", "1.1", True)
    writer.start(200, [], trailers=True)
    assert writer.body(b"a", False) == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
    assert writer.complete


def test_a_length_announced_with_trailers_is_checked_and_not_sent() -> None:
    length = [(b"content-length", b"5")]
    assert ended(b"hello", headers=length, trailers=[]) == (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )
    with pytest.raises(RuntimeError, match="longer than its content-length of 5"):
        ended(b"hello!", headers=length, trailers=[])
    with pytest.raises(RuntimeError, match="ended after 4 bytes; its content-length is 5"):
        ended(b"hell", headers=length, trailers=[])


@pytest.mark.parametrize(
    ("method", "version", "status", "headers", "expected"),
    [
        ("GET", "1.0", 200, [], b"connection: close\r\n\r\nhello"),
        ("GET", "1.0", 200, [(b"content-length", b"5")], b"content-length: 5\r\nconnection: keep-alive\r\n\r\nhello"),
        ("HEAD", "1.1", 200, [], b"\r\n"),
        ("HEAD", "1.1", 200, [(b"content-length", b"5")], b"content-length: 5\r\n\r\n"),
        ("GET", "1.1", 204, [], b"\r\n"),
        ("GET", "1.1", 304, [], b"\r\n"),
    ],
)
def test_trailers_are_left_out_where_they_cannot_be(
    method: str, version: str, status: int, headers: list[tuple[bytes, bytes]], expected: bytes
) -> None:
    out = ended(b"hello", method=method, version=version, status=status, headers=headers, trailers=[(b"x", b"1")])
    assert out.partition(b"\r\n")[2] == expected


@pytest.mark.parametrize("name", sorted(NOT_IN_TRAILERS))
def test_what_is_needed_before_the_body_is_no_trailer(name: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be a trailer"):
        ended(b"a", trailers=[(name.title(), b"1")])


def test_trailers_are_checked_like_headers() -> None:
    for field in [(b"x", b"a\r\nb: c"), (b"x y", b"a"), (b"", b"a")]:
        with pytest.raises(ValueError, match="header"):
            ended(b"a", trailers=[field])
    writer = Http1Writer(None, False)
    writer.begin("GET", "1.1", True)
    writer.start(200, [], trailers=True)
    with pytest.raises(TypeError, match="a header name must be bytes"):
        writer.trailers([("a", b"1")])  # type: ignore[list-item]
    assert not writer.complete


# ---- bodies that somebody else sends


@pytest.mark.parametrize(
    ("method", "version", "status", "headers", "expected", "bodiless"),
    [
        ("GET", "1.1", 200, [], b"content-length: 7\r\n\r\n", False),
        ("GET", "1.1", 206, [(b"content-length", b"7")], b"content-length: 7\r\n\r\n", False),
        ("GET", "1.0", 200, [], b"content-length: 7\r\nconnection: keep-alive\r\n\r\n", False),
        ("HEAD", "1.1", 200, [], b"content-length: 7\r\n\r\n", True),
        ("GET", "1.1", 204, [], b"\r\n", True),
        ("GET", "1.1", 304, [], b"\r\n", True),
    ],
)
def test_a_file_has_a_head_with_its_size(
    method: str, version: str, status: int, headers: list[tuple[bytes, bytes]], expected: bytes, bodiless: bool
) -> None:
    writer = Http1Writer(None, False)
    writer.begin(method, version, True)
    writer.start(status, headers)
    assert writer.file(7).partition(b"\r\n")[2] == expected
    assert writer.bodiless is bodiless
    assert writer.begun
    assert writer.complete
    assert writer.keep_alive


def test_a_file_is_what_was_announced_and_the_whole_body() -> None:
    writer = Http1Writer(None, False)
    writer.begin("GET", "1.1", True)
    writer.start(200, [(b"content-length", b"6")])
    with pytest.raises(RuntimeError, match="the file has 7 bytes; the content-length of its response is 6"):
        writer.file(7)
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        writer.file(-1)
    writer.start(200, [], trailers=True)
    with pytest.raises(RuntimeError, match="trailers"):
        writer.file(7)
    writer.start(200, [])
    writer.body(b"a", True)
    with pytest.raises(RuntimeError, match="after the body has begun"):
        writer.file(7)


# ---- order


def test_what_comes_out_of_turn_is_refused() -> None:
    writer = Http1Writer(None, False)

    def assert_refused(*names: str) -> None:
        calls: dict[str, Callable[[], object]] = {
            "start": lambda: writer.start(200, []),
            "error": lambda: writer.error(400, "no"),
            "inform": lambda: writer.inform(103, []),
            "body": lambda: writer.body(b"", False),
            "trailers": lambda: writer.trailers([]),
            "file": lambda: writer.file(1),
        }
        for name in names:
            with pytest.raises(RuntimeError):
                calls[name]()

    assert_refused("start", "error", "inform", "body", "trailers", "file")
    writer.begin("GET", "1.1", True)
    assert_refused("body", "trailers", "file")
    writer.start(200, [])
    assert_refused("trailers")
    writer.body(b"", True)
    assert_refused("start", "error", "inform", "trailers", "file")
    writer.body(b"", False)
    assert_refused("start", "error", "inform", "body", "trailers", "file")


# ---- against h11


@given(
    st.lists(st.binary(max_size=50), min_size=1, max_size=4),
    st.sampled_from([200, 204, 304, 404]),
    st.sampled_from(["GET", "HEAD"]),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from([b"x-a", b"Etag"]), st.sampled_from([b"", b"v", b"a b"])), max_size=3),
)
def test_h11_reads_what_we_write(
    pieces: list[bytes], status: int, method: str, keep_alive: bool, headers: list[tuple[bytes, bytes]]
) -> None:
    out = written(*pieces, status=status, method=method, keep_alive=keep_alive, headers=headers)
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(out)
    response = client.next_event()
    assert isinstance(response, h11.Response)
    assert response.status_code == status
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert body == (b"" if method == "HEAD" or status in {204, 304} else b"".join(pieces))
    assert client.their_state is (h11.DONE if keep_alive else h11.MUST_CLOSE) or client.trailing_data == (b"", False)
    assert [pair for pair in response.headers if pair[0] in {b"x-a", b"etag"}] == [
        (name.lower(), value) for name, value in headers
    ]


@given(
    st.lists(st.binary(max_size=50), max_size=4),
    st.lists(st.tuples(st.sampled_from([b"x-a", b"Etag"]), st.sampled_from([b"", b"v", b"a b"])), max_size=3),
)
def test_h11_reads_our_trailers(pieces: list[bytes], fields: list[tuple[bytes, bytes]]) -> None:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(ended(*pieces, trailers=fields))
    assert isinstance(client.next_event(), h11.Response)
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert body == b"".join(pieces)
    assert isinstance(event, h11.EndOfMessage)
    assert list(event.headers) == [(name.lower(), value) for name, value in fields]
