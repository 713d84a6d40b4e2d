"""Views, written once."""

SETTINGS = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": "vivace.rest.request.AnonymousUser",
    "DEFAULT_VERSION": None,
}

SITE = '''
class ItemSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=5, help_text="As it is called.")
    size = serializers.IntegerField(min_value=1, required=False)
    kind = serializers.ChoiceField(choices=[("a", "A"), ("b", "B")], default="a")

    def create(self, validated_data):
        return {"size": 0, **validated_data}

    def update(self, instance, validated_data):
        return {**instance, **validated_data}


ITEMS = [{"name": f"n{number}", "size": number, "kind": "ab"[number % 2]} for number in range(1, 8)]


class Echo(views.APIView):
    """Gives back what it got."""

    async def get(self, request, **kwargs):
        return Response({"query": dict(request.query_params.items()), "kwargs": {k: str(v) for k, v in kwargs.items()}})

    async def post(self, request, **kwargs):
        return Response(request.data, status=201, headers={"Location": "/there"})

    async def put(self, request, **kwargs):
        return Response({"keys": sorted(request.data)})

    async def delete(self, request, **kwargs):
        return Response(status=204)


route("/echo/", Echo.as_view(), "echo")
route("/echo/<int:pk>/<slug:word>/", Echo.as_view(), "echo-detail")
route("/json-only/", Echo.as_view(parser_classes=[parsers.JSONParser]))
route("/forms-only/", Echo.as_view(parser_classes=[parsers.FormParser]))


class Items(generics.ListCreateAPIView):
    queryset = ITEMS
    serializer_class = ItemSerializer

    async def list(self, request, *args, **kwargs):
        page = await self.paginate_queryset(self.get_queryset())
        if page is None:
            return Response(self.get_serializer(self.get_queryset(), many=True).data)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class Pages(pagination.PageNumberPagination):
    page_size = 3
    page_size_query_param = "size"
    max_page_size = 5


class Offsets(pagination.LimitOffsetPagination):
    default_limit = 2
    max_limit = 4


route("/items/", Items.as_view(), "items")
route("/pages/", Items.as_view(pagination_class=Pages), "pages")
route("/offsets/", Items.as_view(pagination_class=Offsets), "offsets")


class Raising(views.APIView):
    async def get(self, request, kind):
        raise {
            "validation": exceptions.ValidationError({"name": ["Bad."], "deep": [{"a": ["No."]}]}),
            "text": exceptions.ValidationError("plain"),
            "parse": exceptions.ParseError(),
            "auth": exceptions.AuthenticationFailed(),
            "anonymous": exceptions.NotAuthenticated(),
            "denied": exceptions.PermissionDenied("Go away.", code="gone"),
            "missing": exceptions.NotFound(),
            "method": exceptions.MethodNotAllowed("BREW"),
            "acceptable": exceptions.NotAcceptable(),
            "media": exceptions.UnsupportedMediaType("text/odd"),
            "throttled": exceptions.Throttled(wait=9.2),
            "throttled-once": exceptions.Throttled(wait=1),
            "throttled-never": exceptions.Throttled(),
            "api": exceptions.APIException("Down.", code="down"),
        }[kind]


route("/raise/<slug:kind>/", Raising.as_view())


class ByName(authentication.BasicAuthentication):
    def authenticate_credentials(self, userid, password, request=None):
        if password != "right":
            raise exceptions.AuthenticationFailed("Invalid username/password.")
        return User(1, userid, is_staff=userid == "root"), "basic"


class ByToken(authentication.TokenAuthentication):
    def authenticate_credentials(self, key):
        if key != "abc":
            raise exceptions.AuthenticationFailed("Invalid token.")
        return User(2, "tok"), key


class Bearer(ByToken):
    keyword = "Bearer"


class WhoAmI(views.APIView):
    async def get(self, request, **kwargs):
        return Response({"user": request.user.username, "auth": request.auth})

    async def post(self, request, **kwargs):
        return Response({"user": request.user.username}, status=201)


def who(path, authenticators, permitted):
    route(path, WhoAmI.as_view(authentication_classes=authenticators, permission_classes=permitted))


class IsRoot(permissions.BasePermission):
    message = "Only root."
    code = "not_root"

    def has_permission(self, request, view):
        return request.user.username == "root"


class IsTok(permissions.BasePermission):
    def has_permission(self, request, view):
        return request.user.username == "tok"


who("/who/any/", [ByName, ByToken], [permissions.AllowAny])
who("/who/in/", [ByName, ByToken], [permissions.IsAuthenticated])
who("/who/token/", [ByToken, ByName], [permissions.IsAuthenticated])
who("/who/bearer/", [Bearer], [permissions.IsAuthenticated])
who("/who/none/", [], [permissions.IsAuthenticated])
who("/who/admin/", [ByName], [permissions.IsAdminUser])
who("/who/read/", [ByName], [permissions.IsAuthenticatedOrReadOnly])
who("/who/root/", [ByName, ByToken], [IsRoot])
who("/who/or/", [ByName, ByToken], [IsRoot | IsTok])
who("/who/and/", [ByName, ByToken], [permissions.IsAuthenticated & ~IsRoot])
who("/who/not/", [ByName, ByToken], [~IsTok])


class Twice(throttling.AnonRateThrottle):
    rate = "2/day"
    scope = "twice"


class Thrice(throttling.UserRateThrottle):
    rate = "3/hour"
    scope = "thrice"


route("/throttled/anon/", WhoAmI.as_view(authentication_classes=[ByName], throttle_classes=[Twice]))
route("/throttled/user/", WhoAmI.as_view(authentication_classes=[ByName], throttle_classes=[Thrice]))


class Versioned(views.APIView):
    async def get(self, request, **kwargs):
        return Response({"version": request.version, "at": reverse("versioned-" + self.kind, request=request)})


def versioned(kind, path, scheme, within=None, **attributes):
    versions = {"default_version": "1.0", "allowed_versions": ["1.0", "2.0", "v1"]}
    chosen = type("Scheme", (scheme,), {**versions, **attributes})
    view = type("V", (Versioned,), {"kind": kind, "versioning_class": chosen})
    route(path, view.as_view(), "versioned-" + kind, within)


versioned("query", "/versions/query/", versioning.QueryParameterVersioning)
versioned("accept", "/versions/accept/", versioning.AcceptHeaderVersioning)
versioned("path", "/versions/<slug:version>/path/", versioning.URLPathVersioning)
versioned("host", "/versions/host/", versioning.HostNameVersioning)
versioned("namespace", "/names/", versioning.NamespaceVersioning, within="v1")
versioned("badspace", "/names/", versioning.NamespaceVersioning, within="v9")


@decorators.api_view(["GET", "POST"])
@decorators.permission_classes([permissions.IsAuthenticatedOrReadOnly])
@decorators.authentication_classes([ByName])
@decorators.parser_classes([parsers.JSONParser])
async def function(request, **kwargs):
    """A view that is a function."""
    return Response({"method": request.method, "data": request.data if request.method == "POST" else None})


@decorators.api_view()
async def plain(request):
    return Response([1, 2, 3])


route("/function/", function, "function")
route("/plain/", plain, "plain")


class Things(viewsets.ViewSet):
    """All things."""

    async def list(self, request, **kwargs):
        return Response(["a", "b"])

    async def create(self, request, **kwargs):
        return Response(request.data, status=201)

    async def retrieve(self, request, pk=None, **kwargs):
        return Response({"pk": pk, "action": self.action, "detail": self.detail, "name": self.get_view_name()})

    async def destroy(self, request, pk=None, **kwargs):
        return Response(status=204)

    @decorators.action(detail=False)
    async def newest(self, request, **kwargs):
        return Response({"action": self.action, "name": self.get_view_name()})

    @decorators.action(detail=True, methods=["post"], url_path="set-password", url_name="pass")
    async def password(self, request, pk=None, **kwargs):
        return Response({"set": pk, "action": self.action})

    @password.mapping.delete
    async def no_password(self, request, pk=None, **kwargs):
        return Response(status=204)

    @decorators.action(detail=True, permission_classes=[permissions.IsAuthenticated])
    async def secret(self, request, pk=None, **kwargs):
        return Response("no")


router = routers.SimpleRouter()
router.register("things", Things, basename="thing")
route("/api/", router.urls)
suffixed = routers.DefaultRouter()
suffixed.register("things", Things, basename="other")
route("/default/", suffixed.urls)
'''
