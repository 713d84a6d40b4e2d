"""How long `makemigrations --check` takes: `scripts/bench makemigrations`.

The whole command, in a process of its own, on 300 models in 20 apps with 500 migrations, where nothing is left to
write; Vivace beside Django, in turn. No database takes part. What is left to write ends the benchmark with an error.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.race import Options
from benchmarks.harness.tables import table
from benchmarks.harness.workbench import Workbench

APPS = [f"app{number:02}" for number in range(20)]
MODELS = 15
MIGRATIONS = 25

VIVACE_FILE = """import sqlalchemy as sa
from alembic import op

revision = "{app}_{number:04}"
down_revision = "{app}_{before:04}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("{app}_m{model}", sa.Column("extra{number}", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("{app}_m{model}", "extra{number}")
"""
DJANGO_FILE = """from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("{app}", "{before_name}")]
    operations = [
        migrations.AddField("m{model}", "extra{number}", models.IntegerField(null=True)),
    ]
"""
DJANGO_SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = {apps}
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""


def _processor_seconds() -> float:
    """Of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def models(source: str, *, extras: bool) -> str:
    """The models of an app, each with a link to the one before, with or without what the migrations add."""
    lines = [source]
    for model in range(MODELS):
        lines += [
            f"\n\nclass M{model}(models.Model):",
            "    name = models.CharField(max_length=100, db_index=True)",
            "    price = models.DecimalField(max_digits=10, decimal_places=2, default=0)",
            "    added = models.DateTimeField(null=True)",
        ]
        if model:
            lines.append(f'    other = models.ForeignKey("M{model - 1}", on_delete=models.CASCADE, null=True)')
        if extras:
            numbers = [number for number in range(2, MIGRATIONS + 1) if number % MODELS == model]
            lines += [f"    extra{number} = models.IntegerField(null=True)" for number in numbers]
    return "\n".join(lines) + "\n"


class Site:
    """A project of one framework in a folder, and its command."""

    def __init__(self, name: str, folder: Path, command: Sequence[str], source: str, template: str) -> None:
        self.name, self.folder, self.source, self.template = name, folder, source, template
        self.command = [sys.executable, "-m", *command]
        self.environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(folder)}
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(self, *arguments: str) -> tuple[float, float]:
        """The seconds, and the processor's seconds, that the command took, which must succeed."""
        begun, spent = time.perf_counter(), _processor_seconds()
        command = [*self.command, *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        taken = time.perf_counter() - begun, _processor_seconds() - spent
        if done.returncode:
            raise SystemExit(f"{self.name}: {done.stdout}{done.stderr}")
        return taken

    def fill(self) -> None:
        """The apps, their first migration written by the framework, the others from a template."""
        for app in APPS:
            folder = self.folder / app
            (folder / "migrations").mkdir(parents=True, exist_ok=True)
            for path in (folder / "__init__.py", folder / "migrations" / "__init__.py"):
                path.touch()
            (folder / "models.py").write_text(models(self.source, extras=False))
        self.run("makemigrations")
        for app in APPS:
            (self.folder / app / "models.py").write_text(models(self.source, extras=True))
            for number in range(2, MIGRATIONS + 1):
                text = self.template.format(
                    app=app,
                    number=number,
                    before=number - 1,
                    before_name="0001_initial" if number == 2 else f"{number - 1:04}_extra",
                    model=number % MODELS,
                )
                (self.folder / app / "migrations" / f"{number:04}_extra.py").write_text(text)


def vivace(root: Path) -> Site:
    """A project as `startproject` makes it."""
    subprocess.run(
        [sys.executable, "-m", "vivace", "startproject", "mysite"], cwd=root, check=True, capture_output=True
    )
    folder = root / "mysite"
    settings = folder / "mysite" / "settings.py"
    text = settings.read_text().replace("INSTALLED_APPS: list[str] = []", f"INSTALLED_APPS = {APPS!r}")
    settings.write_text(text)
    return Site("Vivace", folder, ["vivace"], "from vivace.orm import models", VIVACE_FILE)


def django(root: Path) -> Site:
    """A project of Django's."""
    folder = root / "django"
    folder.mkdir()
    (folder / "settings.py").write_text(DJANGO_SETTINGS.format(apps=APPS))
    return Site("Django", folder, ["django"], "from django.db import models", DJANGO_FILE)


def run(workbench: Workbench, options: Options) -> str:
    """The table."""
    with tempfile.TemporaryDirectory() as root:
        sites = [vivace(Path(root)), django(Path(root))]
        for site in sites:
            site.fill()
            site.run("makemigrations", "--check")  # which also writes the bytecode
        taken: dict[str, list[tuple[float, float]]] = {site.name: [] for site in sites}
        for _ in range(options.rounds):
            for site in sites:
                taken[site.name].append(site.run("makemigrations", "--check"))
    rows = []
    for name, found in taken.items():
        passed, spent = (statistics.median(column) for column in zip(*found, strict=True))
        rows.append([name, f"{spent:.2f}", f"{passed:.2f}"])
    heading = f"### makemigrations: `--check`, {len(APPS) * MODELS} models and {len(APPS) * MIGRATIONS} migrations\n"
    return f"{heading}\n" + table(["program", "CPU, s", "passed, s"], rows) + "\n"
