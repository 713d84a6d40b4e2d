"""Fields that hold dates, times and durations; ISO 8601 in and out unless told otherwise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, ClassVar

from vivace.rest.fields import _iso8601
from vivace.rest.fields.base import Field, empty
from vivace.rest.fields.numeric import _Limited

ISO_8601 = "iso-8601"


class _Formatted(Field):
    """A field with one output format and some input formats, each `iso-8601` or one of `strftime`'s."""

    iso_name: ClassVar[str]

    @staticmethod
    def parse_iso(text: str) -> Any:
        """The value of an ISO 8601 text. Raises ValueError."""
        raise NotImplementedError

    def __init__(self, *, format: Any = empty, input_formats: Sequence[str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.format: str | None = ISO_8601 if format is empty else format
        self.input_formats = (ISO_8601,) if input_formats is None else tuple(input_formats)

    def parse(self, data: Any) -> Any:
        """The value of the first format that `data` is written in. Raises ValidationError naming the formats."""
        if isinstance(data, str):
            for input_format in self.input_formats:
                try:
                    if input_format.lower() == ISO_8601:
                        return self.parse_iso(data)
                    return self.from_datetime(dt.datetime.strptime(data, input_format))  # noqa: DTZ007 (zone comes later)
                except ValueError:
                    continue
        shown = ", ".join(self.iso_name if f.lower() == ISO_8601 else _humanized(f) for f in self.input_formats)
        return self.fail("invalid", format=shown)

    def from_datetime(self, value: dt.datetime) -> Any:
        """The part of a parsed date and time that this field holds."""
        return value

    def show(self, value: Any) -> Any:
        """`value` in the output format."""
        if self.format is None or isinstance(value, str):
            return value
        return value.isoformat() if self.format.lower() == ISO_8601 else value.strftime(self.format)


class DateTimeField(_Formatted):
    """A point in time. Values are aware, and UTC unless `default_timezone` says otherwise.

    A value sent without an offset is taken to be in `default_timezone`.
    """

    default_error_messages: ClassVar = {
        "invalid": "Datetime has wrong format. Use one of these formats instead: {format}.",
        "date": "Expected a datetime but got a date.",
        "overflow": "Datetime value out of range.",
    }
    iso_name = "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]"
    parse_iso = staticmethod(_iso8601.parse_datetime)

    def __init__(self, *, default_timezone: dt.tzinfo | None = dt.UTC, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.timezone = default_timezone

    def enforce_timezone(self, value: dt.datetime) -> dt.datetime:
        """`value` in the field's zone; naive when the field has none."""
        try:
            if self.timezone is None:
                return value if value.tzinfo is None else value.astimezone(dt.UTC).replace(tzinfo=None)
            return value.replace(tzinfo=self.timezone) if value.tzinfo is None else value.astimezone(self.timezone)
        except OverflowError:
            self.fail("overflow")

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dt.datetime):
            return self.enforce_timezone(data)
        if isinstance(data, dt.date):
            self.fail("date")
        return self.enforce_timezone(self.parse(data))

    def to_representation(self, value: Any) -> Any:
        if not value:
            return None
        if self.format is None or isinstance(value, str):
            return value
        shown = self.show(self.enforce_timezone(value))
        return shown[:-6] + "Z" if shown.endswith("+00:00") else shown


class DateField(_Formatted):
    """A calendar day."""

    default_error_messages: ClassVar = {
        "invalid": "Date has wrong format. Use one of these formats instead: {format}.",
        "datetime": "Expected a date but got a datetime.",
    }
    iso_name = "YYYY-MM-DD"
    parse_iso = staticmethod(_iso8601.parse_date)

    def from_datetime(self, value: dt.datetime) -> dt.date:
        return value.date()

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dt.datetime):
            self.fail("datetime")
        return data if isinstance(data, dt.date) else self.parse(data)

    def to_representation(self, value: Any) -> Any:
        if not value:
            return None
        if isinstance(value, dt.datetime) and self.format is not None:
            raise TypeError(
                f"{self.field_name}: a DateField was given a datetime; which day it is depends on the time zone. "
                "Use DateTimeField, or a SerializerMethodField that decides"
            )
        return self.show(value)


class TimeField(_Formatted):
    """A time of day."""

    default_error_messages: ClassVar = {"invalid": "Time has wrong format. Use one of these formats instead: {format}."}
    iso_name = "hh:mm[:ss[.uuuuuu]]"
    parse_iso = staticmethod(_iso8601.parse_time)

    def from_datetime(self, value: dt.datetime) -> dt.time:
        return value.time()

    def to_internal_value(self, data: Any) -> Any:
        return data if isinstance(data, dt.time) else self.parse(data)

    def to_representation(self, value: Any) -> Any:
        if value is None or value == "":
            return None
        if isinstance(value, dt.datetime):
            raise TypeError(f"{self.field_name}: a TimeField was given a datetime; use DateTimeField")
        return self.show(value)


class DurationField(_Limited):
    """A length of time: "3 04:05:06.789" as Django writes it, or ISO 8601 with `format="iso-8601"`; takes both."""

    default_error_messages: ClassVar = {
        "invalid": "Duration has wrong format. Use one of these formats instead: {format}.",
        "overflow": "The number of days must be between {min_days} and {max_days}.",
    }

    def __init__(self, *, format: str | None = "django", **kwargs: Any) -> None:
        if format not in ("django", ISO_8601, None):
            raise ValueError(f"DurationField(format={format!r}): choose 'django', 'iso-8601' or None")
        super().__init__(**kwargs)
        self.format = format

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dt.timedelta):
            return data
        text = str(data)
        self.check_length(text)
        try:
            value = _iso8601.parse_duration(text)
        except OverflowError:
            self.fail("overflow", min_days=dt.timedelta.min.days, max_days=dt.timedelta.max.days)
        except ValueError:
            self.fail("invalid", format="[DD] [HH:[MM:]]ss[.uuuuuu]")
        return value

    def to_representation(self, value: Any) -> Any:
        if self.format is None:
            return value
        return _iso8601.duration_iso_string(value) if self.format == ISO_8601 else _iso8601.duration_string(value)


_HUMAN = {
    "%Y": "YYYY", "%y": "YY", "%m": "MM", "%b": "[Jan-Dec]", "%B": "[January-December]", "%d": "DD",
    "%H": "hh", "%I": "hh", "%M": "mm", "%S": "ss", "%f": "uuuuuu", "%a": "[Mon-Sun]", "%A": "[Monday-Sunday]",
    "%p": "[AM|PM]", "%z": "[+HHMM|-HHMM]",
}  # fmt: skip


def _humanized(strftime: str) -> str:
    for directive, human in _HUMAN.items():
        strftime = strftime.replace(directive, human)
    return strftime
