"""Puts the questions of `makemigrations` to the person at the terminal."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from vivace.orm.migrations import Question


def ask(question: Question) -> Any:
    """The answer; without a terminal the one for when there is nobody to ask."""
    from vivace.orm.migrations.questions import ExistingRows, nobody

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return nobody(question)
    if not isinstance(question, ExistingRows):
        return click.confirm(str(question))
    nothing = "there are no rows" if question.added else "no row has a null"
    click.echo(str(question))
    return click.prompt(
        f"A Python value, such as 0 or 'text' (empty: {nothing})", default="", show_default=False, value_proc=_literal
    )


def _literal(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise click.UsageError(f"{text} is not a Python literal; write text in quotes.") from None
