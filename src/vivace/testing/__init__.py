"""The pytest plugin: database isolation and query-count assertions."""
