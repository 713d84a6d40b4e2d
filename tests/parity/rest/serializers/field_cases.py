"""Fields, each with values that it is given and values that it shows."""

from __future__ import annotations

# (field, values taken in, values shown)
NUMBERS = "0, 1, -1, 3.0, 3.5, '3', '3.0', '3.00 ', ' 4 ', '3.5', '', ' ', None, True, False, 'x', [], {}, 2**70, '1e3'"
TEXTS = "'a', '', ' ', ' a ', 5, 1.5, True, None, [], {}, 'x\\x00y', 'x\\ud800', 'é', 'a' * 11"
MOMENTS = (
    "'2024-02-29', '2024-02-30', '2024-02-29T12:30', '2024-02-29T12:30:45.123456Z', '2024-02-29 12:30+02:00', "
    "'2024-02-29T25:00', '12:30', '12:30:45', '12:30:45.5', '24:00', '', None, 5, [], {}, True, 'x', "
    "'20240229', '9999-12-31T23:59:59-05:00', dt.date(2024, 1, 2), dt.time(1, 2), "
    "dt.datetime(2024, 1, 2, 3, 4, tzinfo=dt.timezone.utc)"
)
SPANS = (
    "'1', '90', '1 00:00:01', '-1 day, 0:00:01', 'P4DT12H', '00:01.5', '-00:00:01', 'x', '', None, 5, [], "
    "dt.timedelta(1), '9' * 20, True"
)
DECIMALS = (
    "'1', 1, 1.5, '1.25', '1.255', '12345.5', '1234', '999.99', '-999.99', '1e2', '1e-2', 'nan', 'inf', 'x', '', "
    "None, [], {}, True, Decimal('1.10'), '0.00', '000.10', '9' * 1001"
)
CASES: list[tuple[str, str, str]] = [
    (
        "BooleanField()",
        "True, False, 1, 0, 'true', 'TRUE', 'Off', 'y', 'no', 'null', '', None, 2, [], {}, 'x', 1.0",
        "1, 0, 't', 'f', 'x', 5",
    ),
    ("BooleanField(allow_null=True)", "True, 'null', '', None, 'x', []", "True, 'null', ''"),
    ("CharField()", TEXTS, "'a', 5, True, 1.5"),
    ("CharField(allow_blank=True, allow_null=True, trim_whitespace=False)", TEXTS, "'a'"),
    ("CharField(min_length=2, max_length=10)", TEXTS + ", '100%', 'ab'", "'abc'"),
    ("EmailField()", "'a@b.com', 'a@b', 'x', '', 5, None, ' a@b.com ', 'a@localhost'", "'a@b.com'"),
    ("RegexField('[a-z][0-9]')", "'a9', 'xa9x', 'A', '', 5, None", "'a9'"),
    ("SlugField()", "'a-b_c', 'a b', 'é', '', 5, None", "'a-b'"),
    ("SlugField(allow_unicode=True)", "'a-b_c', 'a b', 'é', ''", "'é'"),
    (
        "URLField()",
        "'http://a.com', 'https://a.com/b?c#d', 'ftp://a.b', 'a.com', 'x', '', None, 'http://'",
        "'http://a'",
    ),
    (
        "UUIDField()",
        "'825d7aeb-05a9-45b5-a5b7-05df87923cda', 5, 'x', None, [], uuid.UUID(int=7)",
        "uuid.UUID(int=7)",
    ),
    ("UUIDField(format='hex')", "'x'", "uuid.UUID(int=7)"),
    ("UUIDField(format='int')", "'x'", "uuid.UUID(int=7)"),
    ("UUIDField(format='urn')", "'x'", "uuid.UUID(int=7)"),
    (
        "IPAddressField()",
        "'1.2.3.4', '::1', '0:0::0001', '::ffff:1.2.3.4', 'fe80::1%eth0', '1.2.3', 5, '', None, ' ::1 '",
        "'1.2.3.4'",
    ),
    ("IPAddressField(protocol='ipv4')", "'1.2.3.4', '::1', 'x', 5, '01.2.3.4'", "'1.2.3.4'"),
    ("IPAddressField(protocol='IPv6')", "'1.2.3.4', '::1', 'x', 5, '::ffff:0a0a:0a0a', '2001:0db8:0::1'", "'::1'"),
    ("IntegerField()", NUMBERS + ", '9' * 1001", "1, '2', 3.7"),
    ("IntegerField(min_value=1, max_value=3)", "0, 1, 3, 4, '5'", "1"),
    ("BigIntegerField()", NUMBERS, "1, 2**60"),
    ("BigIntegerField(coerce_to_string=True)", NUMBERS, "1, 2**60"),
    ("FloatField()", NUMBERS + ", 1e400", "1, '2.5'"),
    ("FloatField(min_value=1, max_value=3)", "0.5, 1, 3, 4", "1"),
    (
        "DecimalField(max_digits=5, decimal_places=2)",
        DECIMALS,
        "Decimal('1.1'), '2.345', 3, Decimal('NaN')",
    ),
    ("DecimalField(max_digits=3, decimal_places=1, coerce_to_string=False)", "'1.2'", "Decimal('1.25'), 2"),
    (
        "DecimalField(max_digits=6, decimal_places=3, normalize_output=True)",
        "'1.200'",
        "Decimal('1.200'), Decimal('300')",
    ),
    ("DecimalField(max_digits=6, decimal_places=3, rounding='ROUND_UP')", "'1.2'", "Decimal('1.2341')"),
    ("DecimalField(max_digits=None, decimal_places=None)", "'1.2345', '1e5'", "Decimal('1.2341')"),
    ("DecimalField(max_digits=5, decimal_places=2, max_value=10, min_value=Decimal('0.5'))", "'0.4', '11', '10'", "1"),
    ("DecimalField(max_digits=4, decimal_places=2, allow_null=True)", "'', ' ', None", "1"),
    ("DateTimeField()", MOMENTS, "dt.datetime(2024, 1, 2, 3, 4, tzinfo=dt.timezone.utc), '2024'"),
    (
        "DateTimeField(format='%Y', input_formats=['%H:%M', 'iso-8601'])",
        MOMENTS,
        "dt.datetime(2024, 1, 2, 3, 4, tzinfo=dt.timezone.utc)",
    ),
    ("DateTimeField(format=None, default_timezone=dt.timezone.utc)", "'2024-02-29'", "dt.datetime(2024, 1, 2)"),
    ("DateField()", MOMENTS, "dt.date(2024, 1, 2), '2024-01-02'"),
    (
        "DateField(format='%d.%m.', input_formats=['%d.%m.%Y'])",
        "'2.1.2024', '2024-01-02', '31.2.2024'",
        "dt.date(2024, 1, 2)",
    ),
    ("TimeField()", MOMENTS, "dt.time(1, 2), dt.time(1, 2, 3, 4), '01:02'"),
    ("TimeField(format='%H', input_formats=['%H.%M'])", "'1.2', '1:2', '25.00'", "dt.time(1, 2)"),
    ("DurationField()", SPANS, "dt.timedelta(1, 2, 3), dt.timedelta(-1, 5)"),
    ("DurationField(format='iso-8601')", "'1'", "dt.timedelta(1, 2, 3), dt.timedelta(-1, 5)"),
    ("DurationField(format=None)", "'1'", "dt.timedelta(1, 2, 3)"),
    ("DurationField(max_value=dt.timedelta(1), min_value=dt.timedelta(0))", "'2 00:00', '-1', '5'", "dt.timedelta(1)"),
    (
        "ChoiceField(choices=['a', 'b', (1, 'One'), ('G', [('c', 'C')])])",
        "'a', 'c', 1, '1', 'G', '', None, [], {}, True, 'x'",
        "'a', 1, '1', 'x', ''",
    ),
    ("ChoiceField(choices=['a'], allow_blank=True, allow_null=True)", "'a', '', None", "'a', ''"),
    ("ChoiceField(choices=Level)", "1, '1', 'LOW', Level.LOW", "1, Level.LOW"),
    (
        "MultipleChoiceField(choices=['a', 'b', 3])",
        "['a'], ['b', 'a'], ['3'], [], 'a', {}, None, ['x'], 5, [['a']]",
        "['a', 'b']",
    ),
    ("MultipleChoiceField(choices=['a', 'b'], allow_empty=False)", "[], ['a']", "['a']"),
    ("ListField()", "[1, 'a', None], [], 'x', {}, None, 5, (1, 2)", "[1, None], []"),
    (
        "ListField(child=IntegerField(min_value=0), allow_empty=False, max_length=3, min_length=2)",
        "[1, '2'], [], [1], [1, 2, 3, 4], [1, -1], ['x', None], 'x'",
        "[1, '2', None]",
    ),
    ("ListField(child=ListField(child=CharField()))", "[['a'], []], [5], [[None, '']]", "[['a']]"),
    ("DictField()", "{'a': 1, 5: None}, {}, [], 'x', None", "{'a': 1, 5: None}"),
    (
        "DictField(child=CharField(max_length=2), allow_empty=False)",
        "{'a': 1, 'b': 'xxx', 'c': None}, {}, {'a': 'x'}",
        "{'a': 1, 'b': None}",
    ),
    ("HStoreField()", "{'a': 'x', 'b': None, 'c': ''}, {'a': []}, 'x', {}", "{'a': 'x', 'b': None}"),
    ("JSONField()", "{'a': [1, None, 'x']}, 'x', 5, nan, None, [], object(), {'a': {1}}", "{'a': 1}, [1], 'x'"),
    ("JSONField(binary=True)", "'{\"a\": 1}', b'[1]', '{', 'x', None, 5", "{'a': 1}"),
    ("ReadOnlyField()", "1", "1, 'x', [1]"),
    ("FilePathField(path=HERE, match='both')", "'x', '', None, HERE + '/both.py', HERE", "HERE + '/both.py'"),
    (
        "FileField(max_length=5)",
        "NS(name='a.txt', size=1), NS(name='', size=1), NS(name='a', size=0), NS(name='abcdef', size=1), 'x', None, 5",
        "NS(url='/a', name='a'), '', NS(x=1)",
    ),
    ("FileField(use_url=False, allow_empty_file=True)", "NS(name='a', size=0)", "NS(url='/a', name='a')"),
]
