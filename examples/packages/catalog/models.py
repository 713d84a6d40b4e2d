"""What the index knows: packages, who wrote them, how they are classified, what they need and what they installed."""

from __future__ import annotations

from vivace.orm import models
from vivace.orm.functions import Now


class Author(models.Model):
    """A person or team, as the metadata of a package names them."""

    name = models.CharField(max_length=300)
    email = models.CharField(max_length=300, blank=True)
    slug = models.SlugField(max_length=100, unique=True, help_text="What the author's page is called.")

    packages: models.RelatedManager[Package]  # for type checkers

    class Meta:
        ordering = ["name", "email"]
        constraints = [models.UniqueConstraint(fields=["name", "email"], name="author_once")]


class Classifier(models.Model):
    """A trove classifier, such as `Topic :: Database`."""

    name = models.CharField(max_length=300, unique=True)

    class Meta:
        ordering = ["name"]


class Package(models.Model):
    """An installed distribution. `slug` is its normalised name (PEP 503), by which it is unique."""

    slug = models.SlugField(max_length=200, unique=True)
    name = models.CharField(max_length=200)
    version = models.CharField(max_length=100)
    summary = models.TextField(blank=True)
    keywords = models.TextField(blank=True, default="")
    license = models.CharField(max_length=300, blank=True, verbose_name="licence")
    homepage = models.URLField(max_length=1000, blank=True)
    requires_python = models.CharField(max_length=100, blank=True)
    location = models.CharField(max_length=1000, help_text="The folder it is installed in.")
    file_count = models.PositiveIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes of all its files.")
    fingerprint = models.CharField(max_length=64, help_text="Changes when the installed files or metadata change.")
    first_seen = models.DateTimeField(db_default=Now(), editable=False)
    updated = models.DateTimeField(auto_now=True)
    authors = models.ManyToManyField(Author, related_name="packages")
    classifiers = models.ManyToManyField(Classifier, related_name="packages")
    requirements: models.RelatedManager[Requirement]  # for type checkers, as the next
    files: models.RelatedManager[File]
    releases: models.RelatedManager[Release]

    class Meta:
        ordering = ["slug"]


class Requirement(models.Model):
    """Something a package asks for (PEP 508); `target` is the installed package that meets it, or None."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="requirements")
    text = models.TextField()
    name = models.CharField(max_length=200)
    specifier = models.CharField(max_length=300, blank=True)
    marker = models.TextField(blank=True)
    extra = models.CharField(max_length=200, blank=True, help_text="The extra of the package that asks for it.")
    target = models.ForeignKey(Package, on_delete=models.SET_NULL, null=True, related_name="required_by")
    target_id: int | None

    class Meta:
        ordering = ["extra", "name", "id"]


class File(models.Model):
    """A file that a package installed, from its RECORD."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=1000)
    suffix = models.CharField(max_length=100, blank=True)
    size = models.PositiveBigIntegerField(null=True, help_text="Bytes; unknown when RECORD does not say.")
    hash = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["package", "path"], name="file_once_a_package")]
        indexes = [
            models.Index(fields=["suffix"], name="file_suffix"),
            models.Index(fields=["package", "-size"], name="file_largest", condition=models.Q(size__isnull=False)),
        ]


class Release(models.Model):
    """A version of a package that was installed here at some time."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="releases")
    version = models.CharField(max_length=100)
    seen = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-seen", "-id"]
        constraints = [models.UniqueConstraint(fields=["package", "version"], name="release_once")]
