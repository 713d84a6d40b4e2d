"""The writer thread: autocommit writes that wait at the same time share one transaction (group commit).

One COMMIT for a hundred inserts instead of a hundred. The neighbours in a group never notice each other: a failing
statement takes back only itself (SQLite undoes a failed statement as a whole), and when the group as a whole fails, be
it at its COMMIT (a deferred foreign key, a full disk) or because a statement said ON CONFLICT ROLLBACK, it is rolled
back and its statements are run again one by one, each with its own result.
"""

from __future__ import annotations

import sqlite3

from vivace.databases.backends.sqlite._jobs_cy import Job
from vivace.databases.backends.sqlite.translate import DRIVER_ERRORS, translated
from vivace.databases.backends.sqlite.worker import Worker


class Writer(Worker):
    """A worker that groups jobs which say that they are `groupable`."""

    def _run(self, connection: sqlite3.Connection, job: Job) -> None:
        if not job.groupable:
            super()._run(connection, job)
            return
        first = job
        second = self._next_waiting()
        if second is None:
            super()._run(connection, first)
        elif not second.groupable:
            super()._run(connection, first)
            super()._run(connection, second)
        else:
            self._run_group(connection, [first, second])

    def _run_group(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except DRIVER_ERRORS as error:
            self._fail(connection, jobs, error)
            return
        follower = self._run_together(connection, jobs)
        try:
            is_committed = self._committed(connection)
        except DRIVER_ERRORS as error:
            # Neither COMMIT nor ROLLBACK: an I/O error. Closing the connection rolls back.
            self.renew()
            self._fail(connection, jobs, error)
        else:
            if is_committed:
                self._finish(jobs)
            else:
                for job in jobs:
                    super()._run(connection, job)
        if follower is not None:
            self._work_on(follower)

    def _fail(self, connection: sqlite3.Connection, jobs: list[Job], error: Exception) -> None:
        for job in jobs:
            job.error = translated(error, job.plan.sql, connection)
            job.error.__cause__ = error
        self._finish(jobs)

    def _committed(self, connection: sqlite3.Connection) -> bool:
        if not connection.in_transaction:
            return False  # a statement has rolled back all of it
        try:
            connection.execute("COMMIT")
        except DRIVER_ERRORS:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return False
        return True
