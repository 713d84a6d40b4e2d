"""`@api_view` for functions, `@action` for methods of viewsets; `rest_framework.decorators`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from vivace.rest.views import HTTP_METHODS, APIView, Endpoint

Function = TypeVar("Function", bound=Callable[..., Any])

# What the decorators below `@api_view` set on the function, and the view's attribute of the same name.
VIEW_ATTRIBUTES = (
    "renderer_classes",
    "parser_classes",
    "authentication_classes",
    "permission_classes",
    "throttle_classes",
    "throttle_scope",
    "content_negotiation_class",
    "metadata_class",
    "versioning_class",
    "schema",
    "exclude_from_schema",
)


def api_view(http_method_names: Sequence[str] | None = None) -> Callable[[Function], Endpoint]:
    """Makes a view of `async def view(request, **path_parameters)`; answers GET unless told which methods."""
    if callable(http_method_names):
        raise TypeError('@api_view needs its parentheses: @api_view() or @api_view(["GET", "POST"])')
    methods = [name.lower() for name in http_method_names or ("GET",)]
    for name in methods:
        if name not in HTTP_METHODS:
            raise ValueError(f"@api_view: {name!r} is no HTTP method; choose of {', '.join(HTTP_METHODS).upper()}")

    def decorate(function: Function) -> Endpoint:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def handler(self: APIView, *args: Any, **kwargs: Any) -> Any:
                return await function(*args, **kwargs)
        else:

            @functools.wraps(function)
            def handler(self: APIView, *args: Any, **kwargs: Any) -> Any:  # run in a thread
                return function(*args, **kwargs)

        namespace: dict[str, Any] = {
            "__doc__": function.__doc__,
            "__module__": function.__module__,
            "http_method_names": [*methods, *(("head",) if "get" in methods else ()), "options"],
            **dict.fromkeys(methods, handler),
            **{name: getattr(function, name) for name in VIEW_ATTRIBUTES if hasattr(function, name)},
        }
        view = type(function.__name__, (APIView,), namespace)
        return view.as_view()  # type: ignore[no-any-return,attr-defined]

    return decorate


def _setter(attribute: str) -> Callable[[Any], Callable[[Function], Function]]:
    def decorator(value: Any) -> Callable[[Function], Function]:
        def decorate(function: Function) -> Function:
            if isinstance(function, Endpoint):
                raise TypeError(f"@{attribute} stands below @api_view, not above it")
            setattr(function, attribute, value)
            return function

        return decorate

    decorator.__doc__ = f"Sets `{attribute}` of the view; stands below `@api_view`."
    return decorator


renderer_classes = _setter("renderer_classes")
parser_classes = _setter("parser_classes")
authentication_classes = _setter("authentication_classes")
permission_classes = _setter("permission_classes")
throttle_classes = _setter("throttle_classes")
throttle_scope = _setter("throttle_scope")
content_negotiation_class = _setter("content_negotiation_class")
metadata_class = _setter("metadata_class")
versioning_class = _setter("versioning_class")
schema = _setter("schema")


class MethodMapper(dict[str, str]):
    """Which method of a viewset answers which HTTP method of one extra action; `@publish.mapping.delete` adds one."""

    def __init__(self, name: str, methods: Sequence[str]) -> None:
        super().__init__({method.lower(): name for method in methods})

    def __getattr__(self, name: str) -> Callable[[Function], Function]:
        if name not in HTTP_METHODS:
            raise AttributeError(f"{name!r} is no HTTP method; choose of {', '.join(HTTP_METHODS)}")

        def decorate(function: Function) -> Function:
            if name in self:
                raise ValueError(f"the action answers {name.upper()} already, with {self[name]}()")
            self[name] = function.__name__
            return function

        return decorate


class Action(Protocol):
    """A method of a viewset with a route of its own."""

    mapping: MethodMapper
    detail: bool
    url_path: str
    url_name: str
    kwargs: dict[str, Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Answers a request."""
        ...


def action(
    methods: Sequence[str] | None = None,
    detail: bool | None = None,
    url_path: str | None = None,
    url_name: str | None = None,
    **kwargs: Any,
) -> Callable[[Callable[..., Any]], Action]:
    """Gives a viewset's method a route of its own, below one object with `detail=True`, else below the list.

    `kwargs` replace attributes of the view for this action (`permission_classes`, `serializer_class`, …).
    """
    if detail is None:
        raise TypeError("@action needs detail=True (below one object) or detail=False (below the list)")

    def decorate(function: Any) -> Action:
        function.mapping = MethodMapper(function.__name__, methods or ("GET",))
        function.detail = detail
        function.url_path = url_path or function.__name__
        function.url_name = url_name or function.__name__.replace("_", "-")
        function.kwargs = {"description": inspect.cleandoc(function.__doc__ or ""), **kwargs}
        if "name" not in kwargs and "suffix" not in kwargs:
            function.kwargs["name"] = function.__name__.replace("_", " ").capitalize()
        marked: Action = function
        return marked

    return decorate
