"""`Index`, as declared in `Meta.indexes`. What it becomes in SQL is `schema`'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from vivace.orm.constraints import check_parts
from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.expressions.base import F
from vivace.orm.expressions.conditions import Q


class Index:
    """An index over `fields` ("-name" for descending) or expressions, of those rows that meet `condition`, if given.

    `include` names columns that an index-only scan finds in it besides, `opclasses` how PostgreSQL compares. As in
    https://docs.djangoproject.com/en/5.2/ref/models/indexes/. Raises ModelDefinitionError for what cannot be.
    """

    suffix: ClassVar[str] = "idx"
    method: ClassVar[str | None] = None
    """PostgreSQL's name of the kind of index; None for the usual one, a B-tree."""

    def __init__(
        self,
        *expressions: Any,
        fields: Sequence[str] = (),
        name: str | None = None,
        db_tablespace: str | None = None,
        opclasses: Sequence[str] = (),
        condition: Q | None = None,
        include: Sequence[str] | None = None,
    ) -> None:
        what = f"{type(self).__name__} {name or ''}".rstrip()
        check_parts(what, expressions, fields, condition, opclasses, include)
        given = {"opclasses": opclasses, "a condition": condition, "expressions": expressions, "include": include}
        for option, value in given.items():
            if value and not name:
                raise ModelDefinitionError(f"An index with {option} needs a name")
        self.expressions = tuple(F(each) if isinstance(each, str) else each for each in expressions)
        self.fields, self.name, self.db_tablespace = tuple(fields), name, db_tablespace
        self.condition, self.include, self.opclasses = condition, tuple(include or ()), tuple(opclasses)

    @property
    def contains_expressions(self) -> bool:
        """Whether it is over expressions rather than fields."""
        return bool(self.expressions)

    @property
    def fields_orders(self) -> list[tuple[str, str]]:
        """Each field's name with "DESC" or ""."""
        return [(name.removeprefix("-"), "DESC" if name.startswith("-") else "") for name in self.fields]

    def parameters(self) -> Mapping[str, Any]:
        """PostgreSQL's storage parameters of the index (`WITH (…)`)."""
        return {}

    def named(self, words: dict[str, str]) -> Index:
        """The index as a model inherits it: `%(app_label)s` and `%(class)s` in the name filled in."""
        if self.name is None or "%(" not in self.name:
            return self
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made.name = self.name % words
        return made

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), self.name, self.fields))

    def __repr__(self) -> str:
        options = " ".join(f"{name}={value!r}" for name, value in vars(self).items() if value not in (None, ()))
        return f"<{type(self).__name__}: {options}>"
