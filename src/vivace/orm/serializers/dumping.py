"""`dumpdata`: the rows of models as a fixture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from vivace.orm.registry import registry
from vivace.orm.serializers.records import Recorder
from vivace.orm.serializers.text import RecordWriter, Sink, objects_of

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


async def dump(
    database: Database,
    models: Iterable[type[Model]],
    stream: Sink,
    *,
    format: str = "json",
    indent: int | None = None,
    use_natural_foreign_keys: bool = False,
    use_natural_primary_keys: bool = False,
    use_base_manager: bool = False,
    primary_keys: Sequence[Any] | None = None,
) -> int:
    """Writes the rows of `models`, ordered by their keys, to `stream`; returns how many.

    All are read in one transaction, so that rows that refer to each other fit together even while others write. Rows
    come through the default manager, or with `use_base_manager` all of them. Proxies have no rows of their own.
    """
    recorder = Recorder(
        use_natural_foreign_keys=use_natural_foreign_keys, use_natural_primary_keys=use_natural_primary_keys
    )
    chosen = [model for model in models if not model._meta.proxy]
    if use_natural_foreign_keys:
        chosen = sort_dependencies(chosen, allow_cycles=True)
    writer = RecordWriter(format, stream, indent)
    # SQLite's transactions see one moment anyway, and in a transaction of the caller's it is theirs that counts.
    is_plain = database.dialect.name == "sqlite" or database.in_transaction
    isolation = None if is_plain else "repeatable_read"
    async with database.transaction(isolation=isolation):
        for model in chosen:
            manager: Any = model._meta.base_manager if use_base_manager else model._meta.default_manager
            rows = manager.using(database).order_by("pk")
            if primary_keys is not None:
                rows = rows.filter(pk__in=primary_keys)
            async with aclosing(objects_of(rows, recorder)) as objects:  # type: ignore[type-var]
                async for each in objects:
                    writer.write(await recorder.record(each))
    writer.close()
    return writer.count


def sort_dependencies(models: Iterable[type[Model]], allow_cycles: bool = False) -> list[type[Model]]:
    """`models` so that those with natural keys come before those that refer to them by it.

    A model says what else its natural key needs: `natural_key.dependencies = ["blog.author"]`. Raises RuntimeError for
    a circle, unless `allow_cycles`, which breaks it up somewhere.
    """
    waiting = {model: _needs(model) for model in models}
    known = set(waiting)
    done: list[type[Model]] = []
    while waiting:
        ready = [model for model, needs in waiting.items() if not (needs & known) - set(done)]
        if not ready:
            if not allow_cycles:
                names = ", ".join(sorted(model._meta.label for model in waiting))
                raise RuntimeError(f"Can't resolve dependencies for {names} in serialized app list.")
            ready = [next(iter(waiting))]
        # One at a time, so that the order stays the given one where nothing speaks against it.
        done.append(ready[0])
        del waiting[ready[0]]
    return done


def _needs(model: type[Model]) -> set[type[Model]]:
    meta = model._meta
    found: set[type[Model]] = set()
    key = getattr(model, "natural_key", None)
    if key is not None:
        found |= {registry.get_model(name) for name in getattr(key, "dependencies", ())}
    simple = [many for many in meta.many_to_many if many.through._meta.auto_created]
    for relation in (*[field for field in meta.fields if field.is_relation], *simple):
        related = relation.related_model
        if related is not None and related is not model and hasattr(related, "natural_key"):
            found.add(related)
    return found
