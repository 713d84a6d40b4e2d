"""What a model gives a field that nobody set, as the answer for rows that exist already."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from vivace.orm.migrations.questions import Ask, ExistingRows, Question
from vivace.orm.registry import registry

_NOTHING = object()


def with_model_defaults(ask: Ask, metadata: sa.MetaData) -> Ask:
    """`ask`, but asked only about fields that have no default. A default that is a function is called once."""

    def answer(question: Question) -> Any:
        if isinstance(question, ExistingRows):
            found = _default(metadata, question)
            if found is not _NOTHING:
                return found
        return ask(question)

    return answer


def _default(metadata: sa.MetaData, question: ExistingRows) -> Any:
    label = metadata.tables[question.table].info.get("model")
    try:
        model = registry.get_model(label) if label else None
    except LookupError:
        model = None
    if model is None:
        return _NOTHING
    for field in model._meta.concrete_fields:
        if field.column == question.column and field.has_default():
            default = field.get_default()
            return _NOTHING if default is None else default
    return _NOTHING
