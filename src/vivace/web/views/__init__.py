"""Views as classes, and what goes around views (names as in `django.views`).

`base` is the class-based view, `generic` those with a page or a redirect, `decorators.http` which methods are allowed.
"""

from vivace.web.views.base import View

__all__ = ["View"]
