"""Models as plain data, random edits of them, and the models they make."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

from vivace.orm import models
from vivace.orm.functions import Lower, Now

APPS = ("shop", "staff")
NAMES = ("Book", "Shelf", "Tag", "Order")
FIELDS = ("title", "order", "size", "key", "Mixed", "seen")
LINKS = ("parent", "owner")
ACTIONS: dict[str, Any] = {
    "cascade": models.CASCADE,
    "set_null": models.SET_NULL,
    "protect": models.PROTECT,
    "db_cascade": models.DB_CASCADE,
}
# Each kind: how the field is made, a database default, a value for rows that exist.
KINDS: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "char": (lambda **options: models.CharField(max_length=40, **options), "it's :a\\b%", "7"),
    "long": (lambda **options: models.CharField(max_length=200, **options), "", "7"),
    "text": (models.TextField, "100%s", "7"),
    "integer": (models.IntegerField, 7, 7),
    "big": (models.BigIntegerField, -1, 7),
    "positive": (models.PositiveIntegerField, 0, 7),
    "price": (lambda **options: models.DecimalField(max_digits=10, decimal_places=2, **options), Decimal("1.5"), 7),
    "flag": (models.BooleanField, True, True),
    "day": (models.DateField, dt.date(2026, 1, 2), dt.date(2026, 1, 2)),
    "moment": (models.DateTimeField, Now(), dt.datetime(2026, 1, 2, tzinfo=dt.UTC)),
    "data": (models.JSONField, {"a": ":b"}, {"a": 1}),
    "uuid": (models.UUIDField, uuid.UUID(int=7), uuid.UUID(int=7)),
    "float": (models.FloatField, 0.5, 7.0),
}
# Primary keys, each with the value of a row's. Between them values can be converted, both ways.
KEYS: dict[str, tuple[Callable[..., Any], Any]] = {
    "auto": (models.AutoField, 7),
    "big auto": (models.BigAutoField, 7),
    "integer": (models.IntegerField, 7),
    "char": (lambda **options: models.CharField(max_length=40, **options), "7"),
    "long": (lambda **options: models.CharField(max_length=60, **options), "7"),
}
# Between kinds of a family values can be converted, both ways.
FAMILIES = (("char", "long", "text"), ("integer", "big", "positive", "price", "float"))
TEXTS = ("char", "long", "text")
NUMBERS = ("integer", "big", "positive", "price")
UNINDEXED = ("text", "data")  # on MySQL


@dataclass(frozen=True)
class FieldSpec:
    kind: str
    null: bool = False
    has_default: bool = False
    unique: bool = False
    index: bool = False
    comment: str | None = None

    def build(self) -> Any:
        options: dict[str, Any] = {"null": self.null, "unique": self.unique, "db_index": self.index}
        if self.has_default:
            options["db_default"] = KINDS[self.kind][1]
        if self.comment:
            options["db_comment"] = self.comment
        return KINDS[self.kind][0](**options)

    def without_index(self) -> FieldSpec:
        """Without what MySQL cannot do."""
        return replace(self, unique=False, index=False) if self.kind in UNINDEXED else self


@dataclass(frozen=True)
class LinkSpec:
    kind: str
    target: str
    action: str = "cascade"
    constraint: bool = True

    def build(self, name: str) -> Any:
        if self.kind == "many":
            return models.ManyToManyField(self.target, related_name=f"{name}+")
        made = models.OneToOneField if self.kind == "one" else models.ForeignKey
        return made(
            self.target,
            on_delete=ACTIONS[self.action],
            null=True,
            related_name="+",
            db_constraint=self.constraint,
        )


@dataclass(frozen=True)
class ModelSpec:
    name: str
    app: str
    fields: dict[str, FieldSpec] = field(default_factory=dict)
    links: dict[str, LinkSpec] = field(default_factory=dict)
    # Names of indexes and constraints, each with what it is over.
    meta: dict[str, tuple[str, str]] = field(default_factory=dict)
    comment: str | None = None
    table: str | None = None
    key: str = "big auto"

    @property
    def label(self) -> str:
        return f"{self.app}.{self.name}"


Version = dict[str, ModelSpec]


def build(version: Version) -> list[type[models.Model]]:
    """The models of a version, in the registry that is current."""
    made: list[type[models.Model]] = []
    for spec in version.values():
        options: dict[str, Any] = {"app_label": spec.app, "indexes": [], "constraints": []}
        if spec.comment:
            options["db_table_comment"] = spec.comment
        if spec.table:
            options["db_table"] = spec.table
        for name, (kind, column) in spec.meta.items():
            _add_to_meta(options, kind, name, column, spec.fields[column].kind)
        attributes: dict[str, Any] = {"__module__": __name__, "Meta": type("Meta", (), options)}
        attributes["id"] = KEYS[spec.key][0](primary_key=True)
        attributes |= {name: each.build() for name, each in spec.fields.items()}
        attributes |= {name: each.build(f"{spec.app}_{spec.name}_{name}") for name, each in spec.links.items()}
        for name, (kind, column) in spec.meta.items():
            if kind == "generated":
                attributes[f"{name}_twice"] = models.GeneratedField(
                    expression=models.F(column) * 2,
                    output_field=models.BigIntegerField(),
                    db_persist=True,
                )
        made.append(type(spec.name, (models.Model,), attributes))
    return made


def _add_to_meta(options: dict[str, Any], kind: str, name: str, column: str, column_kind: str) -> None:
    is_text = column_kind in TEXTS
    greater: dict[str, Any] = {f"{column}__gt": "a:'" if is_text else 0}
    equal: dict[str, Any] = {column: "x\\" if is_text else 9}
    condition = models.Q(**greater)
    if kind == "index":
        options["indexes"].append(models.Index(fields=[f"-{column}"], name=name))
    elif kind == "partial":
        options["indexes"].append(models.Index(fields=[column], name=name, condition=condition))
    elif kind == "expression":
        expression = Lower(column) if is_text else models.F(column) + 1
        options["indexes"].append(models.Index(expression, name=name))
    elif kind == "unique":
        options["constraints"].append(models.UniqueConstraint(fields=[column, "id"], name=name))
    elif kind == "unique_partial":
        options["constraints"].append(models.UniqueConstraint(fields=[column], name=name, condition=condition))
    elif kind == "deferred":
        options["constraints"].append(
            models.UniqueConstraint(fields=[column, "id"], name=name, deferrable=models.Deferrable.DEFERRED)
        )
    elif kind == "check":
        options["constraints"].append(models.CheckConstraint(condition=~models.Q(**equal), name=name))


META_KINDS = ("index", "partial", "expression", "unique", "unique_partial", "deferred", "check", "generated")


class Walk:
    """A version of the models that changes by random edits, and knows which of them were renames."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.version: Version = {}
        self.renamed: set[tuple[str, str]] = set()
        self.said: list[str] = []
        self._count = 0
        self._names: set[str] = set()

    def step(self) -> Version:
        """The next version, a few edits on."""
        self.renamed.clear()
        # Another field under a name that was there is a change of type, and not all values can be converted.
        self._names = {name for spec in self.version.values() for name in spec.fields}
        for _ in range(self.random.randint(1, 4)):
            edit = self.random.choice(self.edits)
            before = deepcopy(self.version)
            edit(self)
            self._tidy()
            if self.version != before:
                self.said.append(edit.__name__.strip("_"))
        self.said.append("|")
        return dict(self.version)

    def _tidy(self) -> None:
        """Take out what refers to what is gone."""
        for name, spec in self.version.items():
            labels = {each.label for each in self.version.values()}
            links = {key: link for key, link in spec.links.items() if link.target in labels}
            meta = {
                key: (kind, column)
                for key, (kind, column) in spec.meta.items()
                if column in spec.fields and _fits(kind, spec.fields[column])
            }
            fields = {key: each.without_index() for key, each in spec.fields.items()}
            self.version[name] = replace(spec, links=links, meta=meta, fields=fields)

    def _any(self) -> ModelSpec | None:
        return self.random.choice(list(self.version.values())) if self.version else None

    def _field(self) -> FieldSpec:
        random = self.random
        return FieldSpec(
            kind=random.choice(sorted(KINDS)),
            null=random.random() < 0.4,
            has_default=random.random() < 0.4,
            unique=random.random() < 0.2,
            index=random.random() < 0.2,
            comment=random.choice([None, 'it\'s a "comment": 100%\\']),
        )

    def _put(self, spec: ModelSpec) -> None:
        self.version[spec.name] = spec

    # --- the edits

    def _add_model(self) -> None:
        name = self.random.choice(NAMES)
        if name not in self.version:
            fields = {self.random.choice(FIELDS): self._field() for _ in range(2)}
            self._put(ModelSpec(name, self.random.choice(APPS), fields))

    def _remove_model(self) -> None:
        if len(self.version) > 1:
            self.version.pop(self.random.choice(sorted(self.version)))

    def _rename_model(self) -> None:
        spec, new = self._any(), self.random.choice(NAMES)
        if spec is None or new in self.version or spec.table or any(old in spec.label for old, _ in self.renamed):
            return
        self.version.pop(spec.name)
        renamed = replace(spec, name=new)
        self._put(renamed)
        self.renamed.add((f"{spec.app}_{spec.name.lower()}", f"{spec.app}_{new.lower()}"))
        for each in list(self.version.values()):
            links = {
                key: replace(link, target=renamed.label) if link.target == spec.label else link
                for key, link in each.links.items()
            }
            self._put(replace(each, links=links))

    def _add_field(self) -> None:
        spec, name = self._any(), self.random.choice(FIELDS)
        if spec is not None and name not in spec.fields and name not in self._names:
            self._put(replace(spec, fields={**spec.fields, name: self._field()}))

    def _remove_field(self) -> None:
        spec = self._any()
        if spec is not None and spec.fields:
            name = self.random.choice(sorted(spec.fields))
            self._put(replace(spec, fields={key: each for key, each in spec.fields.items() if key != name}))

    def _rename_field(self) -> None:
        spec, new = self._any(), self.random.choice(FIELDS)
        if spec is None or not spec.fields or new in spec.fields:
            return
        old = self.random.choice(sorted(spec.fields))
        self.renamed.add((old, new))
        fields = {new if key == old else key: each for key, each in spec.fields.items()}
        meta = {name: (kind, new if column == old else column) for name, (kind, column) in spec.meta.items()}
        self._put(replace(spec, fields=fields, meta=meta))

    def _alter_field(self) -> None:
        spec = self._any()
        if spec is None or not spec.fields:
            return
        name = self.random.choice(sorted(spec.fields))
        other, old = self._field(), spec.fields[name]
        if not any({other.kind, old.kind} <= set(family) for family in FAMILIES):
            other = replace(other, kind=old.kind)
        self._put(replace(spec, fields={**spec.fields, name: other}))

    def _replace_field(self) -> None:
        """Another kind of value altogether: the old column goes."""
        self._remove_field()
        self._add_field()

    def _add_link(self) -> None:
        spec, target = self._any(), self._any()
        if spec is not None and target is not None:
            link = LinkSpec(
                self.random.choice(["key", "key", "one", "many"]),
                target.label,
                self.random.choice(sorted(ACTIONS)),
                True,
            )
            if self.random.random() < 0.1:
                link = replace(link, constraint=False, action="cascade")
            self._put(replace(spec, links={**spec.links, self.random.choice(LINKS): link}))

    def _remove_link(self) -> None:
        spec = self._any()
        if spec is not None and spec.links:
            name = self.random.choice(sorted(spec.links))
            self._put(replace(spec, links={key: each for key, each in spec.links.items() if key != name}))

    def _add_meta(self) -> None:
        spec = self._any()
        if spec is None or not spec.fields:
            return
        column = self.random.choice(sorted(spec.fields))
        kind = self.random.choice(META_KINDS)
        if _fits(kind, spec.fields[column]):
            self._count += 1
            self._put(replace(spec, meta={**spec.meta, f"m{self._count}": (kind, column)}))

    def _remove_meta(self) -> None:
        spec = self._any()
        if spec is not None and spec.meta:
            name = self.random.choice(sorted(spec.meta))
            self._put(replace(spec, meta={key: each for key, each in spec.meta.items() if key != name}))

    def _rename_meta(self) -> None:
        spec = self._any()
        if spec is not None and spec.meta:
            self._count += 1
            name = self.random.choice(sorted(spec.meta))
            if spec.meta[name][0] == "generated":
                return
            self._put(
                replace(spec, meta={f"m{self._count}" if key == name else key: each for key, each in spec.meta.items()})
            )

    def _comment(self) -> None:
        spec = self._any()
        if spec is not None:
            self._put(replace(spec, comment=None if spec.comment else "It's a table: 100%"))

    def _table(self) -> None:
        spec = self._any()
        if spec is not None and not any(old.startswith(spec.app) for old, _ in self.renamed):
            default = f"{spec.app}_{spec.name.lower()}"
            new = None if spec.table else f"the {spec.name}"
            self.renamed.add((spec.table or default, new or default))
            self._put(replace(spec, table=new))

    def _alter_key(self) -> None:
        spec = self._any()
        if spec is not None:
            self._put(replace(spec, key=self.random.choice(sorted(KEYS))))

    edits: tuple[Callable[[Walk], None], ...] = (
        _add_model,
        _add_model,
        _remove_model,
        _rename_model,
        _add_field,
        _add_field,
        _remove_field,
        _rename_field,
        _alter_field,
        _alter_field,
        _alter_field,
        _replace_field,
        _add_link,
        _add_link,
        _remove_link,
        _add_meta,
        _add_meta,
        _add_meta,
        _remove_meta,
        _rename_meta,
        _comment,
        _table,
        _alter_key,
        _alter_key,
    )


def _fits(kind: str, spec: FieldSpec) -> bool:
    """Whether such an index or constraint can be over such a column, on every database."""
    if spec.kind in UNINDEXED:
        return False
    if kind == "generated":
        return spec.kind in ("integer", "big", "positive")
    if kind in ("partial", "unique_partial", "expression", "check"):
        return spec.kind in TEXTS or spec.kind in NUMBERS
    return True
