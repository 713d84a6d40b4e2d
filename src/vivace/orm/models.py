"""Everything one needs to declare models, in one name, as `django.db.models` is: `from vivace.orm import models`."""

from __future__ import annotations

from vivace.orm.base import Model
from vivace.orm.constraints import CheckConstraint, Index, UniqueConstraint
from vivace.orm.fields import *  # noqa: F403
from vivace.orm.fields import __all__ as _fields
from vivace.orm.manager import Manager
from vivace.orm.query.conditions import Q
from vivace.orm.query.expressions import (
    Avg,
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    Max,
    Min,
    OuterRef,
    Subquery,
    Sum,
    Value,
    When,
)
from vivace.orm.query.queryset import QuerySet
from vivace.orm.query.prefetch import Prefetch
