"""The HTTP/1.1 writer, by tables and against h11."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.server.protocol.http1_writer import Http1Writer

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
    with pytest.raises(TypeError, match="a header name must be bytes, got 'a'"):
        writer.start(200, [("a", b"1")])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="a response body must be bytes, got 'text'"):
        writer.body("text", False)  # type: ignore[arg-type]


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
