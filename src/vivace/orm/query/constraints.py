from __future__ import annotations
from typing import Any


def condition_clause(model: Any, table: Any, condition: Any) -> Any:
    raise NotImplementedError
