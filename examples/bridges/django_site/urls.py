"""The URLs of the project."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from django_site import views
from django_site.api import router

urlpatterns = [
    path("greet/<str:name>", views.greet, name="greet"),
    path("where", views.where),
    path("length", views.length),
    path("threads", views.threads),
    path("together", views.together),
    path("slow", views.slow),
    path("admin/", admin.site.urls),
    path("api/", include(router.urls)),
]
