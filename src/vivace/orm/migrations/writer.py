"""Operations as the source of a migration file, rendered by Alembic."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from alembic.autogenerate import render_python_code, renderers
from alembic.migration import MigrationContext
from alembic.operations import ops

from vivace.orm.migrations._alembic import FilesDialect, render_type
from vivace.orm.migrations.alter_key import AlterKeyOp
from vivace.orm.migrations.layout import layout
from vivace.orm.migrations.naming import describe_all
from vivace.orm.migrations.operations import reverse
from vivace.orm.migrations.vocabulary import RenameConstraintOp, RenameIndexOp

_DATETIME = "import datetime"
_TEMPLATE = '''"""{title}"""

{imports}

revision = "{revision}"
down_revision = {down_revision}
branch_labels = {branch_labels}
depends_on = {depends_on}


def upgrade() -> None:
{upgrade}


def downgrade() -> None:
{downgrade}
'''


@renderers.dispatch_for(ops.RenameTableOp)
def _render_rename_table(context: Any, operation: ops.RenameTableOp) -> str:
    """Alembic never detects a rename, so it cannot write one either."""
    return f"op.rename_table({operation.table_name!r}, {operation.new_table_name!r})"


@renderers.dispatch_for(RenameIndexOp)
def _render_rename_index(context: Any, operation: RenameIndexOp) -> str:
    return f"op.rename_index({operation.old_name!r}, {operation.new_name!r}, {operation.table_name!r})"


@renderers.dispatch_for(RenameConstraintOp)
def _render_rename_constraint(context: Any, operation: RenameConstraintOp) -> str:
    return f"op.rename_constraint({operation.old_name!r}, {operation.new_name!r}, {operation.table_name!r})"


@renderers.dispatch_for(AlterKeyOp)
def _render_alter_key(context: Any, operation: AlterKeyOp) -> str:
    old, new = (render_type(type_, context) for type_ in (operation.existing_type, operation.new_type))
    counted = "" if operation.autoincrement is None else f", autoincrement={operation.autoincrement}"
    return (
        f"op.alter_key({operation.table_name!r}, {operation.column_name!r}, existing_type={old}, type_={new}{counted})"
    )


def source(
    operations: Sequence[ops.MigrateOperation],
    *,
    label: str,
    revision: str,
    down_revision: str | None,
    depends_on: Sequence[str],
) -> str:
    """The text of a migration file that does `operations`, and undoes them in `downgrade()`."""
    imports = {"import sqlalchemy as sa", "from alembic import op"}
    upgrade = _body(list(operations), imports)
    downgrade = _body(reverse(list(operations)), imports)
    if "sa." not in upgrade + downgrade and operations:
        imports.discard("import sqlalchemy as sa")
    return _TEMPLATE.format(
        title=_title(label, operations),
        imports=_imports(imports),
        revision=revision,
        down_revision="None" if down_revision is None else f'"{down_revision}"',
        branch_labels=f'("{label}",)' if down_revision is None else "None",
        depends_on="(" + ", ".join(f'"{name}"' for name in depends_on) + ("," if len(depends_on) == 1 else "") + ")"
        if depends_on
        else "None",
        upgrade=upgrade,
        downgrade=downgrade,
    )


def _imports(lines: set[str]) -> str:
    """The standard library first, then the rest, as import sorters want them."""
    others = sorted(lines - {_DATETIME}, key=lambda line: (line.startswith("from "), line))
    return "\n".join([_DATETIME, "", *others] if _DATETIME in lines else others)


def _title(label: str, operations: Sequence[ops.MigrateOperation]) -> str:
    lines = describe_all(operations)
    if not lines:
        return f"{label}: written by hand."
    title = f"{label}: {lines[0][0].lower()}{lines[0][1:]}"
    text = title + "." if len(lines) == 1 else title + f", and {len(lines) - 1} more."
    return text.replace("\\", "\\\\").replace('"""', "'''").replace('"', "'")


def _body(operations: list[ops.MigrateOperation], imports: set[str]) -> str:
    if not operations:
        return "    pass"

    def render_item(kind: str, item: Any, context: Any) -> str | Literal[False]:
        if kind == "type":
            return _render_type(item, imports)
        return False

    context = MigrationContext.configure(dialect=FilesDialect())
    code = render_python_code(ops.UpgradeOps(operations), render_item=render_item, migration_context=context)
    for dialect in ("postgresql", "mysql", "sqlite"):
        if re.search(rf"\b{dialect}\.", code):
            imports.add(f"from sqlalchemy.dialects import {dialect}")
    if "datetime." in code:
        imports.add(_DATETIME)
    text = layout(code)
    if "per_database(" in text:
        imports.add("from vivace.orm.migrations import per_database")
    return text


def _render_type(type_: sa.types.TypeEngine[Any], imports: set[str]) -> str | Literal[False]:
    """A type from outside SQLAlchemy is written with its module; Alembic would leave the import out."""
    module = type(type_).__module__
    if module.startswith("sqlalchemy."):
        return False
    imports.add(f"import {module}")
    return f"{module}.{type_!r}"


def write(path: Path, text: str) -> None:
    """Write a whole file or none; the folder is made, as a package, when it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    package = path.parent / "__init__.py"
    if not package.exists():
        package.touch()
    temporary = path.with_name(f"_{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
