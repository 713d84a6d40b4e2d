"""The requests: each is asked of both."""

from __future__ import annotations

from tests.parity.rest.views.both import Ask, basic

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
ROOT, ANN, WRONG = basic("root", "right"), basic("ann", "right"), basic("ann", "wrong")
MULTIPART = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nAnn\r\n--b--\r\n'


def _json(method: str, path: str, body: str, **headers: str) -> Ask:
    return Ask(method, path, body.encode(), JSON, headers)


BODIES = [
    _json("POST", "/echo/", '{"a": 1, "b": [1, 2.5, null, true]}'),
    _json("POST", "/echo/", "[]"),
    _json("POST", "/echo/", '"text"'),
    _json("POST", "/echo/", "null"),
    Ask("POST", "/echo/", b"", JSON),
    Ask("POST", "/echo/"),
    Ask("PUT", "/echo/", b"b=1&a=2&a=3", FORM),
    Ask("PUT", "/echo/", MULTIPART, "multipart/form-data; boundary=b"),
    Ask("POST", "/echo/", b"<a/>", "text/xml"),
    Ask("POST", "/json-only/", b"a=1", FORM),
    _json("POST", "/forms-only/", "{}"),
    Ask("DELETE", "/echo/"),
    Ask("PATCH", "/echo/", b"{}", JSON),
    Ask("GET", "/echo/?a=1&b=%C3%A9&a=2"),
    Ask("GET", "/echo/7/some-word/"),
    Ask("GET", "/echo/x/some-word/"),
    Ask("HEAD", "/echo/"),
]
NEGOTIATION = [
    Ask("GET", "/plain/", headers={"Accept": accept})
    for accept in (
        "*/*",
        "application/json",
        "application/*",
        "text/html",
        "text/html, application/json",
        "text/html, */*;q=0.1",
        "application/json; indent=4",
        "application/json;q=0.5, text/*",
        "nonsense",
    )
] + [Ask("GET", f"/plain/?format={name}") for name in ("json", "xml", "")]
GENERIC = [
    Ask("GET", "/items/"),
    *(Ask("GET", f"/pages/?{query}") for query in ("", "page=1", "page=2", "page=3", "page=4", "page=last", "page=0")),
    *(Ask("GET", f"/pages/?{query}") for query in ("page=x", "size=2", "size=2&page=2", "size=99", "size=0", "size=x")),
    *(Ask("GET", f"/pages/?{query}") for query in ("page=-1", "page=2&size=5&a=b", "a=%C3%A9&page=2")),
    *(Ask("GET", f"/offsets/?{query}") for query in ("", "limit=3", "offset=2", "limit=3&offset=6", "offset=99")),
    *(
        Ask("GET", f"/offsets/?{query}")
        for query in ("limit=0", "limit=99", "limit=x&offset=y", "offset=-1", "offset=1")
    ),
    _json("POST", "/items/", '{"name": "new"}'),
    _json("POST", "/items/", '{"name": "too long", "size": 0, "kind": "z"}'),
    _json("POST", "/items/", "{}"),
    _json("POST", "/items/", "[]"),
    _json("POST", "/items/", '{"name": null, "size": "x"}'),
    Ask("POST", "/items/", b"name=form&size=2", FORM),
    Ask("POST", "/items/", MULTIPART, "multipart/form-data; boundary=b"),
    Ask("DELETE", "/items/"),
]
ERRORS = [
    Ask("GET", f"/raise/{kind}/")
    for kind in [
        "validation",
        "text",
        "parse",
        "auth",
        "anonymous",
        "denied",
        "missing",
        "method",
        "acceptable",
        "media",
        "throttled",
        "throttled-once",
        "throttled-never",
        "api",
    ]
]
PATHS = [
    f"/who/{name}/" for name in ["any", "in", "token", "bearer", "none", "admin", "read", "root", "or", "and", "not"]
]
CREDENTIALS: list[dict[str, str]] = [
    {},
    {"Authorization": ROOT},
    {"Authorization": ANN},
    {"Authorization": "Token abc"},
]
WHO = [Ask("GET", path, headers=headers) for path in PATHS for headers in CREDENTIALS]
WHO += [
    Ask("GET", path, headers={"Authorization": header})
    for path in ("/who/in/", "/who/token/")
    for header in (
        WRONG,
        "Token",
        "Token wrong",
        "Token a b",
        "token abc",
        "Basic",
        "Basic a b",
        "Basic ???",
        "Basic bm9jb2xvbg==",
        "Bearer abc",
        "Strange",
    )
]
WHO += [Ask("GET", "/who/bearer/", headers={"Authorization": "Bearer abc"})]
WHO += [Ask("POST", "/who/read/", headers=headers) for headers in CREDENTIALS]
VERSIONS = [
    *(Ask("GET", f"/versions/query/{query}") for query in ("", "?version=2.0", "?version=9", "?version=2.0&a=b")),
    *(
        Ask("GET", "/versions/accept/", headers={"Accept": accept})
        for accept in ("*/*", "application/json", "application/json; version=2.0", "application/json; version=9")
    ),
    *(Ask("GET", f"/versions/{version}/path/") for version in ("v1", "v9")),
    *(
        Ask("GET", "/versions/host/", headers={"Host": host})
        for host in ("v1.example.org", "v9.example.org", "example.org", "a.b.example.org")
    ),
    Ask("GET", "/v9/names/"),
]
FUNCTIONS = [
    Ask("GET", "/function/"),
    _json("POST", "/function/", '{"a": 1}', Authorization=ANN),
    _json("POST", "/function/", '{"a": 1}'),
    Ask("POST", "/function/", b"a=1", FORM, {"Authorization": ANN}),
    Ask("PUT", "/function/"),
    Ask("GET", "/plain/"),
    Ask("POST", "/plain/"),
]
ROUTED = (
    [
        Ask(method, f"{start}{path}")
        for start in ("/api", "/default")
        for method, path in (
            ("GET", "/things/"),
            ("GET", "/things/7/"),
            ("DELETE", "/things/7/"),
            ("PUT", "/things/7/"),
            ("PUT", "/things/"),
            ("GET", "/things/newest/"),
            ("POST", "/things/newest/"),
            ("POST", "/things/7/set-password/"),
            ("DELETE", "/things/7/set-password/"),
            ("GET", "/things/7/set-password/"),
            ("GET", "/things/7/secret/"),
            ("GET", "/things/7/nothing/"),
            ("GET", "/things.json"),
            ("GET", "/things/7/secret.json"),
        )
        # A SimpleRouter of Vivace takes 7.json for a key, as keys may have dots.
    ]
    + [Ask("GET", "/default/things/7.json"), Ask("GET", "/default/things/7.xml")]
    + [_json("POST", "/api/things/", '{"a": 1}'), Ask("GET", "/default/"), Ask("POST", "/default/")]
)
OPTIONS = [Ask("OPTIONS", path) for path in ("/echo/", "/items/", "/pages/", "/function/", "/plain/", "/who/none/")]
ALL = [*BODIES, *NEGOTIATION, *GENERIC, *ERRORS, *WHO, *VERSIONS, *FUNCTIONS, *ROUTED, *OPTIONS]
