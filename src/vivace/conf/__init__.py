"""Settings types with their sources, and the registry of installed apps: data only.

Read `settings` first. Only `vivace.cli`, `vivace.project` and `vivace.testing` read settings; everything below takes
arguments with sensible defaults.
"""
