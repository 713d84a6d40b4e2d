"""Renderers, pages, tags, nested routes, formats, throttles and authentication, through the client for tests."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import msgspec
import pytest
from tests.rest.conftest import CountingDatabase
from tests.rest.models import Book, Chapter

from vivace.rest import (
    authentication,
    conditional,
    pagination,
    parsers,
    permissions,
    renderers,
    routers,
    serializers,
    throttling,
    views,
    viewsets,
)
from vivace.rest.request import Request
from vivace.rest.response import Response
from vivace.rest.settings import RESTSettings, api_settings, current, using
from vivace.rest.test import APIClient, APIRequestFactory, force_authenticate
from vivace.utils.ratelimit import MemoryStore
from vivace.web.applications import Application
from vivace.web.routing import Route

pytestmark = pytest.mark.anyio


class BookSerializer(serializers.ModelSerializer[Book]):
    class Meta:
        model = Book
        fields = ["id", "title", "pages", "author"]


class ChapterSerializer(serializers.ModelSerializer[Chapter]):
    class Meta:
        model = Chapter
        fields = ["number", "title"]


class ByPages(pagination.CursorPagination):
    page_size = 4
    ordering = "-pages"


class Uncounted(pagination.UncountedPageNumberPagination):
    page_size = 4


class Books(conditional.ETagMixin, viewsets.ModelViewSet[Book]):
    queryset = Book.objects.order_by("pages")
    serializer_class = BookSerializer
    renderer_classes = (
        renderers.JSONRenderer,
        renderers.JSONLinesRenderer,
        renderers.CSVRenderer,
        renderers.MessagePackRenderer,
        renderers.HTMLRenderer,
    )
    parser_classes = (parsers.JSONParser, parsers.MessagePackParser)


class Cursors(Books):
    pagination_class = ByPages


class Pages(Books):
    pagination_class = Uncounted


class Chapters(viewsets.ReadOnlyModelViewSet[Chapter]):
    serializer_class = ChapterSerializer

    def get_queryset(self) -> Any:
        return Chapter.objects.filter(book=self.kwargs["book_pk"])


def client_of(*viewsets_of: tuple[str, type[Any]]) -> APIClient:
    router = routers.DefaultRouter()
    for prefix, viewset in viewsets_of:
        router.register(prefix, viewset, basename=prefix)
    nested = routers.NestedSimpleRouter(router, viewsets_of[0][0], lookup="book")
    nested.register("chapters", Chapters, basename="chapters")
    return APIClient(Application(routes=[*router.routes, *nested.routes]))


async def test_formats_by_suffix_and_by_parameter(library: CountingDatabase) -> None:
    async with client_of(("books", Books)) as client:
        lines = (await client.get("/books.jsonl")).text.splitlines()
        assert [msgspec.json.decode(line)["pages"] for line in lines] == [100, 200, 300, 400, 500, 600]
        table = (await client.get("/books/?format=csv")).text.splitlines()
        assert table[0] == "id,title,pages,author"
        assert len(table) == 7
        packed = await client.get("/books/", headers={"accept": "application/msgpack"})
        assert packed.data[0]["pages"] == 100
        page = await client.get("/books/", headers={"accept": "text/html"})
        assert "<dd>Book 1</dd>" in page.text
        assert (await client.get("/books.xml")).status_code == 404
        first = packed.data[0]["id"]
        assert (await client.get(f"/books/{first}.json")).data["pages"] == 100


async def test_a_streamed_list_is_read_in_pieces(library: CountingDatabase) -> None:
    class Small(Books):
        stream_chunk_size = 2

    async with client_of(("books", Small)) as client:
        assert (await client.get("/books.jsonl")).text.count("\n") == 6


def test_csv_escapes_formulas_and_flattens() -> None:
    rows = [{"a": "=1+1", "b": {"c": -1, "d": [1, 2]}, "e": None, "f": True}, {"g": "x"}]
    assert renderers.CSVRenderer().render(rows).decode().splitlines() == [
        "a,b.c,b.d,e,f,g",
        '\'=1+1,-1,"[1,2]",,true,',
        ",,,,,x",
    ]


def test_html_escapes() -> None:
    assert b"<script>" not in renderers.HTMLRenderer().render({"a": ["<script>"], "b": None})


async def test_a_cursor_goes_on_and_back(library: CountingDatabase) -> None:
    async with client_of(("books", Cursors)) as client:
        first = (await client.get("/books/")).data
        assert [book["pages"] for book in first["results"]] == [600, 500, 400, 300]
        assert first["previous"] is None
        second = (await client.get(first["next"])).data
        assert [book["pages"] for book in second["results"]] == [200, 100]
        assert second["next"] is None
        back = (await client.get(second["previous"])).data
        assert [book["pages"] for book in back["results"]] == [600, 500, 400, 300]
        refused = await client.get("/books/?cursor=nonsense")
        assert (refused.status_code, refused.data) == (404, {"detail": "Invalid cursor"})


async def test_pages_without_a_count_ask_once(library: CountingDatabase) -> None:
    async with client_of(("books", Pages)) as client:
        with library.count() as asked:
            first = (await client.get("/books/")).data
        assert len(asked) == 1
        assert set(first) == {"next", "previous", "results"}
        assert (await client.get(first["next"])).data["next"] is None
        assert (await client.get("/books/?page=9")).status_code == 404


async def test_nested_routes(library: CountingDatabase) -> None:
    book = await Book.objects.get(title="Book 2")
    async with client_of(("books", Books)) as client:
        assert [row["number"] for row in (await client.get(f"/books/{book.pk}/chapters/")).data] == [1, 2]


def test_a_nested_router_names_what_the_parent_has() -> None:
    parent = routers.SimpleRouter()
    parent.register("books", Books, basename="books")
    with pytest.raises(LookupError, match='Did you mean "books"'):
        routers.NestedSimpleRouter(parent, "book")
    with pytest.raises(ValueError, match="identifier"):
        routers.NestedSimpleRouter(parent, "books", lookup="no name")


async def test_tags_of_what_was_read_guard_changes(library: CountingDatabase) -> None:
    book = await Book.objects.get(title="Book 1")
    async with client_of(("books", Books)) as client:
        read = await client.get(f"/books/{book.pk}/")
        tag = read.headers["etag"]
        again = await client.get(f"/books/{book.pk}/", headers={"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")
        changed = await client.patch(f"/books/{book.pk}/", {"pages": 7}, format="json", headers={"if-match": tag})
        assert changed.status_code == 200
        late = await client.patch(f"/books/{book.pk}/", {"pages": 8}, format="json", headers={"if-match": tag})
        assert late.status_code == 412
        assert (await client.delete(f"/books/{book.pk}/", headers={"if-match": tag})).status_code == 412
        assert (await Book.objects.get(pk=book.pk)).pages == 7


async def test_a_change_must_say_what_it_changes_when_the_view_wants_it(library: CountingDatabase) -> None:
    class Strict(Books):
        require_if_match = True

    book = await Book.objects.get(title="Book 1")
    async with client_of(("books", Strict)) as client:
        assert (await client.patch(f"/books/{book.pk}/", {"pages": 7}, format="json")).status_code == 428


async def test_messagepack_is_read_and_refused(library: CountingDatabase) -> None:
    async with client_of(("books", Books)) as client:
        refused = await client.post("/books/", {"title": "T"}, format="msgpack")
        assert refused.data == {"author": ["This field is required."]}
        broken = await client.post("/books/", b"\xc1", content_type="application/msgpack")
        assert broken.status_code == 400
        deep = await client.post("/books/", b"\x91" * 200_000, content_type="application/msgpack")
        assert deep.status_code == 400


# Views without a database


class Who(views.APIView):
    async def get(self, request: Request) -> Response:
        return Response({"user": str(getattr(request.user, "name", "nobody")), "auth": request.auth})

    async def put(self, request: Request) -> Response:
        file = request.data["file"]
        return Response({"name": file.filename, "size": file.size, "read": (await file.read()).decode()})


class Ann:
    name = "ann"
    is_authenticated = True
    pk = 1


async def find(key: str) -> Ann | None:
    return Ann() if key == "right" else None


def one(**attributes: Any) -> APIClient:
    return APIClient(Application(routes=[Route("/", Who.as_view(**attributes))]))


@pytest.mark.parametrize(
    ("authenticator", "headers", "status"),
    [
        (authentication.TokenAuthentication, {"authorization": "Token right"}, 200),
        (authentication.TokenAuthentication, {"authorization": "Token wrong"}, 401),
        (authentication.APIKeyAuthentication, {"x-api-key": "right"}, 200),
        (authentication.APIKeyAuthentication, {"x-api-key": "wrong"}, 401),
        (authentication.APIKeyAuthentication, {}, 401),
        (authentication.RemoteUserAuthentication, {"remote-user": "right"}, 403),
    ],
)
async def test_a_lookup_says_who_it_is(authenticator: Any, headers: dict[str, str], status: int) -> None:
    classes = [authenticator.using(find)]
    async with one(authentication_classes=classes, permission_classes=[permissions.IsAuthenticated]) as client:
        response = await client.get("/", headers=headers)
        assert response.status_code == status


async def test_remote_user_reads_only_the_header_it_is_told() -> None:
    class Proxy(authentication.RemoteUserAuthentication):
        header = "remote-user"

    async with one(authentication_classes=[Proxy.using(find)]) as client:
        assert (await client.get("/", headers={"remote-user": "right"})).data["user"] == "ann"


async def test_authentication_without_users_is_told() -> None:
    async with one(authentication_classes=[authentication.TokenAuthentication]) as client:
        with pytest.raises(TypeError, match="does not know your users"):
            await client.get("/", headers={"authorization": "Token a"})


async def test_however_many_ask_at_once_no_more_pass_than_the_rate_says() -> None:
    class Five(throttling.AnonRateThrottle):
        rate = "5/min"
        store = MemoryStore()

    async with one(throttle_classes=[Five]) as client:
        responses = await asyncio.gather(*(client.get("/") for _ in range(20)))
        assert sorted(response.status_code for response in responses) == [200] * 5 + [429] * 15
        refused = await client.get("/")
        assert int(refused.headers["retry-after"]) > 0


async def test_scopes_have_rates_by_setting_and_proxies_are_believed_only_when_counted() -> None:
    class Scoped(throttling.ScopedRateThrottle):
        store = MemoryStore()

    options: dict[str, Any] = {"throttle_classes": [Scoped], "throttle_scope": "uploads"}
    with using({"DEFAULT_THROTTLE_RATES": {"uploads": "1/min"}, "NUM_PROXIES": 1}):
        async with one(**options) as client:
            asked = [await client.get("/", headers={"x-forwarded-for": address}) for address in ("1.1.1.1", "2.2.2.2")]
            assert [response.status_code for response in asked] == [200, 200]
            assert (await client.get("/", headers={"x-forwarded-for": "9.9.9.9, 1.1.1.1"})).status_code == 429
        async with one(throttle_classes=[Scoped], throttle_scope="upload") as client:
            with pytest.raises(ValueError, match='Did you mean "uploads"'):
                await client.get("/")


async def test_a_body_that_is_a_file() -> None:
    async with one(parser_classes=[parsers.FileUploadParser]) as client:
        named = {"content-disposition": 'attachment; filename="a.txt"'}
        sent = await client.put("/", b"hello", content_type="text/plain", headers=named)
        assert sent.data == {"name": "a.txt", "size": 5, "read": "hello"}
        extended = {"content-disposition": "attachment; filename*=UTF-8''%e2%82%ac.txt"}
        assert (await client.put("/", b"x", content_type="text/plain", headers=extended)).data["name"] == "€.txt"
        assert (await client.put("/", b"x", content_type="text/plain")).status_code == 400


async def test_who_asks_is_forced_for_a_client_and_for_a_request() -> None:
    async with one(permission_classes=[permissions.IsAuthenticated]) as client:
        client.force_authenticate(Ann(), token="t")
        assert (await client.get("/")).data == {"user": "ann", "auth": "t"}
        client.logout()
        assert (await client.get("/")).status_code == 403
    request = APIRequestFactory().get("/", {"a": "1"})
    force_authenticate(request, Ann())
    response = await Who.as_view().respond(request.scope, request.receive, request._send)
    assert response.body == b'{"user":"ann","auth":null}'


async def test_a_form_of_the_client_takes_files_and_refuses_what_forms_cannot_say() -> None:
    class Form(views.APIView):
        async def post(self, request: Request) -> Response:
            return Response({name: getattr(value, "filename", value) for name, value in request.data.multi_items()})

    async with APIClient(Application(routes=[Route("/", Form.as_view())])) as client:
        response = await client.post("/", {"a": True, "f": ("n.txt", b"x")})
        assert response.data == {"a": "true", "f": "n.txt"}
        assert (await client.post("/", {"f": io.BytesIO(b"x")})).data == {"f": "file"}
        assert (await client.post("/", {"a": [1, 2]}, format="form")).data == {"a": "2"}
        with pytest.raises(TypeError, match="None"):
            await client.post("/", {"a": None})
        with pytest.raises(TypeError, match="nested"):
            await client.post("/", {"a": {"b": 1}})
        with pytest.raises(ValueError, match='Did you mean "json"'):
            await client.post("/", {}, format="jsn")


def test_a_setting_that_there_is_not_is_told_with_the_nearest() -> None:
    with pytest.raises(ValueError, match='Did you mean "PAGE_SIZE"'):
        RESTSettings({"PAGE_SIZ": 1})


def test_settings_are_those_of_the_block_and_import_by_drfs_names() -> None:
    given = {"PAGE_SIZE": 7, "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.CSVRenderer"]}
    with using(given):
        assert api_settings.PAGE_SIZE == 7
        assert pagination.PageNumberPagination.page_size == 7
        assert views.APIView.renderer_classes == (renderers.CSVRenderer,)
    assert current().PAGE_SIZE is None
    with using({"DEFAULT_PAGINATION_CLASS": "nowhere.Pages"}), pytest.raises(ImportError, match="DEFAULT_PAGINATION"):
        _ = api_settings.DEFAULT_PAGINATION_CLASS


async def test_problems_by_a_setting() -> None:
    with using({"EXCEPTION_HANDLER": "vivace.rest.problems.exception_handler"}):
        async with one(permission_classes=[permissions.IsAuthenticated]) as client:
            response = await client.get("/")
    assert response.headers["content-type"].startswith("application/problem+json")
    assert response.data["status"] == 403
    assert response.data["code"] == "permission_denied"
