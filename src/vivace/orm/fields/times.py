"""Dates and times. Datetimes are aware and in UTC, in Python and in the database.

SQLite has no types for these, so they are stored as texts in Django's forms, which sort and compare as they should:
dates `2026-01-31`, times `10:00:00`, datetimes `2026-01-31 10:00:00` (UTC), both with `.000001` behind them only when
there are microseconds; durations as a number of microseconds.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, Unpack, overload

import sqlalchemy

from vivace.databases.values import aware_utc
from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.fields.base import Field, FieldOptions
from vivace.utils.durations import format_duration, parse_duration
from vivace.utils.exceptions import ValidationError

if TYPE_CHECKING:
    from vivace.orm.base import Model

T = TypeVar("T")
_DATE = r"\d{4}-\d{1,2}-\d{1,2}"
_TIME = r"\d{1,2}:\d{1,2}(:\d{1,2}([.,]\d{1,12})?)?"
MICROSECOND = dt.timedelta(microseconds=1)


def utc_now() -> dt.datetime:
    """The present moment, aware, in UTC."""
    return dt.datetime.now(dt.UTC)


def as_utc(value: dt.datetime) -> dt.datetime:
    """The same moment in UTC. A naive datetime raises ValueError: nobody can know which moment it means."""
    if value.tzinfo is None:
        raise ValueError(
            f"The datetime {value!r} is naive. Give an aware one, such as datetime.now(UTC) or "
            "value.replace(tzinfo=ZoneInfo(...))."
        )
    return value if value.tzinfo is dt.UTC else value.astimezone(dt.UTC)


def _aware(value: dt.datetime) -> dt.datetime:
    # MySQL's moments are in UTC and have no zone; nor have the earliest and the latest of PostgreSQL, its infinities.
    return value if value.tzinfo is not None else aware_utc(value)


class _AutoNow(Field[T]):
    """What dates, times and datetimes share: `auto_now` and `auto_now_add`."""

    _forms: ClassVar[Mapping[str, str]] = {}
    """Error codes for texts that have the right form, and that form."""

    def __init__(
        self,
        verbose_name: str | None = None,
        *,
        auto_now: bool = False,
        auto_now_add: bool = False,
        **options: Any,
    ) -> None:
        if (auto_now and auto_now_add) or ((auto_now or auto_now_add) and "default" in options):
            raise ModelDefinitionError("auto_now, auto_now_add and default exclude one another: give one of them")
        if auto_now or auto_now_add:
            options["editable"] = False
            options["blank"] = True
        super().__init__(verbose_name, **options)
        self.auto_now, self.auto_now_add = auto_now, auto_now_add

    @property
    def is_auto(self) -> bool:
        return self.auto_now or self.auto_now_add

    def now(self) -> Any:
        raise NotImplementedError

    def _refusal(self, value: Any) -> ValidationError:
        """Why a text was refused: its form, or a day or hour that does not exist."""
        for code, form in self._forms.items():
            if isinstance(value, str) and re.fullmatch(form, value):
                message = (
                    f"“%(value)s” value has the correct format but it is an invalid {code.removeprefix('invalid_')}."
                )
                return ValidationError(self.error_messages.get(code, message), code, {"value": value})
        return ValidationError(self.error_messages["invalid"], "invalid", {"value": value})

    def pre_save(self, instance: Model, add: bool) -> Any:
        if self.auto_now or (self.auto_now_add and add):
            value = self.now()
            setattr(instance, self.attname, value)
            return value
        return super().pre_save(instance, add)

    @property
    def fills_itself(self) -> bool:
        return self.is_auto or type(self).pre_save is not _AutoNow.pre_save


class DateField(_AutoNow[T]):
    """A calendar date. `auto_now` and `auto_now_add` take today's date in UTC."""

    kind = "date"
    _forms: ClassVar[Mapping[str, str]] = {"invalid_date": _DATE}
    python_type = dt.date
    default_error_messages = {
        "invalid": "“%(value)s” value has an invalid date format. It must be in YYYY-MM-DD format.",
    }

    @overload
    def __init__(
        self: DateField[dt.date],
        verbose_name: str | None = None,
        *,
        auto_now: bool = False,
        auto_now_add: bool = False,
        null: Literal[False] = False,
        **options: Unpack[FieldOptions[dt.date]],
    ) -> None: ...
    @overload
    def __init__(
        self: DateField[dt.date | None],
        verbose_name: str | None = None,
        *,
        auto_now: bool = False,
        auto_now_add: bool = False,
        null: Literal[True],
        **options: Unpack[FieldOptions[dt.date | None]],
    ) -> None: ...
    def __init__(self, verbose_name: str | None = None, **options: Any) -> None:
        super().__init__(verbose_name, **options)

    def now(self) -> Any:
        return utc_now().date()

    def to_python(self, value: Any) -> Any:
        if value is None or value.__class__ is dt.date:
            return value
        if isinstance(value, dt.datetime):
            return (as_utc(value) if value.tzinfo is not None else value).date()
        if isinstance(value, dt.date):
            return value
        try:
            return dt.date.fromisoformat(value)
        except (TypeError, ValueError) as error:
            raise self._refusal(value) from error

    def get_prep_value(self, value: Any) -> Any:
        if value is None or value.__class__ is dt.date:
            return value
        try:
            return self.to_python(value)
        except ValidationError as error:
            raise ValueError(f"Field “{self.name}” expected a date but got {value!r}.") from error

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.Date()

    def bind_converter(self, dialect: str) -> Callable[[Any], Any]:
        prepare = self.get_prep_value
        return prepare if dialect != "sqlite" else lambda value: prepare(value).isoformat()

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        return None if dialect != "sqlite" else _date_of_text


