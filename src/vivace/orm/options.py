"""`Model._meta`: what is known about a model, with Django's names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy

from vivace.orm.constraints import BaseConstraint
from vivace.orm.database_features import has_feature, vendor_of
from vivace.orm.exceptions import FieldDoesNotExist, ModelDefinitionError
from vivace.orm.fetch_modes import FetchMode
from vivace.orm.fields.base import Field
from vivace.orm.fields.foreign_keys import ForeignKey, OneToOneField
from vivace.orm.fields.many_to_many import ManyToManyField
from vivace.orm.fields.relation import Relation
from vivace.orm.fields.version import VersionField
from vivace.orm.fields.virtual import VirtualField
from vivace.orm.indexes import Index
from vivace.orm.registry import registry
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.manager import Manager

META_OPTIONS = {
    "abstract": False,
    "app_label": None,
    "base_manager_name": None,
    "constraints": (),
    "db_table": None,
    "db_table_comment": None,
    "db_tablespace": None,
    "default_manager_name": None,
    "default_permissions": ("add", "change", "delete", "view"),
    "default_related_name": None,
    "fetch_mode": None,
    "get_latest_by": None,
    "indexes": (),
    "managed": True,
    "order_with_respect_to": None,
    "ordering": (),
    "permissions": (),
    "proxy": False,
    "required_db_features": (),
    "required_db_vendor": None,
    "select_on_save": False,
    "swappable": None,
    "unique_together": (),
    "verbose_name": None,
    "verbose_name_plural": None,
}


class Options:
    """The facts about one model: its fields, relations, table and words."""

    abstract: bool
    base_manager_name: str | None
    db_table: str
    db_table_comment: str | None
    db_tablespace: str | None
    default_manager_name: str | None
    default_permissions: Sequence[str]
    default_related_name: str | None
    fetch_mode: FetchMode | None
    get_latest_by: str | Sequence[str] | None
    managed: bool
    order_with_respect_to: str | None
    ordering: Sequence[Any]
    permissions: Sequence[tuple[str, str]]
    proxy: bool
    required_db_features: Sequence[str]
    required_db_vendor: str | None
    select_on_save: bool
    swappable: str | None
    verbose_name: str
    verbose_name_plural: str
    constraints: list[BaseConstraint]
    indexes: list[Index]
    unique_together: list[tuple[str, ...]]
    _pk: Any
    auto_created: type[Model] | None = None
    plain_manager: Manager[Any]
    """A `Manager` to make others of; set by the metaclass, which may import it."""
    has_own_from_db = False
    """Whether rows become instances by a `from_db()` of the model's own."""
    proxy_for_model: type[Model] | None = None
    concrete_model: type[Model]
    """The model whose table holds the rows: the model itself, unless it is a proxy."""

    def __init__(self, name: str, module: str, declared: dict[str, Any]) -> None:
        unknown = [option for option in declared if option not in META_OPTIONS]
        if unknown:
            raise ModelDefinitionError(
                f'{name}.Meta has no option "{unknown[0]}". '
                f"{did_you_mean(unknown[0], META_OPTIONS, listed_as='Options')}"
            )
        self.declared = declared
        for option, default in META_OPTIONS.items():
            setattr(self, option, declared.get(option, default))
        if self.fetch_mode is not None and not isinstance(self.fetch_mode, FetchMode):
            raise ModelDefinitionError(
                f"{name}.Meta.fetch_mode is FETCH_ONE, FETCH_PEERS or FETCH_RAISE, got {self.fetch_mode!r}"
            )
        self.object_name, self.model_name = name, name.lower()
        self.app_label: str = declared.get("app_label") or registry.label_of(module)
        self.db_table = self.db_table or f"{self.app_label}_{self.model_name}"
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name).lower()
        self.verbose_name = self.verbose_name or words
        self.verbose_name_plural = self.verbose_name_plural or f"{self.verbose_name}s"
        named = {"app_label": self.app_label, "class": self.model_name}
        self.constraints = [constraint.named(named) for constraint in self.constraints]
        self.indexes = [index.named(named) for index in self.indexes]
        self.unique_together = _groups(declared.get("unique_together", ()))
        self.local_fields: list[Field[Any]] = []
        """The columns of the model's own table; an ancestor's columns are in the ancestor's."""
        self.local_many_to_many: list[ManyToManyField[Any]] = []
        self.private_fields: list[VirtualField] = []
        self.parents: dict[type[Model], OneToOneField[Any] | None] = {}
        """The models with tables that this one is derived from, with the link to each; a proxy has none."""
        self.links: dict[type[Model], OneToOneField[Any]] = {}
        """The parents that hold a part of each row, with the link to it; empty unless rows are in several tables."""
        self._relations: list[Relation] = []
        self._ways_back: dict[str, Any] = {}
        """What generic relations of other models are called in lookups here."""
        self.managers: dict[str, Manager[Any]] = {}
        self.local_managers: dict[str, Manager[Any]] = {}
        """The managers that the model's own body declares."""

    @property
    def swapped(self) -> str | None:
        """The label of the model that stands in this one's place, by the setting that `Meta.swappable` names."""
        if self.swappable is None:
            return None
        label = registry.swaps.get(self.swappable)
        return None if label is None or label.lower() == self.key.lower() else label

    def contribute(self, model: type[Model]) -> None:
        """Ties the facts to the class they are about."""
        self.model = self.concrete_model = model

    @property
    def label(self) -> str:
        """`"blog.Book"`."""
        return f"{self.app_label}.{self.object_name}"

    @property
    def label_lower(self) -> str:
        """`"blog.book"`."""
        return self.key

    @property
    def key(self) -> str:
        """The key in the registry."""
        return f"{self.app_label}.{self.model_name}"

    # Fields

    @property
    def pk(self) -> Field[Any]:
        """The primary key."""
        key: Field[Any] = self._pk
        return key

    @property
    def pk_fields(self) -> tuple[Field[Any], ...]:
        """The columns of the primary key: one, or those of a composite one."""
        pk = self._pk
        return pk.fields if pk.shares_key and not pk.concrete else (pk,)

    def set_composite_key(self, key: Field[Any]) -> None:
        """Makes a key of several columns the primary key."""
        self._pk = key

    def add_field(self, field: Field[Any]) -> None:
        """Takes in a bound field; called by the metaclass in order."""
        if isinstance(field, ManyToManyField):
            self.local_many_to_many.append(field)
            return
        self.local_fields.append(field)
        if field.primary_key:
            self._pk = field

    def add_relation(self, relation: Relation) -> None:
        """Takes in a relation that points here, and puts its attribute on the class."""
        self._relations = [
            known
            for known in self._relations
            if (known.field.model._meta.key, known.field.name) != (relation.field.model._meta.key, relation.field.name)
        ]
        self._relations.append(relation)
        self._forget_names()
        self.model._add_reverse(relation)

    def add_way_back(self, way: Any) -> None:
        """Takes in the name that a generic relation has here. Raises ModelDefinitionError when it is taken."""
        known = self._ways_back.get(way.name)
        if known is not None and issubclass(way.related_model, known.related_model):
            # A relation that is inherited: the name means the model that declares it.
            return
        is_redefined = known is not None and known.related_model._meta.key == way.related_model._meta.key
        if way.name in self.names and not is_redefined:
            raise ModelDefinitionError(
                f'{way.related_model._meta.label}.{way.forward.name}: its related_query_name "{way.name}" is taken on '
                f"{self.label}. Choose another."
            )
        self._ways_back[way.name] = way
        self._forget_names()

    def _forget_names(self) -> None:
        """What a lookup may name has changed, here and in the models derived from this one."""
        self.__dict__.pop("names", None)
        for below in type.__subclasses__(self.model):
            if "_meta" in below.__dict__:
                below._meta._forget_names()

    def known_relations(self) -> tuple[Sequence[Relation], Mapping[str, Any]]:
        """The relations that point to the model's own table now, for `forget_relations_but`."""
        return self.local_related_objects, dict(self.concrete_model._meta._ways_back)

    def forget_relations_but(self, known: Sequence[Relation], ways_back: Mapping[str, Any]) -> None:
        """Takes back the relations that were added since `known`, with their attributes; for isolated tests."""
        for relation in self._relations:
            accessor = relation.accessor
            if relation not in known and accessor is not None and accessor in self.model.__dict__:
                type.__delattr__(self.model, accessor)
        self._relations, self._ways_back = list(known), dict(ways_back)
        self._forget_names()

    @cached_property
    def concrete_fields(self) -> tuple[Field[Any], ...]:
        """The fields with a column, in the order of declaration, inherited ones first."""
        inherited = (field for parent in self.parents for field in parent._meta.concrete_fields)
        return tuple(dict.fromkeys([*inherited, *self.local_fields]))

    @cached_property
    def many_to_many(self) -> tuple[ManyToManyField[Any], ...]:
        """The many-to-many fields, inherited ones first."""
        inherited = (field for parent in self.parents for field in parent._meta.many_to_many)
        return tuple(dict.fromkeys([*inherited, *self.local_many_to_many]))

    @cached_property
    def initial_fields(self) -> tuple[Field[Any], ...]:
        """The columns that a new object has values for: all but those that the database computes."""
        return tuple(field for field in self.concrete_fields if not field.generated)

    @cached_property
    def fields_to_prepare(self) -> tuple[Any, ...]:
        """The fields that have something to wait for before an object is saved: files, places in an order."""
        return tuple(field for field in self.concrete_fields if hasattr(field, "before_save"))

    @cached_property
    def db_returning_fields(self) -> tuple[Field[Any], ...]:
        """The columns that an INSERT may have to read back: automatic keys, `db_default` and generated ones."""
        return tuple(field for field in self.concrete_fields if field.db_returning)

    @cached_property
    def generated_names(self) -> tuple[str, ...]:
        """The attributes that the database computes, anew with every UPDATE."""
        return tuple(field.attname for field in self.concrete_fields if field.generated)

    @cached_property
    def version_field(self) -> VersionField | None:
        """The field by which save() notices that somebody else has changed the row."""
        return next((field for field in self.concrete_fields if isinstance(field, VersionField)), None)

    @property
    def fields(self) -> tuple[Field[Any], ...]:
        """As in Django: all forward fields but many-to-many."""
        return self.concrete_fields

    @property
    def related_objects(self) -> tuple[Relation, ...]:
        """The relations that point here or to an ancestor, hidden ones left out."""
        return tuple(relation for relation in self.all_related_objects if not relation.hidden)

    @property
    def all_related_objects(self) -> tuple[Relation, ...]:
        """The relations that point here or to an ancestor, hidden ones too; not an ancestor's links to its children."""
        if not self.parents:
            return tuple(self._relations)
        inherited = [
            relation
            for parent in self.parents
            for relation in parent._meta.all_related_objects
            if self.proxy or not relation.parent_link
        ]
        return tuple(dict.fromkeys([*inherited, *self._relations]))

    @property
    def local_related_objects(self) -> tuple[Relation, ...]:
        """The relations that point to the model's own table."""
        return tuple(self.concrete_model._meta._relations)

    @cached_property
    def by_attname(self) -> dict[str, Field[Any]]:
        """Columns by the attribute that holds them (`author_id`)."""
        return {field.attname: field for field in self.concrete_fields}

    @cached_property
    def forward(self) -> dict[str, Field[Any]]:
        """Fields by name and by attribute, many-to-many too."""
        named: dict[str, Field[Any]] = {field.name: field for field in (*self.concrete_fields, *self.many_to_many)}
        return named | {field.attname: field for field in self.concrete_fields}

    @cached_property
    def names(self) -> dict[str, Field[Any] | Relation]:
        """Everything a lookup may name: fields, their attributes, and relations that point here."""
        named: dict[str, Field[Any] | Relation] = {relation.name: relation for relation in self.all_related_objects}
        private = {field.name: field.relation for field in self.private_fields if field.relation is not None}
        return named | self.ways_back | private | self.forward

    @property
    def ways_back(self) -> dict[str, Any]:
        """What generic relations to this model, or to an ancestor, are called in lookups (`related_query_name`)."""
        return {name: way for parent in self.parents for name, way in parent._meta.ways_back.items()} | self._ways_back

    @cached_property
    def settable(self) -> frozenset[str]:
        """The names that the constructor takes."""
        return frozenset([*self.by_attname, *(field.name for field in self.concrete_fields), "pk"])

    def get_field(self, name: str) -> Field[Any] | Relation:
        """The field or reverse relation of that name. Raises FieldDoesNotExist with the nearest name."""
        found = self.names.get(name)
        if found is None:
            raise FieldDoesNotExist(
                f'{self.object_name} has no field "{name}". {did_you_mean(name, self.field_names, listed_as="Fields")}'
            )
        return found

    def get_fields(self) -> list[Field[Any] | Relation]:
        """Forward fields, many-to-many fields, then relations that point here."""
        return [*self.concrete_fields, *self.many_to_many, *self.related_objects]

    @property
    def field_names(self) -> list[str]:
        """The names to list in errors."""
        return sorted(
            {field.name for field in (*self.concrete_fields, *self.many_to_many)}
            | {relation.name for relation in self.related_objects}
        )

    def links_to(self, ancestor: type[Model]) -> tuple[OneToOneField[Any], ...]:
        """The parent links from a row of this model to the part of it that is in an ancestor's table."""
        found = self._links_to.get(ancestor)
        if found is None:
            found = self._links_to[ancestor] = self._find_links(ancestor._meta.concrete_model) or ()
        return found

    @cached_property
    def _links_to(self) -> dict[type[Model], tuple[OneToOneField[Any], ...]]:
        return {}

    def _find_links(self, ancestor: type[Model]) -> tuple[OneToOneField[Any], ...] | None:
        if ancestor is self.concrete_model:
            return ()
        for parent, link in self.links.items():
            above = parent._meta._find_links(ancestor)
            if above is not None:
                return (link, *above)
        return None

    @property
    def tables(self) -> tuple[type[Model], ...]:
        """The models whose tables hold a row of this one, each behind those that it links to."""
        above = (model for parent in self.links for model in parent._meta.tables)
        return tuple(dict.fromkeys([*above, self.concrete_model]))

    @cached_property
    def foreign_keys(self) -> tuple[ForeignKey[Any], ...]:
        """The fields that are foreign keys."""
        return tuple(field for field in self.concrete_fields if isinstance(field, ForeignKey))

    # Database

    @property
    def table(self) -> sqlalchemy.Table:
        """The SQLAlchemy table, in the registry's metadata."""
        if self.proxy:
            return self.concrete_model._meta.table
        existing = registry.metadata.tables.get(self.db_table)
        if existing is not None and existing.info.get("model") == self.label:
            return existing
        return self.make_table(registry.metadata)

    def make_table(self, metadata: sqlalchemy.MetaData) -> sqlalchemy.Table:
        """Builds the table in `metadata`; set by `vivace.orm.schema`, which knows how."""
        raise NotImplementedError

    # Managers

    @property
    def default_manager(self) -> Manager[Any]:
        """`Meta.default_manager_name`, else the first manager declared, else `objects`."""
        if self.default_manager_name is not None:
            return self._manager("default_manager_name", self.default_manager_name)
        return next(iter(self.managers.values()))

    def is_for(self, dialect: sqlalchemy.Dialect) -> bool:
        """Whether the model's table may be in a database of this kind.

        That is what `required_db_vendor` says ("mysql" is MariaDB, too), and `required_db_features`.
        """
        return self.required_db_vendor in (None, dialect.name, vendor_of(dialect)) and all(
            has_feature(dialect, name) for name in self.required_db_features
        )

    @cached_property
    def base_manager(self) -> Manager[Any]:
        """What loads single related objects: `Meta.base_manager_name`, else a manager of all rows."""
        if self.base_manager_name is not None:
            return self._manager("base_manager_name", self.base_manager_name)
        made: Manager[Any] = self.plain_manager.bound(self.model, "_base_manager")
        return made

    def _manager(self, option: str, name: str) -> Manager[Any]:
        found = self.managers.get(name)
        if found is None:
            raise ModelDefinitionError(
                f'{self.label}.Meta.{option}: there is no manager "{name}". '
                f"{did_you_mean(name, self.managers, listed_as='Managers')}"
            )
        return found

    def __repr__(self) -> str:
        return f"<Options for {self.label}>"


def _groups(value: Any) -> list[tuple[str, ...]]:
    """`unique_together` as groups; a single flat group is allowed, as in Django."""
    groups = list(value)
    if groups and isinstance(groups[0], str):
        return [tuple(groups)]
    return [tuple(group) for group in groups]
