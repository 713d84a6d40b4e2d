"""Where the pages and the API are."""

from __future__ import annotations

from catalog import views
from vivace.web.routing import Route

routes = [
    Route("/", views.package_list, name="package-list"),
    Route("/classifiers/", views.classifier_list, name="classifier-list"),
    Route("/authors/{slug}/", views.author_detail, name="author-detail"),
    Route("/packages/{slug}/", views.package_detail, name="package-detail"),
    Route("/packages/{slug}/files/", views.package_files, name="package-files"),
]
