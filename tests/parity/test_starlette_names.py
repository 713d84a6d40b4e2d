"""Whatever Starlette makes public is found in `vivace.web` under the same name, and is called the same way.

A parameter more, with a default, is no difference. Constants are not compared, nor what Starlette keeps in modules that
begin with an underscore.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

import pytest
import starlette

pytestmark = pytest.mark.filterwarnings("ignore:starlette.middleware.wsgi is deprecated:UserWarning")

PARSER = "is called by python-multipart, which parses for Starlette; ours parses itself"
WORKINGS = "is how Starlette does it; ours does it in another way"
MARKUP = "makes part of Starlette's error page; ours is a template"

ABSENT = {
    "formparsers.MultipartPart": WORKINGS,
    "middleware.body_limit.RequestBodyLimitResponder": WORKINGS,
    "middleware.cors.CORSMiddleware.allow_explicit_origin": WORKINGS,
    "middleware.cors.CORSMiddleware.send": WORKINGS,
    "middleware.cors.CORSMiddleware.simple_response": WORKINGS,
    "middleware.errors.ServerErrorMiddleware.format_line": MARKUP,
    "middleware.errors.ServerErrorMiddleware.generate_frame_html": MARKUP,
    "middleware.gzip.GZipResponder.compressor": WORKINGS,
    "middleware.gzip.unattached_send": WORKINGS,
    "middleware.wsgi.WSGIResponder": WORKINGS,
    "testclient.TestClient.lifespan": WORKINGS,
    "testclient.TestClient.wait_shutdown": WORKINGS,
    "testclient.TestClient.wait_startup": WORKINGS,
    **{f"formparsers.FormParser.on_field_{event}": PARSER for event in ("start", "name", "data", "end")},
    **{f"formparsers.MultiPartParser.on_part_{event}": PARSER for event in ("begin", "data", "end")},
    **{f"formparsers.MultiPartParser.on_header_{event}": PARSER for event in ("field", "value", "end")},
    **{f"formparsers.MultiPartParser.on_{event}": PARSER for event in ("headers_finished", "end")},
}
DIFFERENT = {
    "middleware.errors.ServerErrorMiddleware.generate_html": "`limit` counts frames in all, theirs lines around each",
}


def test_every_public_name_is_here() -> None:
    absent = {name for name, _ in public() if find(name) is None}
    assert {name for name in absent if name.rpartition(".")[0] not in absent} == set(ABSENT)


def test_every_public_name_is_called_the_same_way() -> None:
    different = {}
    for name, theirs in public():
        ours = find(name)
        if callable(theirs) and ours is not None and not takes_as_much(ours, theirs):
            different[name] = f"{inspect.signature(theirs)}, here {inspect.signature(ours)}"
    assert different.keys() == DIFFERENT.keys(), different


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (lambda a, b=1, *, c=2, d=3: 0, lambda a, b=1, *, c=2: 0, True),
        (lambda a, b=1, d=3: 0, lambda a, b=1: 0, True),
        (lambda a, d=3, b=1: 0, lambda a, b=1: 0, False),
        (lambda a, *, b=1: 0, lambda a, b=1: 0, False),
        (lambda a, b=2: 0, lambda a, b=1: 0, False),
        (lambda a, b=1, *, d: 0, lambda a, b=1: 0, False),
        (lambda *arguments: 0, lambda *args: 0, True),
    ],
)
def test_what_the_same_way_means(ours: Callable[..., int], theirs: Callable[..., int], same: bool) -> None:
    assert takes_as_much(ours, theirs) is same


def public() -> Iterator[tuple[str, Any]]:
    """Each public name of Starlette's, without its own in front, and what it is."""
    for module in pkgutil.walk_packages(starlette.__path__, "starlette."):
        if "._" in module.name:
            continue
        place, found = module.name.removeprefix("starlette."), importlib.import_module(module.name)
        yield place, found
        for name, value in vars(found).items():
            is_own = getattr(value, "__module__", None) == module.name
            if not name.startswith("_") and is_own and (inspect.isclass(value) or inspect.isfunction(value)):
                yield f"{place}.{name}", value
                if inspect.isclass(value):
                    yield from ((f"{place}.{name}.{member}", function) for member, function in members(value))


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class that are Starlette's own."""
    for name in dir(cls):
        owner = next((base for base in cls.__mro__ if name in vars(base)), None)
        if name.startswith("_") or owner is None or not owner.__module__.startswith("starlette."):
            continue
        value = getattr(cls, name)
        if inspect.isfunction(value) or inspect.ismethod(value) or isinstance(value, property):
            yield name, value


def find(name: str) -> Any:
    """What is called so in `vivace.web`; None when nothing is."""
    try:
        return pkgutil.resolve_name(f"vivace.web.{name}")
    except (ImportError, AttributeError):
        return None


def takes_as_much(ours: Any, theirs: Any) -> bool:
    """Whether every call that `theirs` takes means the same to `ours`."""
    if inspect.isclass(theirs) and issubclass(theirs, Enum):  # called to look a member up
        return issubclass(ours, Enum)
    try:
        expected, found = inspect.signature(theirs), inspect.signature(ours)
    except (TypeError, ValueError):  # an exception that is made as Python makes them
        return True
    wanted, there = list(expected.parameters.values()), dict(found.parameters)
    positional = [one for one in wanted if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if [one.name for one in positional] != list(there)[: len(positional)]:
        return False
    for one in wanted:
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):  # whatever it is called
            if not any(another.kind is one.kind for another in there.values()):
                return False
            continue
        same = there.pop(one.name, None)
        if same is None or same.kind is not one.kind or not is_same_default(same.default, one.default):
            return False
    is_optional = (
        one.default is not one.empty or one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in there.values()
    )
    return all(is_optional)


def is_same_default(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, tuple):
        return set(ours) == set(theirs)
    if type(theirs).__module__.startswith("starlette.") or inspect.isfunction(theirs) or inspect.isclass(theirs):
        # The environment, what stands for nothing given, a function that does nothing: theirs and ours.
        return type(ours).__name__ == type(theirs).__name__
    return bool(ours == theirs)
