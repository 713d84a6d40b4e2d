# cython: annotation_typing=False, auto_pickle=False
"""Values on their way into a page: how a template gets at them, and how they are written."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup, escape


def escaped(value: Any) -> str:
    """The text that `markupsafe.escape(value)` is, for whoever joins it to others and needs no `Markup`.

    Making one costs more than all else that is done to a text, and most have nothing to be escaped.
    """
    kind = type(value)
    if kind is str:
        if "<" in value or "&" in value or '"' in value or "'" in value or ">" in value:
            return escape(value)
        text: str = value
        return text
    if kind is int:
        return str(value)
    if kind is Markup:
        safe: str = value
        return safe
    return escape(value)


def attribute_of(environment: Any, obj: Any, attribute: str) -> Any:
    """`jinja2.Environment.getattr`: what a template calls `obj.attribute`."""
    try:
        return getattr(obj, attribute)
    except AttributeError:
        pass
    try:
        return obj[attribute]
    except (TypeError, LookupError, AttributeError):
        return environment.undefined(obj=obj, name=attribute)
