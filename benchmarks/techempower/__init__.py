"""TechEmpower's tests by its rules, and two of our own on SQLite: `scripts/bench techempower`.

`data.py` has the tables, `checks.py` what a right answer is, `race.py` who takes part; `applications/` are the sites.
"""
