"""`vivace ctl`: ask a running server how it fares, or tell it to do something."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vivace.cli.errors import CommandError

if TYPE_CHECKING:
    from vivace.server.supervisor.control_messages import Answer, Command, Report
    from vivace.server.supervisor.handle import WorkerStatus

ACTIONS = ("status", "reload", "scale", "upgrade", "drain", "stop")
WIDTH = 120
UNITS = ("KiB", "MiB", "GiB", "TiB")


@click.command("ctl")
@click.argument("action", type=click.Choice(ACTIONS), metavar="ACTION")
@click.argument("count", type=click.IntRange(min=1), required=False)
@click.option(
    "--socket",
    "path",
    metavar="PATH",
    envvar="VIVACE_CONTROL_SOCKET",
    help="The server's --control-socket. Without it: the server that was started in this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def command(action: Command, count: int | None, path: str | None, as_json: bool) -> None:
    """Ask a running server, or tell it what to do.

    \b
    ACTION is one of
      status    show workers, addresses, requests, memory
      reload    replace the workers one by one by new ones, with the code as it is now
      scale N   have N workers
      upgrade   start a new server, with Vivace and options as they are now too, and let it take over
      drain     stop gracefully: what has begun is finished
      stop      stop at once: what has begun is cancelled

    It ends when that is done, with exit code 1 when it failed. The server is one with workers, started in this folder
    by this user.

    \b
    vivace ctl status
    vivace ctl scale 8
    vivace ctl reload --socket /run/mysite/control.sock
    """
    from vivace.server.errors import ServerError
    from vivace.server.supervisor.control_client import ask, find
    from vivace.server.supervisor.control_messages import Answer, Request
    from vivace.server.supervisor.control_paths import working_folder

    if (action == "scale") != (count is not None):
        raise click.UsageError("scale takes the number of workers: vivace ctl scale 4" if count is None else
                               f"{action} takes no number.")  # fmt: skip
    try:
        answer = ask(find(working_folder()) if path is None else Path(path), Request(action, count))
    except ServerError as error:
        answer = Answer(ok=False, error=str(error))
    show(answer, action, as_json)


def show(answer: Answer, action: str, as_json: bool) -> None:
    """Print the answer. CommandError: it was not done."""
    import msgspec

    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(answer)))
        if not answer.ok:
            raise click.exceptions.Exit(CommandError.exit_code)
    elif not answer.ok:
        raise CommandError(answer.error)
    elif action == "status" and answer.report is not None:
        show_report(answer.report)
    else:
        click.echo(answer.message)


def show_report(report: Report) -> None:
    """The server in a few lines, its workers in a table."""
    from rich.console import Console
    from rich.table import Table

    server = report.server
    console = Console(highlight=False)
    # Of a pipe, and of a narrow terminal: lines that wrap are read more easily than cells that do.
    console.width = max(console.width, WIDTH)
    lines = [
        ("server", f"{server.target} in {report.folder}"),
        ("state", server.state),
        ("addresses", ", ".join(server.addresses)),
        ("supervisor", f"pid {report.pid}, Vivace {report.version}, up for {duration(server.age)}"),
    ]
    for name, value in lines:
        console.print(f"[bold]{name:<11}[/bold]", end="")
        console.print(value, markup=False, soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("worker")
    table.add_column("state")
    for name in ("pid", "age", "requests", "in flight", "queued", "connections", "memory", "loop lag"):
        table.add_column(name, justify="right", no_wrap=True)
    for worker in server.workers:
        table.add_row(*row(worker))
    console.print()
    console.print(table)


def row(worker: WorkerStatus) -> list[str]:
    """A worker's cells."""
    counted = worker.statistics
    return [
        str(worker.slot),
        worker.state,
        str(worker.pid),
        duration(worker.age),
        f"{counted.requests:,}",
        f"{counted.in_flight:,}",
        f"{counted.queued:,}",
        f"{counted.connections:,}",
        size(counted.memory),
        f"{counted.loop_lag * 1000:.1f} ms",
    ]


def duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    whole = int(seconds)
    steps = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))
    for large, large_name, small, small_name in steps:
        if whole >= large:
            return f"{whole // large} {large_name} {whole % large // small} {small_name}"
    return f"{whole} s"


def size(count: float) -> str:
    """`85.2 MiB`."""
    if count < 1024:
        return f"{count:.0f} B"
    power = min(int(math.log(count, 1024)), len(UNITS))
    return f"{count / 1024**power:.1f} {UNITS[power - 1]}"
