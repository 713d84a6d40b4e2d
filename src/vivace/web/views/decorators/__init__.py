"""Decorators for views (module names as in `django.views.decorators`)."""