class DateTimeField(_AutoNow[T]):
    """A moment: an aware datetime in UTC."""

    kind = "datetime"
    _forms: ClassVar[Mapping[str, str]] = {"invalid_date": _DATE, "invalid_datetime": f"{_DATE}[T ]{_TIME}.*"}
    python_type = dt.datetime
    default_error_messages = {
        "invalid": "“%(value)s” value has an invalid format. It must be in YYYY-MM-DD HH:MM[:ss[.uuuuuu]][TZ] format.",
    }

    @overload
    def __init__(
        self: DateTimeField[dt.datetime],
        verbose_name: str | None = None,
        *,
        auto_now: bool = False,
        auto_now_add: bool = False,
        null: Literal[False] = False,
        **options: Unpack[FieldOptions[dt.datetime]],
    ) -> None: ...
    @overload
    def __init__(
        self: DateTimeField[dt.datetime | None],
        verbose_name: str | None = None,
        *,
        auto_now: bool = False,
        auto_now_add: bool = False,
        null: Literal[True],
        **options: Unpack[FieldOptions[dt.datetime | None]],
    ) -> None: ...
    def __init__(self, verbose_name: str | None = None, **options: Any) -> None:
        super().__init__(verbose_name, **options)

    def now(self) -> Any:
        return utc_now()

    def to_python(self, value: Any) -> Any:
        """Texts without an offset are taken as UTC, as are dates; a naive datetime object is an error."""
        if value is None:
            return None
        if isinstance(value, dt.datetime):
            try:
                return as_utc(value)
            except ValueError as error:
                raise ValidationError(str(error).replace("%", "%%"), "naive", {"value": value}) from error
        if isinstance(value, dt.date):
            return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
        try:
            parsed = dt.datetime.fromisoformat(value)
            return aware_utc(parsed) if parsed.tzinfo is None else as_utc(parsed)
        except (TypeError, ValueError, OverflowError) as error:
            raise self._refusal(value) from error

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        if value.__class__ is dt.datetime:
            return as_utc(value)
        try:
            return self.to_python(value)
        except ValidationError as error:
            raise ValueError(f"Field “{self.name}” expected a datetime but got {value!r}.") from error

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.DateTime(timezone=True)

    def bind_converter(self, dialect: str) -> Callable[[Any], Any]:
        prepare = self.get_prep_value
        if dialect != "sqlite":
            return prepare
        # In UTC, so "+00:00" is at the end.
        return lambda value: prepare(value).isoformat(" ")[:-6]

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        return _aware if dialect != "sqlite" else _datetime_of_text


