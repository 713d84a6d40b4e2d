"""What `vivace ctl` and a supervisor say to each other: JSON, a message a line, over the control socket."""

from __future__ import annotations

from typing import Literal

import msgspec

from vivace.server.supervisor.supervisor import Status

Command = Literal["status", "reload", "scale", "drain", "stop", "upgrade"]
# A request is short; whoever sends more is not `vivace ctl`.
LONGEST_REQUEST = 4096


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """One thing to do. The answer comes when it is done."""

    command: Command
    count: int | None = None  # of workers, for `scale`


class Report(msgspec.Struct, kw_only=True):
    """Which server it is, and how it fares."""

    pid: int
    version: str
    folder: str  # where it was started
    server: Status


class Answer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """It was done, or `error` says why not."""

    ok: bool
    message: str = ""
    error: str = ""
    report: Report | None = None


encode = msgspec.json.Encoder().encode
decode_request = msgspec.json.Decoder(Request).decode
decode_answer = msgspec.json.Decoder(Answer).decode
