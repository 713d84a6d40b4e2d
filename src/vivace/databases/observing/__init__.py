"""What can be seen of a running database: hooks on its statements, and what is built on them.

Read `events.py` first (what a hook gets), then `watch.py` (the one place where statements are observed). The others are
hooks: `log.py`, `slow_queries.py`, `statements.py` (statistics by statement), `opentelemetry.py`.
"""
