"""The pytest plugin: loaded by pytest through the package's entry point."""