class TimeField(_AutoNow[T]):
    """A time of day without a date or zone."""

    kind = "time"
    _forms: ClassVar[Mapping[str, str]] = {"invalid_time": _TIME}
    python_type = dt.time
    default_error_messages = {
        "invalid": "“%(value)s” value has an invalid format. It must be in HH:MM[:ss[.uuuuuu]] format.",
    }

    @overload
    def __init__(
        self: TimeField[dt.time],
        verbose_name: str | None = None,
        *,
        auto_now: bool = False,
        auto_now_add: bool = False,
        null: Literal[False] = False,
        **options: Unpack[FieldOptions[dt.time]],
    ) -> None: ...
    @overload
    def __init__(
        self: TimeField[dt.time | None],
        verbose_name: str | None = None,
        *,
        auto_now: bool = False,
        auto_now_add: bool = False,
        null: Literal[True],
        **options: Unpack[FieldOptions[dt.time | None]],
    ) -> None: ...
    def __init__(self, verbose_name: str | None = None, **options: Any) -> None:
        super().__init__(verbose_name, **options)

    def now(self) -> Any:
        return utc_now().time()

    def to_python(self, value: Any) -> Any:
        if value is None or value.__class__ is dt.time:
            return value
        if isinstance(value, dt.datetime):
            return value.time()
        try:
            return dt.time.fromisoformat(value)
        except (TypeError, ValueError) as error:
            raise self._refusal(value) from error

    def get_prep_value(self, value: Any) -> Any:
        if value is None or value.__class__ is dt.time:
            return value
        try:
            return self.to_python(value)
        except ValidationError as error:
            raise ValueError(f"Field “{self.name}” expected a time but got {value!r}.") from error

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.Time()

    def bind_converter(self, dialect: str) -> Callable[[Any], Any]:
        prepare = self.get_prep_value
        if dialect != "sqlite":
            return prepare

        def text(value: Any) -> str:
            time: dt.time = prepare(value)
            if time.tzinfo is not None:
                # Its text would equal no other.
                raise ValueError(f"Field “{self.name}” expected a time without a zone but got {value!r}.")
            return time.isoformat()

        return text

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        if dialect == "mysql":
            return _time_of_span
        return None if dialect == "postgresql" else _time_of_text


class DurationField(Field[T]):
    """A span of time."""

    kind = "duration"
    python_type = dt.timedelta
    default_error_messages = {
        "invalid": "“%(value)s” value has an invalid format. It must be in [DD] [[HH:]MM:]ss[.uuuuuu] format.",
    }

    @overload
    def __init__(
        self: DurationField[dt.timedelta],
        verbose_name: str | None = None,
        *,
        null: Literal[False] = False,
        **options: Unpack[FieldOptions[dt.timedelta]],
    ) -> None: ...
    @overload
    def __init__(
        self: DurationField[dt.timedelta | None],
        verbose_name: str | None = None,
        *,
        null: Literal[True],
        **options: Unpack[FieldOptions[dt.timedelta | None]],
    ) -> None: ...
    def __init__(self, verbose_name: str | None = None, **options: Any) -> None:
        super().__init__(verbose_name, **options)

    def to_python(self, value: Any) -> Any:
        if value is None or isinstance(value, dt.timedelta):
            return value
        parsed = parse_duration(value) if isinstance(value, str) else None
        if parsed is None:
            raise ValidationError(self.error_messages["invalid"], "invalid", {"value": value})
        return parsed

    def get_prep_value(self, value: Any) -> Any:
        if value is None or value.__class__ is dt.timedelta:
            return value
        try:
            return self.to_python(value)
        except ValidationError as error:
            raise ValueError(f"Field “{self.name}” expected a timedelta but got {value!r}.") from error

    def value_to_string(self, instance: Model) -> str:
        value = getattr(instance, self.attname)
        return "" if value is None else format_duration(value)

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.Interval().with_variant(sqlalchemy.BigInteger(), "sqlite", "mysql")

    def bind_converter(self, dialect: str) -> Callable[[Any], Any]:
        prepare = self.get_prep_value
        return prepare if dialect == "postgresql" else lambda value: prepare(value) // MICROSECOND

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        return None if dialect == "postgresql" else _duration_of_number


_day_of_text = dt.date.fromisoformat


def _date_of_text(value: Any) -> dt.date:
    return _day_of_text(value[:10])


_moment_of_text = dt.datetime.fromisoformat


def _datetime_of_text(value: Any) -> dt.datetime:
    # Most have no zone. To parse one with them costs a seventh of `replace(tzinfo=…)` behind.
    try:
        moment = _moment_of_text(value + "+00:00")
    except (TypeError, ValueError):
        return _datetime_of_any_text(value)
    # Behind a date alone, that is no zone but the time.
    return moment if moment.tzinfo is dt.UTC else _datetime_of_any_text(value)


def _datetime_of_any_text(value: Any) -> dt.datetime:
    parsed = _moment_of_text(value)
    return aware_utc(parsed) if parsed.tzinfo is None else as_utc(parsed)


def _time_of_span(value: Any) -> dt.time:
    # MySQL's TIME is also a span of time, which is how its driver gives it; expressions may give a text.
    if isinstance(value, dt.timedelta):
        return (dt.datetime.min.replace(tzinfo=dt.UTC) + value).time()
    return value if isinstance(value, dt.time) else _time_of_text(value)


def _time_of_text(value: Any) -> dt.time:
    return dt.time.fromisoformat(value)


def _duration_of_number(value: Any) -> dt.timedelta:
    # Sums and averages may come back as floats.
    return dt.timedelta(microseconds=value if value.__class__ is int else float(value))
