"""The environment renders what Jinja's own renders, whatever the template does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import pytest
from markupsafe import Markup

from vivace.web.templating import Environment, Jinja2Templates

HOSTILE = "<script>alert(\"a\" & 'b')</script>"


class Shown:
    """An object with a text, an HTML form, attributes and keys."""

    plain = HOSTILE

    def __html__(self) -> str:
        return "<b>shown</b>"

    def __getitem__(self, key: str) -> str:
        if key == "key":
            return "<by key>"
        raise KeyError(key)


class Text(str):
    """A text of a class of its own."""

    __slots__ = ()


class Hostile:
    def __str__(self) -> str:
        return HOSTILE


VALUES: Mapping[str, Any] = {
    "text": HOSTILE,
    "safe_text": "nothing to escape: é — 漢",
    "markup": Markup("<i>already</i>"),
    "own_text": Text(HOSTILE),
    "number": -5,
    "true": True,
    "real": 1.5,
    "none": None,
    "shown": Shown(),
    "hostile": Hostile(),
    "listed": [HOSTILE, 2],
}
PAGES = {
    "base.html": "<title>{% block title %}{{ text }}{% endblock %}</title>{% block body %}{% endblock %}",
    "macros.html": "{% macro link(name) %}<a>{{ name }}{{ caller() if caller }}</a>{% endmacro %}",
    "part.html": "[{{ text }}{{ local }}]",
}
TEMPLATES = [
    *[
        f"{{{{ {name} }}}}"
        for name in (*VALUES, "missing", "shown.plain", "shown.key", "shown.nothing", "text.nothing")
    ],
    "{{ '<constant>' }}{{ 1 }}<p>",
    "{{ text|upper }}{{ text|safe }}{{ text|e }}{{ listed|join('<') }}{{ text|striptags }}",
    "{{ text ~ markup }}{{ markup + text }}{{ '%s' % text }}",
    "{% for each in listed %}{{ loop.index }}{{ each }}{% else %}none{% endfor %}",
    "{% set found %}<p>{{ text }}</p>{% endset %}{{ found }}{{ found|length }}",
    "{% filter upper %}{{ text }}<p>{% endfilter %}",
    "{% autoescape false %}{{ text }}{% endautoescape %}{% autoescape true %}{{ text }}{% endautoescape %}",
    "{% autoescape number > 0 %}{{ text }}{% endautoescape %}",
    "{% extends 'base.html' %}{% block title %}{{ super() }}{% endblock %}{% block body %}{{ text }}{% endblock %}",
    "{% import 'macros.html' as macros %}{{ macros.link(text) }}{% call macros.link(markup) %}{{ text }}{% endcall %}",
    "{% from 'macros.html' import link with context %}{{ link(hostile) }}",
    "{% set local = text %}{% include 'part.html' %}{% include 'part.html' without context %}",
    "{{ everywhere }}{{ range(3)|list }}{{ dict(a=text) }}{{ text.upper() }}",
    "{% set space = namespace(text=text) %}{{ space.text }}",
]


def environments(**options: Any) -> list[jinja2.Environment]:
    made = [make(loader=jinja2.DictLoader(PAGES), **options) for make in (jinja2.Environment, Environment)]
    for each in made:
        each.globals["everywhere"] = HOSTILE
    return made


def outcome(environment: jinja2.Environment, template: str, **globals_: Any) -> str:
    try:
        return environment.from_string(template, globals=globals_).render(VALUES)
    except jinja2.TemplateError as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize(
    "options",
    [
        {"autoescape": True},
        {"autoescape": False},
        {"autoescape": lambda name: name is not None},
        {"autoescape": True, "undefined": jinja2.StrictUndefined},
        {"autoescape": True, "undefined": jinja2.ChainableUndefined},
        {"autoescape": True, "finalize": lambda value: "<nothing>" if value is None else value},
        {"autoescape": True, "extensions": ["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols"]},
        {"autoescape": True, "optimized": False},
    ],
)
@pytest.mark.parametrize("template", TEMPLATES)
def test_pages_are_those_of_jinja(options: Mapping[str, Any], template: str) -> None:
    plain, ours = environments(**options)
    assert outcome(ours, template) == outcome(plain, template)


@pytest.mark.anyio
@pytest.mark.parametrize("template", TEMPLATES)
async def test_pages_of_async_environments_are_those_of_jinja(template: str) -> None:
    pages = [
        await each.from_string(template).render_async(VALUES)
        for each in environments(autoescape=True, enable_async=True)
    ]
    assert pages[0] == pages[1]


def test_a_template_sees_its_own_globals_before_those_of_the_environment_as_they_are_now() -> None:
    plain, ours = environments(autoescape=True)
    for environment in (plain, ours):
        template = environment.from_string("{{ everywhere }} {{ later }} {{ given }}", globals={"given": 1})
        environment.globals["later"] = "now"
        template.globals["everywhere"] = "mine"
        assert template.render() == "mine now 1"
        assert template.render(given=2) == "mine now 2"
        assert environment.globals["everywhere"] == HOSTILE


def test_a_bytecode_cache_may_be_shared_with_an_environment_of_jinja(tmp_path: Path) -> None:
    cache = jinja2.FileSystemBytecodeCache(str(tmp_path))
    pages = [
        each.get_template("part.html").render(VALUES)
        for each in reversed(environments(autoescape=True, bytecode_cache=cache))
    ]
    assert len(list(tmp_path.iterdir())) == 1
    assert pages[0] == pages[1]


def test_an_error_names_the_line_of_the_template() -> None:
    _, ours = environments(autoescape=True)
    template = ours.from_string("one\ntwo\n{{ 1 / none }}")
    with pytest.raises(TypeError) as caught:
        template.render(VALUES)
    assert caught.traceback[-1].lineno == 2


def test_an_overlay_is_one_of_ours() -> None:
    overlay = Environment(autoescape=True).overlay(autoescape=False)
    assert isinstance(overlay, Environment)
    assert overlay.from_string("{{ text }}").render(VALUES) == HOSTILE


def test_templates_of_a_directory_are_rendered_by_it(tmp_path: Path) -> None:
    assert isinstance(Jinja2Templates(tmp_path).env, Environment)
