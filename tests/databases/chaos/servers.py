"""Database servers of these tests' own, which may be stopped and killed: a PostgreSQL and a MariaDB in a folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class PostgreSQL:
    """A cluster made by initdb."""

    def __init__(self, folder: Path) -> None:
        self._bin = max(Path("/usr/lib/postgresql").glob("*/bin"))
        self._data = folder / "postgres"
        self._folder = folder
        self.port = free_port()
        self.url = f"postgresql://vivace@127.0.0.1:{self.port}/postgres"
        self._as: list[str] = []
        if os.getuid() == 0:  # it refuses to run as root
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
            for path in (folder, *folder.parents[:2]):
                path.chmod(0o755)
            subprocess.run(["chown", "postgres", folder], check=True)
        self._call("initdb", "-U", "vivace", "-A", "trust", "--no-sync", "--locale=C.UTF-8", "-E", "UTF8")
        self.start()

    def _call(self, program: str, *arguments: str) -> None:
        # To a file: what the server inherits must not be a pipe that somebody waits for.
        with (self._folder / f"{program}.log").open("ab") as output:
            command = [*self._as, str(self._bin / program), "-D", str(self._data), *arguments]
            result = subprocess.run(command, check=False, cwd=self._folder, stdout=output, stderr=output)
        if result.returncode:
            raise RuntimeError((self._folder / f"{program}.log").read_text()[-2000:])

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._call("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", f"{options} -c max_connections=30", "start")

    def stop(self, mode: str = "fast") -> None:
        """`fast` ends connections with a word, `immediate` drops everything."""
        self._call("pg_ctl", "-w", "-m", mode, "stop")

    def kill_backend(self, pid: int) -> None:
        """kill -9 of the process of one connection: the server ends all others too and recovers."""
        os.kill(pid, signal.SIGKILL)


class MariaDB:
    """A data folder made by mariadb-install-db."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"mysql://chaos@127.0.0.1:{self.port}/chaos"
        path = os.environ["PATH"] + ":/usr/sbin"
        self._environment = {**os.environ, "PATH": path}
        self._options = [
            "--no-defaults",
            f"--datadir={folder / 'mariadb'}",
            f"--user={'root' if os.getuid() == 0 else os.environ.get('USER', 'mysql')}",
            "--skip-log-bin",
            "--innodb-flush-method=nosync",
            "--innodb-log-file-size=16M",
            "--innodb-buffer-pool-size=32M",
            "--innodb-use-native-aio=0",
        ]
        (folder / "mariadb").mkdir()
        install = ["mariadb-install-db", *self._options, "--skip-test-db", "--auth-root-authentication-method=normal"]
        subprocess.run(install, check=True, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (folder / "init.sql").write_text(
            "CREATE DATABASE IF NOT EXISTS chaos;\n"
            "CREATE USER IF NOT EXISTS chaos@'%';\n"
            "GRANT ALL ON *.* TO chaos@'%';\n"
        )
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(
            [
                "mariadbd",
                *self._options,
                "--bind-address=127.0.0.1",
                f"--port={self.port}",
                f"--socket={self._folder / 'sock'}",
                f"--pid-file={self._folder / 'pid'}",
                f"--init-file={self._folder / 'init.sql'}",
            ],
            env=self._environment,
            stdout=log,
            stderr=log,
        )
        log.close()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise TimeoutError("MariaDB did not start")

    def stop(self, mode: str = "fast") -> None:
        """`fast` ends it in order, `immediate` kills it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL if mode == "immediate" else signal.SIGTERM)
        self._process.wait(30)


Server = PostgreSQL | MariaDB
