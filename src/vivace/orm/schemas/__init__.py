"""msgspec and pydantic types made from models, so that no field is written down twice.

    class BookOut(schemas.Struct, model=Book, nested={"author": AuthorOut}): ...
    class BookIn(schemas.Struct, model=Book, form="create"): ...

`plan` says which fields a type has and why, `structs` and `pydantic_models` make the types, `reading` carries values
between them and instances. Pydantic is imported only when `PydanticModel` is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.orm.schemas.plan import Form
from vivace.orm.schemas.reading import assign, fetch, read, read_all, values
from vivace.orm.schemas.structs import Struct, make_struct

if TYPE_CHECKING:
    from vivace.orm.schemas.pydantic_models import PydanticModel, make_pydantic

__all__ = [
    "Form",
    "PydanticModel",
    "Struct",
    "assign",
    "fetch",
    "make_pydantic",
    "make_struct",
    "read",
    "read_all",
    "values",
]


def __getattr__(name: str) -> Any:
    if name in ("PydanticModel", "make_pydantic"):
        from vivace.orm.schemas import pydantic_models

        return getattr(pydantic_models, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
