"""What COPY reads from and writes to: files (read in threads), async iterables, functions, records.

What fails on that side must not be taken for a failure of the connection (a full disk is an `OSError`, and so is a
lost connection), so it travels through the driver as `GivenUp`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from os import PathLike, fspath
from typing import Any, TypeVar

from vivace.databases.errors import DataError, InterfaceError
from vivace.databases.shielding import uninterrupted

T = TypeVar("T")

# Bytes read from a file at a time, and sent in one message.
CHUNK = 256 * 1024
# Records after which others may use the event loop: about a millisecond.
RECORDS_AT_ONCE = 500


class GivenUp(Exception):
    """The source or the destination failed; `reason` is its exception."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(reason)
        self.reason = reason


@asynccontextmanager
async def source_of(given: Any) -> AsyncIterator[AsyncIterable[bytes]]:
    """The bytes of a path, an open file, an async iterable or a buffer. Raises `InterfaceError` for anything else."""
    if isinstance(given, (str, PathLike)):
        path = fspath(given)
        file = await _opened(path, "rb")
        try:
            yield _read(file.read)
        finally:
            await uninterrupted(asyncio.to_thread(file.close))
    elif hasattr(given, "read"):
        yield _read(given.read)
    elif isinstance(given, AsyncIterable):
        yield _handed_on(given)
    elif isinstance(given, (bytes, bytearray, memoryview)):
        yield _pieces(memoryview(given))
    else:
        raise InterfaceError(
            f"COPY reads from a path, a binary file, an async iterable of bytes or bytes, got {type(given).__name__}"
        )


@asynccontextmanager
async def destination(given: Any) -> AsyncIterator[Callable[[bytes], Awaitable[object]]]:
    """An async function that writes to a path, an open file or a function. Raises `InterfaceError` for others."""
    if isinstance(given, (str, PathLike)):
        path = fspath(given)
        file = await _opened(path, "wb")
        try:
            yield _writer(lambda data: _in_thread(file.write, data))
        finally:
            await uninterrupted(asyncio.to_thread(file.close))
    elif hasattr(given, "write"):
        yield _writer(lambda data: _in_thread(given.write, data))
    elif callable(given):
        yield _writer(given)
    else:
        raise InterfaceError(
            f"COPY writes to a path, a binary file or an async function of bytes, got {type(given).__name__}"
        )


async def _opened(path: str | bytes, mode: str) -> Any:
    opening = asyncio.ensure_future(asyncio.to_thread(open, path, mode))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unwanted)
        raise


def _close_unwanted(opening: asyncio.Future[Any]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


async def _in_thread(function: Callable[..., T], *args: Any) -> T:
    # Not left behind when cancelled: the file is closed next, and a thread must not be using it then.
    return await uninterrupted(asyncio.to_thread(function, *args))


async def _read(read: Callable[[int], Any]) -> AsyncIterator[bytes]:
    try:
        while data := await _in_thread(read, CHUNK):
            if isinstance(data, str):
                raise InterfaceError("COPY reads bytes, but the file was opened as text: open it with mode 'rb'")
            yield data
    except Exception as error:
        raise GivenUp(error) from error


async def _handed_on(source: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    try:
        async for data in source:
            if not isinstance(data, (bytes, bytearray, memoryview)):
                raise InterfaceError(f"COPY takes bytes from its source, got {type(data).__name__}")
            if data:
                yield bytes(data)
    except Exception as error:
        raise GivenUp(error) from error


async def _pieces(data: memoryview) -> AsyncIterator[bytes]:
    data = data.cast("B")
    for start in range(0, len(data), CHUNK):
        yield bytes(data[start : start + CHUNK])
        await asyncio.sleep(0)


def _writer(write: Callable[[bytes], Awaitable[object]]) -> Callable[[bytes], Awaitable[object]]:
    async def hand_over(data: bytes) -> None:
        try:
            await write(data)
        except Exception as error:
            raise GivenUp(error) from error

    return hand_over


class Outflow:
    """Takes what COPY gives from the driver and hands it to the destination, in the task of whoever copies.

    asyncpg waits for ever if its own `output` fails (or is cancelled) with the last piece, when the server has nothing
    more to say. So nothing of the destination's ever fails there: the driver works in a task of its own, which is
    cancelled only while it waits for the server.
    """

    def __init__(self, write: Callable[[bytes], Awaitable[object]]) -> None:
        self._write = write
        self._piece: bytes | None = None
        self._is_ended = self._is_given_up = False
        self._changed = asyncio.Event()
        self._is_inside = False

    async def run(self, start: Callable[[Callable[[bytes], Awaitable[None]]], Awaitable[T]]) -> T:
        """`start` begins the copying into the function that it is given."""
        driver = asyncio.ensure_future(start(self._take))
        driver.add_done_callback(self._end)
        try:
            while (piece := await self._next()) is not None:
                await self._write(piece)
            return await driver
        except BaseException:
            await uninterrupted(self._give_up(driver))
            raise

    async def _take(self, piece: bytes) -> None:
        self._is_inside = True
        while self._piece is not None and not self._is_given_up:
            await self._change()
        self._piece = piece
        self._is_inside = False
        self._changed.set()

    async def _next(self) -> bytes | None:
        while self._piece is None and not self._is_ended:
            await self._change()
        piece, self._piece = self._piece, None
        self._changed.set()
        return piece

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _end(self, _: object) -> None:
        self._is_ended = True
        self._changed.set()

    async def _give_up(self, driver: asyncio.Future[Any]) -> None:
        self._is_given_up = True
        self._changed.set()
        while self._is_inside and not driver.done():  # noqa: ASYNC110 (one or two turns of the loop)
            await asyncio.sleep(0)
        driver.cancel()
        await asyncio.wait([driver])
        if not driver.cancelled():
            driver.exception()  # ours is the one to hear about


class Records:
    """Records on their way into a table: an async iterator that knows which one it gave last."""

    def __init__(self, records: AsyncIterable[Sequence[Any]]) -> None:
        self._records = records
        self._given = 0
        self._is_inside = False

    async def __aiter__(self) -> AsyncIterator[Sequence[Any]]:
        try:
            async for record in self._records:
                self._given += 1
                self._is_inside = True
                yield record
                self._is_inside = False
        except Exception as error:
            raise GivenUp(error) from error

    async def explained(self, copying: Awaitable[T]) -> T:
        """`copying`, whose complaint about a value becomes a `DataError` that names the record."""
        try:
            return await copying
        except (TypeError, ValueError, OverflowError, IndexError, ArithmeticError) as error:
            if not self._is_inside:
                raise
            raise DataError(f"Record {self._given} (from 1) does not fit the table: {complaint(error)}") from error


def complaint(error: Exception) -> str:
    """What asyncpg says of a value, without the value: it may be a secret."""
    text = str(error)
    names_only_a_type = text.count("'") == 2 and ("' object" in text or "not '" in text)
    return text if names_only_a_type or "'" not in text else type(error).__name__


def records_of(given: Any) -> Records:
    """`given` as one async iterable. Raises `InterfaceError` for what is no iterable."""
    if isinstance(given, AsyncIterable):
        return Records(given)
    if not isinstance(given, Iterable) or isinstance(given, (str, bytes)):
        raise InterfaceError(f"COPY takes an iterable of records, got {type(given).__name__}")
    return Records(_in_slices(given))


async def _in_slices(records: Iterable[Sequence[Any]]) -> AsyncIterator[Sequence[Any]]:
    left = RECORDS_AT_ONCE
    for record in records:
        yield record
        left -= 1
        if not left:
            left = RECORDS_AT_ONCE
            await asyncio.sleep(0)
