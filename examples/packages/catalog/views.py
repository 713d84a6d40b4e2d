"""The HTML pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

from catalog.models import Author, Classifier, File, Package, Requirement
from vivace.orm.models import Count, Q, QuerySet
from vivace.orm.pagination import Paginator
from vivace.web.exceptions import HTTPException
from vivace.web.requests import Request
from vivace.web.responses import Response
from vivace.web.templating import Jinja2Templates

templates = Jinja2Templates(Path(__file__).parent / "templates")

PACKAGES_A_PAGE = 50
FILES_A_PAGE = 200
LARGEST_FILES = 12
ORDERINGS = ("slug", "license", "dependents", "file_count", "size")


async def package_list(request: Request) -> Response:
    """All packages, searched with `?q=`, narrowed with `?classifier=`, sorted with `?ordering=`, in pages."""
    query = request.query_params.get("q", "").replace("\x00", "").strip()
    ordering = request.query_params.get("ordering", "slug")
    if ordering.removeprefix("-") not in ORDERINGS:
        ordering = "slug"
    classifier = await classifier_asked_for(request)
    packages = Package.objects.annotate(dependents=Count("required_by__package", distinct=True))
    if query:
        packages = packages.filter(Q(pk__in=matching(query).values("pk")))
    if classifier is not None:
        packages = packages.filter(pk__in=Package.objects.filter(classifiers=classifier).values("pk"))
    page = await Paginator(packages.order_by(ordering, "slug"), PACKAGES_A_PAGE).get_page(
        request.query_params.get("page")
    )
    context = {"page": page, "query": query, "ordering": ordering, "classifier": classifier, "link": link(request)}
    return templates.TemplateResponse(request, "package_list.html", context)


def matching(query: str) -> QuerySet[Package]:
    """The packages whose name, summary or author contains `query`."""
    return Package.objects.filter(
        Q(name__icontains=query) | Q(summary__icontains=query) | Q(authors__name__icontains=query)
    )


async def classifier_asked_for(request: Request) -> Classifier | None:
    """The classifier of `?classifier=ID`, None without one; 404 for an unknown one."""
    asked = request.query_params.get("classifier", "")
    if not asked:
        return None
    classifier = (
        await Classifier.objects.filter(pk=int(asked)).first() if asked.isdecimal() and len(asked) < 19 else None
    )
    if classifier is None:
        raise HTTPException(404, f"There is no classifier {asked}.")
    return classifier


async def package_detail(request: Request) -> Response:
    """One package: what it requires, what requires it, its classifiers and its largest files."""
    package = await package_or_404(request)
    context = {
        "package": package,
        "authors": await package.authors.all(),
        "classifiers": await package.classifiers.all(),
        "releases": await package.releases.all(),
        "requirements": await package.requirements.select_related("target"),
        "dependents": await Requirement.objects.filter(target=package)
        .select_related("package")
        .order_by("package__slug", "extra"),
        "files": await package.files.filter(size__isnull=False).order_by("-size", "path")[:LARGEST_FILES],
    }
    return templates.TemplateResponse(request, "package_detail.html", context)


async def package_files(request: Request) -> Response:
    """All files of one package, in pages."""
    package = await package_or_404(request)
    files = File.objects.filter(package=package).order_by("path")
    page = await Paginator(files, FILES_A_PAGE).get_page(request.query_params.get("page"))
    context = {"package": package, "page": page, "link": link(request)}
    return templates.TemplateResponse(request, "package_files.html", context)


async def author_detail(request: Request) -> Response:
    """One author, with the packages of theirs that are installed."""
    slug = request.path_params["slug"]
    author = await Author.objects.filter(slug=slug).first()
    if author is None:
        raise HTTPException(404, f"No author {slug} has a package here.")
    packages = await author.packages.order_by("slug")
    return templates.TemplateResponse(request, "author_detail.html", {"author": author, "packages": packages})


async def classifier_list(request: Request) -> Response:
    """All classifiers with their number of packages."""
    classifiers = await Classifier.objects.annotate(package_count=Count("packages")).order_by("name")
    return templates.TemplateResponse(request, "classifier_list.html", {"classifiers": classifiers})


async def not_found(request: Request, error: Exception) -> Response:
    """The 404 page."""
    detail = error.detail if isinstance(error, HTTPException) and error.detail != "Not Found" else ""
    context = {"detail": detail or f"Nothing is at {request.url.path}."}
    return templates.TemplateResponse(request, "404.html", context, status_code=404)


async def package_or_404(request: Request) -> Package:
    """The package that the URL names."""
    slug = request.path_params["slug"]
    package = await Package.objects.filter(slug=slug).first()
    if package is None:
        raise HTTPException(404, f"No package {slug} is installed here.")
    return package


def link(request: Request) -> Callable[..., str]:
    """A function that gives this page's query string with some parameters changed, or left out when None."""

    def with_parameters(**changes: object) -> str:
        parameters = {**request.query_params, **changes}
        return "?" + urlencode({name: value for name, value in parameters.items() if value not in (None, "")})

    return with_parameters
