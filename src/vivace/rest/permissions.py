"""Who may do what; classes that combine with `&`, `|` and `~` as in `rest_framework.permissions`."""

from __future__ import annotations

from types import CoroutineType
from typing import Any

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class _Combinable:
    """What can stand left or right of `&`, `|` and after `~`: permission classes and combinations of them."""

    def __and__(self, other: Any) -> Combined:
        return Combined("and", self, other)

    def __rand__(self, other: Any) -> Combined:
        return Combined("and", other, self)

    def __or__(self, other: Any) -> Combined:
        return Combined("or", self, other)

    def __ror__(self, other: Any) -> Combined:
        return Combined("or", other, self)

    def __invert__(self) -> Combined:
        return Combined("not", self)


class Combined(_Combinable):
    """A combination; called without arguments, as a permission class is, it makes the permission."""

    def __init__(self, operator: str, *parts: Any) -> None:
        self.operator, self.parts = operator, parts

    def __call__(self) -> BasePermission:
        made: BasePermission = _COMBINATIONS[self.operator](*(part() for part in self.parts))
        return made


class PermissionMetaclass(type, _Combinable):
    """Gives permission classes the operators."""

    __or__ = _Combinable.__or__  # type: ignore[assignment]
    __ror__ = _Combinable.__ror__  # type: ignore[assignment]


class BasePermission(metaclass=PermissionMetaclass):
    """Says whether a request may be answered; both methods may be `async def`.

    `message` and `code`, when set, go into the 403.
    """

    message: str | None = None
    code: str | None = None

    def has_permission(self, request: Any, view: Any) -> Any:
        """Whether the request may be answered at all."""
        return True

    def has_object_permission(self, request: Any, view: Any, obj: Any) -> Any:
        """Whether it may touch this object."""
        return True


class AllowAny(BasePermission):
    """Everybody, everything."""


class ReadOnly(BasePermission):
    """Everybody, methods that change nothing."""

    def has_permission(self, request: Any, view: Any) -> Any:
        return request.method in SAFE_METHODS


class IsAuthenticated(BasePermission):
    """Whoever has logged in."""

    def has_permission(self, request: Any, view: Any) -> Any:
        return bool(request.user and request.user.is_authenticated)


class IsAdminUser(BasePermission):
    """Staff."""

    def has_permission(self, request: Any, view: Any) -> Any:
        return bool(request.user and getattr(request.user, "is_staff", False))


class IsAuthenticatedOrReadOnly(IsAuthenticated):
    """Whoever has logged in; strangers may read."""

    def has_permission(self, request: Any, view: Any) -> Any:
        return request.method in SAFE_METHODS or super().has_permission(request, view)


async def _ask(answer: Any) -> bool:
    return bool(await answer if isinstance(answer, CoroutineType) else answer)


class _Both(BasePermission):
    def __init__(self, left: BasePermission, right: BasePermission) -> None:
        self.left, self.right = left, right

    async def has_permission(self, request: Any, view: Any) -> bool:
        first = await _ask(self.left.has_permission(request, view))
        return first and await _ask(self.right.has_permission(request, view))

    async def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        first = await _ask(self.left.has_object_permission(request, view, obj))
        return first and await _ask(self.right.has_object_permission(request, view, obj))


class _Either(_Both):
    async def has_permission(self, request: Any, view: Any) -> bool:
        first = await _ask(self.left.has_permission(request, view))
        return first or await _ask(self.right.has_permission(request, view))

    async def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        # The side that allows the object must be one that allowed the request.
        for side in (self.left, self.right):
            allows = await _ask(side.has_permission(request, view))
            if allows and await _ask(side.has_object_permission(request, view, obj)):
                return True
        return False


class _Not(BasePermission):
    def __init__(self, inner: BasePermission) -> None:
        self.inner = inner

    async def has_permission(self, request: Any, view: Any) -> bool:
        return not await _ask(self.inner.has_permission(request, view))

    async def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        if type(self.inner).has_object_permission is BasePermission.has_object_permission:
            return True  # it says nothing about objects, so there is nothing to turn round
        return not await _ask(self.inner.has_object_permission(request, view, obj))


_COMBINATIONS: dict[str, Any] = {"and": _Both, "or": _Either, "not": _Not}
