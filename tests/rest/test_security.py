"""Security schemes: what they find, what they refuse, what they say of themselves."""

from __future__ import annotations

import base64
from typing import Annotated, Any

import pytest

from vivace.rest import security
from vivace.rest.functions import APIRouter, Depends, Security
from vivace.web.testclient import TestClient

SCHEMES: dict[str, security.SecurityBase] = {
    "query": security.APIKeyQuery(name="key"),
    "header": security.APIKeyHeader(name="X-Key"),
    "cookie": security.APIKeyCookie(name="key"),
    "basic": security.HTTPBasic(realm="here"),
    "bearer": security.HTTPBearer(bearerFormat="JWT"),
    "digest": security.HTTPDigest(),
    "password": security.OAuth2PasswordBearer("token", scopes={"items": "Read items"}),
    "code": security.OAuth2AuthorizationCodeBearer("https://x.test/auth", "https://x.test/token"),
    "oauth2": security.OAuth2(),
    "openid": security.OpenIdConnect(openIdConnectUrl="https://x.test/.well-known/openid-configuration"),
}


def client_of(scheme: security.SecurityBase) -> TestClient:
    router = APIRouter()

    @router.get("/")
    async def read(found: Any = Depends(scheme)) -> Any:  # noqa: B008 - as FastAPI's users write
        return found

    return TestClient(router)


BASIC = base64.b64encode("ann:se:cret€".encode()).decode()


@pytest.mark.parametrize(
    ("name", "request_", "found"),
    [
        ("query", {"params": {"key": "k"}}, "k"),
        ("header", {"headers": {"X-Key": "k"}}, "k"),
        ("cookie", {"headers": {"Cookie": "key=k"}}, "k"),
        ("basic", {"headers": {"Authorization": f"basic {BASIC}"}}, {"username": "ann", "password": "se:cret€"}),
        ("bearer", {"headers": {"Authorization": "Bearer t"}}, {"scheme": "Bearer", "credentials": "t"}),
        ("digest", {"headers": {"Authorization": "Digest d"}}, {"scheme": "Digest", "credentials": "d"}),
        ("password", {"headers": {"Authorization": "bearer t"}}, "t"),
        ("code", {"headers": {"Authorization": "Bearer t"}}, "t"),
        ("oauth2", {"headers": {"Authorization": "Bearer t"}}, "Bearer t"),
        ("openid", {"headers": {"Authorization": "Bearer t"}}, "Bearer t"),
    ],
)
def test_a_scheme_finds_what_was_sent(name: str, request_: Any, found: Any) -> None:
    assert client_of(SCHEMES[name]).get("/", **request_).json() == found


@pytest.mark.parametrize("name", SCHEMES)
def test_who_says_nothing_gets_a_401_with_a_challenge(name: str) -> None:
    response = client_of(SCHEMES[name]).get("/")
    assert (response.status_code, response.json()) == (401, {"detail": "Not authenticated"})
    assert response.headers["www-authenticate"]


@pytest.mark.parametrize("sent", ["Basic ###", "Basic YQ==", "Basic /w==", "Basic"])
def test_broken_basic_credentials_are_a_401(sent: str) -> None:
    response = client_of(SCHEMES["basic"]).get("/", headers={"Authorization": sent})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Basic realm="here"'


def test_nothing_is_none_without_auto_error() -> None:
    assert client_of(security.HTTPBearer(auto_error=False)).get("/").json() is None


def test_secrets_are_not_printed() -> None:
    assert "cret" not in repr(security.HTTPBasicCredentials("ann", "secret"))
    assert "token" not in repr(security.HTTPAuthorizationCredentials("Bearer", "token"))


def test_a_realm_that_would_break_the_header_is_refused() -> None:
    with pytest.raises(ValueError, match="realm"):
        security.HTTPBasic(realm='a"b')


def test_the_password_flow_has_its_form() -> None:
    router = APIRouter()

    @router.post("/token")
    async def token(form: Annotated[security.OAuth2PasswordRequestForm, Depends()]) -> list[Any]:
        return [form.username, form.password, form.scopes]

    @router.post("/strict")
    async def strict(form: Annotated[security.OAuth2PasswordRequestFormStrict, Depends()]) -> str | None:
        return form.grant_type

    client = TestClient(router)
    data = {"username": "ann", "password": "p", "scope": "a b"}
    assert client.post("/token", data=data).json() == ["ann", "p", ["a", "b"]]
    assert client.post("/strict", data=data).json() == {"grant_type": ["This field is required."]}
    assert client.post("/strict", data={**data, "grant_type": "password"}).json() == "password"
    assert client.post("/token", data={**data, "grant_type": "x"}).status_code == 400


def test_an_operation_says_what_it_needs() -> None:
    router = APIRouter()
    scheme, optional = SCHEMES["password"], security.HTTPBearer(auto_error=False, description="A token.")

    @router.get("/")
    async def read(user: Any = Security(scheme, scopes=["items"])) -> None: ...  # noqa: B008 - as above

    @router.get("/optional", dependencies=[Depends(optional)])
    async def read_optional() -> None: ...

    one, two = (route.operation for route in router.routes)  # type: ignore[attr-defined]
    assert [(need.name, need.scopes, need.definition["type"]) for need in one.security] == [
        ("OAuth2PasswordBearer", ("items",), "oauth2")
    ]
    assert (one.optional_security, two.optional_security) == (False, True)
    assert two.security[0].definition == {"type": "http", "scheme": "bearer", "description": "A token."}
