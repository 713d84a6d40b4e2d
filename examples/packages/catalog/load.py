"""Loads the distributions of this machine into the database: `python -m catalog.load [FOLDER ...]`.

Each package is one transaction, so a load that is killed leaves whole packages and the next run completes it. Loading
again updates what has changed, removes what is gone, and skips packages whose fingerprint is the same.
"""

from __future__ import annotations

import asyncio
import sys

from packages_index.asgi import app
from packaging.utils import canonicalize_name
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from catalog.distributions import InstalledPackage, author_slug, installed
from catalog.models import Author, Classifier, File, Package, Release, Requirement
from vivace.orm.transactions import atomic


async def load(folders: list[str] | None = None, progress: Progress | None = None) -> None:
    """Makes the database say what is installed in `folders` (default: on this machine)."""
    found = list(installed(folders))
    known = {slug: fingerprint async for slug, fingerprint in Package.objects.values_list("slug", "fingerprint")}
    changed = [package for package in found if known.get(package.slug) != package.fingerprint]
    known_already = len(found) - len(changed)
    task = progress.add_task("Loading packages", total=len(found), completed=known_already) if progress else None
    for package in changed:
        await load_package(package)
        if progress is not None and task is not None:
            progress.update(task, advance=1, description=f"Loading {package.name}")
    if progress is not None and task is not None:
        progress.update(task, description=f"{len(found)} packages, {len(changed)} new or changed")
    await remove_gone({package.slug for package in found})
    await resolve_requirements()


async def load_package(installed_package: InstalledPackage) -> None:
    """One package with all that belongs to it, in one transaction."""
    files = await asyncio.to_thread(installed_package.files)
    async with atomic():
        package, _ = await Package.objects.update_or_create(
            slug=installed_package.slug,
            defaults={
                "name": installed_package.name,
                "version": installed_package.version,
                "summary": installed_package.summary,
                "keywords": installed_package.keywords,
                "license": installed_package.license,
                "homepage": installed_package.homepage,
                "requires_python": installed_package.requires_python,
                "location": installed_package.location,
                "fingerprint": installed_package.fingerprint,
                "file_count": len(files),
                "size": sum(file.size or 0 for file in files),
            },
        )
        await Release.objects.get_or_create(package=package, version=package.version)
        await package.authors.set(await authors(installed_package))
        await package.classifiers.set(await classifiers(installed_package))
        await package.requirements.all().delete()
        await Requirement.objects.bulk_create(
            Requirement(
                package=package,
                text=requirement.text,
                name=requirement.name,
                specifier=requirement.specifier,
                marker=requirement.marker,
                extra=requirement.extra,
            )
            for requirement in installed_package.requirements
        )
        await package.files.all().delete()
        await File.objects.bulk_create(
            File(package=package, path=file.path, suffix=file.suffix, size=file.size, hash=file.hash) for file in files
        )


async def authors(package: InstalledPackage) -> list[Author]:
    """The rows of the package's authors, made where they are missing."""
    return [
        (await Author.objects.get_or_create(name=name, email=email, defaults={"slug": author_slug(name, email)}))[0]
        for name, email in package.authors
    ]


async def classifiers(package: InstalledPackage) -> list[Classifier]:
    """The rows of the package's classifiers, made where they are missing."""
    await Classifier.objects.bulk_create((Classifier(name=name) for name in package.classifiers), ignore_conflicts=True)
    return await Classifier.objects.filter(name__in=package.classifiers)


async def remove_gone(installed_slugs: set[str]) -> None:
    """Takes out packages that are no longer installed, and authors and classifiers that no package has."""
    async with atomic():
        await Package.objects.exclude(slug__in=installed_slugs).delete()
        await Author.objects.filter(packages__isnull=True).delete()
        await Classifier.objects.filter(packages__isnull=True).delete()


async def resolve_requirements() -> None:
    """Points each requirement at the installed package that it names, or at none."""
    packages = {package.slug: package async for package in Package.objects.only("id", "slug")}
    changed = []
    async for requirement in Requirement.objects.all():
        target = packages.get(canonicalize_name(requirement.name))
        if requirement.target_id != (target.id if target else None):
            requirement.target = target
            changed.append(requirement)
    await Requirement.objects.bulk_update(changed, ["target"])


async def main(folders: list[str] | None) -> None:
    """Loads into the site's database, with a progress bar."""
    columns = (SpinnerColumn(), TextColumn("{task.description:<40}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn()) as progress:
        async with app.connected():
            await load(folders, progress)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or None))
