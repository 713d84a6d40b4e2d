"""The REST API: packages, classifiers and files, read-only."""

from __future__ import annotations

from catalog.models import Author, Classifier, File, Package, Requirement
from vivace import API
from vivace.rest import filters, pagination, serializers, viewsets


class AuthorSerializer(serializers.ModelSerializer[Author]):
    """An author inside a package."""

    class Meta:
        model = Author
        fields = ["slug", "name", "email"]


class RequirementSerializer(serializers.ModelSerializer[Requirement]):
    """A requirement inside a package; `target` is the slug of the package that meets it."""

    target = serializers.SlugRelatedField(slug_field="slug", read_only=True)

    class Meta:
        model = Requirement
        fields = ["name", "specifier", "marker", "extra", "target"]


class PackageSerializer(serializers.ModelSerializer[Package]):
    """A package in a list."""

    class Meta:
        model = Package
        fields = ["slug", "name", "version", "summary", "license", "homepage", "requires_python", "file_count", "size"]


class PackageDetailSerializer(serializers.ModelSerializer[Package]):
    """A package with all that belongs to it but its files."""

    authors = AuthorSerializer(many=True)
    requirements = RequirementSerializer(many=True)
    classifiers = serializers.SlugRelatedField(slug_field="name", many=True, read_only=True)

    class Meta:
        model = Package
        fields = [
            *PackageSerializer.Meta.fields,
            "keywords",
            "location",
            "first_seen",
            "updated",
            "authors",
            "classifiers",
            "requirements",
        ]


class ClassifierSerializer(serializers.ModelSerializer[Classifier]):
    """A classifier."""

    class Meta:
        model = Classifier
        fields = ["id", "name"]


class FileSerializer(serializers.ModelSerializer[File]):
    """A file; `package` is the package's slug."""

    package = serializers.SlugRelatedField(slug_field="slug", read_only=True)

    class Meta:
        model = File
        fields = ["id", "package", "path", "suffix", "size", "hash"]


class Pages(pagination.PageNumberPagination):
    """Pages of 50, or of as many as `?page_size=` says."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500


class PackageViewSet(viewsets.ReadOnlyModelViewSet[Package]):
    """Packages by slug; the detail adds authors, classifiers and requirements."""

    queryset = Package.objects.all()
    lookup_field = "slug"
    pagination_class = Pages
    filter_backends = [filters.FieldFilter, filters.SearchFilter, filters.OrderingFilter]
    filterset_fields = ["license", "classifiers", "requires_python"]
    search_fields = ["name", "summary", "authors__name"]
    ordering_fields = ["slug", "version", "file_count", "size"]
    ordering = ["slug"]

    def get_serializer_class(self) -> type[serializers.ModelSerializer[Package]]:
        """The long form for one package, the short one for a list."""
        return PackageDetailSerializer if self.action == "retrieve" else PackageSerializer


class ClassifierViewSet(viewsets.ReadOnlyModelViewSet[Classifier]):
    """Trove classifiers."""

    queryset = Classifier.objects.all()
    serializer_class = ClassifierSerializer
    pagination_class = Pages
    filter_backends = [filters.SearchFilter, filters.OrderingFilter]
    search_fields = ["name"]
    ordering_fields = ["name"]
    ordering = ["name"]


class FileViewSet(viewsets.ReadOnlyModelViewSet[File]):
    """Installed files of all packages."""

    queryset = File.objects.all()
    serializer_class = FileSerializer
    pagination_class = Pages
    filter_backends = [filters.FieldFilter, filters.SearchFilter, filters.OrderingFilter]
    filterset_fields = ["package", "suffix"]
    search_fields = ["path"]
    ordering_fields = ["path", "size"]
    ordering = ["id"]


api = API()
api.register("packages", PackageViewSet)
api.register("classifiers", ClassifierViewSet)
api.register("files", FileViewSet)
