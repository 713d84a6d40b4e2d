"""The `vivace` command."""
