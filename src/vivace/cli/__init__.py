"""The `vivace` command.

Read `group` first: the table of commands, each a file under `commands/` that is imported only when it runs, so that
`vivace --help` is quick. `target` says how every command finds the application.
"""

from __future__ import annotations


def main() -> None:
    """The entry point of `vivace` and `python -m vivace`; ends the process with the exit code."""
    from vivace.cli.group import cli  # importing the package loads no click

    cli(prog_name="vivace")


__all__ = ["main"]
