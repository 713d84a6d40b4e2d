"""`Query()`, `Body()`, `Depends()` and their like: what an argument of a typed function is (names as in FastAPI).

    async def read(id: int, q: Annotated[str, Query(max_length=50)] = "", user: Annotated[User, Depends(get_user)]): ...

Each may stand in `Annotated` or be the argument's default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from vivace.rest.operations import NO_DEFAULT
from vivace.utils.suggest import did_you_mean

Source = Literal["path", "query", "header", "cookie", "body", "form", "file"]
Scope = Literal["request", "function"]

# What msgspec.Meta knows.
CONSTRAINTS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")
METADATA = ("title", "examples", "openapi_examples", "json_schema_extra")
DESCRIPTION = ("description", "deprecated", "include_in_schema")


@dataclass(frozen=True, slots=True)
class ParameterMarker:
    """What `Query(...)` and its like give: where a value comes from, and what is said about it."""

    source: Source
    default: Any = NO_DEFAULT
    default_factory: Callable[[], Any] | None = None
    alias: str | None = None
    constraints: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None
    deprecated: bool = False
    include_in_schema: bool = True
    convert_underscores: bool = True
    embed: bool = False
    media_type: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DependsMarker:
    """What `Depends(...)` and `Security(...)` give; `dependency` is None for the argument's own class."""

    dependency: Callable[..., Any] | None = None
    use_cache: bool = True
    scope: Scope = "request"
    scopes: tuple[str, ...] = ()


class SecurityScopes:
    """The scopes that the `Security` markers above a dependency ask for; a dependency may take it as an argument."""

    __slots__ = ("scopes",)

    def __init__(self, scopes: Sequence[str] = ()) -> None:
        self.scopes = list(scopes)

    @property
    def scope_str(self) -> str:
        """The scopes in one text, separated by spaces, as OAuth 2 writes them."""
        return " ".join(self.scopes)

    def __repr__(self) -> str:
        return f"SecurityScopes({self.scopes!r})"


def Path(default: Any = ..., **options: Any) -> Any:  # noqa: N802 - a marker, as below
    """A parameter of the path; it has no default. Options as for `Query`."""
    if default is not ...:
        raise TypeError("Path() takes no default: a path without the parameter is another path.")
    return _marker("path", NO_DEFAULT, options)


def Query(default: Any = ..., **options: Any) -> Any:  # noqa: N802
    """A parameter of the query; a list or set takes all of its values, a class with fields takes the whole query.

    Options: `default`, `default_factory`; `alias`, the name in the request; constraints `gt`, `ge`, `lt`, `le`,
    `multiple_of`, `min_length`, `max_length`, `pattern`; for the OpenAPI document `title`, `description`, `examples`,
    `openapi_examples`, `deprecated`, `include_in_schema`, `json_schema_extra`. Raises TypeError for others.
    """
    return _marker("query", default, options)


def Header(default: Any = ..., *, convert_underscores: bool = True, **options: Any) -> Any:  # noqa: N802
    """A header: `x_token` is "x-token" unless `convert_underscores` is off. Options as for `Query`."""
    return _marker("header", default, options, convert_underscores=convert_underscores)


def Cookie(default: Any = ..., **options: Any) -> Any:  # noqa: N802
    """A cookie. Options as for `Query`."""
    return _marker("cookie", default, options)


def Body(default: Any = ..., *, embed: bool = False, media_type: str | None = None, **options: Any) -> Any:  # noqa: N802
    """The JSON body, or one name of it where there are several such arguments or with `embed`. Options as `Query`."""
    return _marker("body", default, options, embed=embed, media_type=media_type)


def Form(default: Any = ..., *, media_type: str | None = None, **options: Any) -> Any:  # noqa: N802
    """A field of a form, urlencoded or multipart; a class with fields takes the whole form. Options as for `Query`."""
    return _marker("form", default, options, media_type=media_type)


def File(default: Any = ..., *, media_type: str | None = None, **options: Any) -> Any:  # noqa: N802
    """A file of a multipart form: an `UploadFile`, its `bytes`, or a list of such. Options as for `Query`."""
    return _marker("file", default, options, media_type=media_type)


def Depends(  # noqa: N802
    dependency: Callable[..., Any] | None = None, *, use_cache: bool = True, scope: Scope = "request"
) -> Any:
    """What a function or class gives, which may have arguments as a typed function has; it is asked once per request.

    Without a dependency it is the argument's own class. A generator is left after the response was sent, or with
    `scope="function"` before that. `use_cache=False` asks it anew for this argument.
    """
    return _depends(dependency, use_cache, scope, ())


def Security(  # noqa: N802
    dependency: Callable[..., Any] | None = None,
    *,
    scopes: Sequence[str] = (),
    use_cache: bool = True,
    scope: Scope = "request",
) -> Any:
    """`Depends` that also asks for OAuth 2 scopes, which `SecurityScopes` tells the dependencies below."""
    if isinstance(scopes, str):
        raise TypeError(f"Security(scopes={scopes!r}) takes a list of scopes, such as [{scopes!r}].")
    return _depends(dependency, use_cache, scope, tuple(scopes))


def _depends(dependency: Any, use_cache: bool, scope: Scope, scopes: tuple[str, ...]) -> DependsMarker:
    if dependency is not None and not callable(dependency):
        raise TypeError(f"Depends() takes a function or a class, got {dependency!r}.")
    if scope not in get_args(Scope):
        raise ValueError(f'Depends(scope={scope!r}): it is "request" or "function".')
    return DependsMarker(dependency, use_cache, scope, scopes)


def _marker(source: Source, default: Any, options: dict[str, Any], **more: Any) -> ParameterMarker:
    given = dict(options)
    factory = given.pop("default_factory", None)
    alias = given.pop("alias", None) or given.pop("validation_alias", None)
    if "regex" in given:
        given["pattern"] = given.pop("regex")
    constraints = {name: given.pop(name) for name in CONSTRAINTS if given.get(name) is not None}
    metadata = {name: given.pop(name) for name in METADATA if given.get(name) is not None}
    described = {name: given.pop(name) for name in DESCRIPTION if given.get(name) is not None}
    for name in list(given):
        if given[name] is None and name in (*CONSTRAINTS, *METADATA, *DESCRIPTION):
            del given[name]
    if given:
        name = next(iter(given))
        known = ("default", "default_factory", "alias", *CONSTRAINTS, *METADATA, *DESCRIPTION)
        nearest = did_you_mean(name, known, listed_as="Options")
        raise TypeError(f"{source.title()}({name}=…): there is no such option. {nearest}")
    if default is not ... and factory is not None:
        raise TypeError(f"{source.title()}() takes default or default_factory, not both.")
    return ParameterMarker(
        source,
        NO_DEFAULT if default is ... else default,
        factory,
        alias,
        constraints,
        metadata=metadata,
        **described,
        **more,
    )
