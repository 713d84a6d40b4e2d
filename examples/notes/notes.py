"""Notes over HTTP, in a database: vivace.web, vivace.databases and tables of SQLAlchemy, without models.

    cd examples/notes
    alembic upgrade head
    vivace run notes.py
    curl -d '{"text": "Buy milk", "completed": false}' http://127.0.0.1:8000/notes

DATABASE_URL says which database, by default a SQLite file here; PostgreSQL and MySQL do as well.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import sqlalchemy as sa

from vivace.databases import Database
from vivace.web import Application, HTTPException, JSONResponse, Request, Response, Route

database = Database(os.environ.get("DATABASE_URL", "sqlite:///notes.db"))
metadata = sa.MetaData()
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("text", sa.String(length=100), nullable=False),
    sa.Column("completed", sa.Boolean, nullable=False),
)


class Note(msgspec.Struct):
    """What a client sends."""

    text: str
    completed: bool = False


class StoredNote(Note, kw_only=True):
    """What the database has."""

    id: int


async def list_notes(request: Request) -> Response:
    """All notes, the first one first."""
    stored = await database.fetch_all(notes.select().order_by(notes.c.id), into=StoredNote)
    return JSONResponse(msgspec.to_builtins(stored))


async def add_note(request: Request) -> Response:
    """Store a note and answer with its key."""
    note = await note_of(request)
    key = await database.execute(notes.insert(), msgspec.to_builtins(note))
    return JSONResponse({"id": key, "text": note.text, "completed": note.completed}, status_code=201)


@database.transaction()
async def replace_notes(request: Request) -> Response:
    """Forget all notes and store those that were sent: all of them, or nothing has changed."""
    try:
        new = msgspec.json.decode(await request.body(), type=list[Note])
    except msgspec.DecodeError as error:
        raise HTTPException(400, str(error)) from error
    await database.execute(notes.delete())
    await database.execute_many(notes.insert(), [msgspec.to_builtins(note) for note in new])
    return JSONResponse({"stored": len(new)})


async def delete_note(request: Request) -> Response:
    """Forget one note."""
    deleted = await database.execute(notes.delete().where(notes.c.id == request.path_params["id"]))
    if not deleted:
        raise HTTPException(404, "There is no such note")
    return Response(status_code=204)


async def note_of(request: Request) -> Note:
    """The note in the request's body; 400 when it is none."""
    try:
        return msgspec.json.decode(await request.body(), type=Note)
    except msgspec.DecodeError as error:
        raise HTTPException(400, str(error)) from error


@asynccontextmanager
async def lifespan(app: Application) -> AsyncIterator[None]:
    """The database is connected as long as the application runs."""
    async with database:
        yield


app = Application(
    lifespan=lifespan,
    routes=[
        Route("/notes", list_notes, methods=["GET"]),
        Route("/notes", add_note, methods=["POST"]),
        Route("/notes", replace_notes, methods=["PUT"]),
        Route("/notes/{id:int}", delete_note, methods=["DELETE"]),
    ],
)
