"""The peers and tools that a benchmark needs, put where they disturb nobody: `.venv-bench`, which git ignores."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXCHANGE_SOURCE = Path(__file__).with_name("exchange.c")
# Command and the Debian package that has it.
DEBIAN_TOOLS = {
    "wrk": "wrk",
    "h2load": "nghttp2-client",
    "nghttp": "nghttp2-client",
    "nghttpd": "nghttp2-server",
    "node": "nodejs",
    "npm": "npm",
}
NPM_PACKAGES = ("ws", "bun", "fastify", "pg", "better-sqlite3")


class Workbench:
    """Where peers are installed, and why those that are not are missing."""

    def __init__(self, folder: Path = ROOT / ".venv-bench") -> None:
        self.folder = folder
        self.python = str(folder / "bin" / "python")
        self.node_modules = folder / "node_modules"
        self.exchange = folder / "exchange"
        self.failures: dict[str, str] = {}

    # ---- installing

    def prepare(self) -> None:
        """Install what is not there yet. A failure is remembered, for `missing`, rather than raised."""
        self.install_debian_tools()
        self.install_python_peers()
        self.install_npm_packages()
        self.compile_exchange()

    def install_debian_tools(self) -> None:
        """Where we may: wrk, h2load, node."""
        packages = sorted({package for tool, package in DEBIAN_TOOLS.items() if shutil.which(tool) is None})
        if not packages or os.geteuid() != 0 or shutil.which("apt-get") is None:
            return
        say(f"Installing {', '.join(packages)} from Debian's packages")
        attempt(["apt-get", "update", "-qq"])
        for package in packages:
            attempt(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package])

    def install_python_peers(self) -> None:
        """The `bench` extra of pyproject.toml, in an environment of its own."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        wanted: list[str] = project["optional-dependencies"]["bench"]
        stamp = self.folder / ".installed-python"
        if not stamp.exists() or stamp.read_text() != "\n".join(wanted):
            say(f"Installing {', '.join(wanted)} into {self.folder.name}")
            if not Path(self.python).exists():
                subprocess.run([sys.executable, "-m", "venv", self.folder], check=True)
            install = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            if attempt([*install, *wanted]) is not None:
                # One at a time, so that one that cannot be had does not keep out the others.
                for requirement in wanted:
                    self.note(requirement_name(requirement), attempt([*install, requirement]))
            if not self.failures:
                stamp.write_text("\n".join(wanted))

    def install_npm_packages(self) -> None:
        """The peers for node, and Bun."""
        for package in NPM_PACKAGES:
            if shutil.which("npm") is None:
                self.failures[package] = "npm is not installed (Debian: apt-get install npm)"
            elif not (self.node_modules / package).exists():
                say(f"Installing {package} from npm")
                install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(self.folder)]
                self.note(package, attempt([*install, package]))

    def compile_exchange(self) -> None:
        """Our own load generator."""
        if not self.exchange.exists() or self.exchange.stat().st_mtime < EXCHANGE_SOURCE.stat().st_mtime:
            command = ["cc", "-O2", "-Wall", "-Wextra", "-o", str(self.exchange), str(EXCHANGE_SOURCE)]
            self.note("exchange", attempt(command))

    def note(self, name: str, failure: str | None) -> None:
        """Remember why something is missing, if it is."""
        if failure is not None:
            self.failures[name] = failure

    # ---- what is there

    @property
    def library(self) -> Path:
        """Where the peers of Python's are."""
        return self.folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"

    def missing(self, *names: str) -> str | None:
        """Why the first of these that is not there is missing; None if all are. Names as for `version`."""
        for name in names:
            if name in self.failures:
                return f"{name}: {self.failures[name]}"
            if self.version(name) is None:
                package = DEBIAN_TOOLS.get(name)
                hint = f" (Debian: apt-get install {package})" if package else ""
                return f"{name} is not installed{hint}"
        return None

    def bun(self) -> str:
        """Path of Bun's executable."""
        return str(self.node_modules / ".bin" / "bun")

    def versions(self, names: Iterable[str]) -> str:
        """`name version, name version` of whatever is there, each once."""
        known = ((name, self.version(name)) for name in dict.fromkeys(names))
        return ", ".join(f"{name} {version}" for name, version in known if version is not None)

    def version(self, name: str) -> str | None:
        """Version of one of our own packages, a peer's, an npm package or a command; None if it is not there."""
        if name == "vivace":
            return f"{metadata.version(name)} (on uvloop {metadata.version('uvloop')})"
        if name in ("node", "wrk", "h2load", "nghttp", "nghttpd"):
            return command_version(name)
        if name in NPM_PACKAGES:
            manifest = self.node_modules / name / "package.json"
            return str(json.loads(manifest.read_text())["version"]) if manifest.exists() else None
        found = list(metadata.distributions(name=name, path=[str(self.library)]))
        return found[0].version if found else None

    def machine(self) -> str:
        """What everything ran on."""
        model = "unknown processor"
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
        return f"Python {platform.python_version()}, Linux {platform.release()}, {os.cpu_count()} cores ({model})"


def requirement_name(requirement: str) -> str:
    """`granian>=2.8` is of granian."""
    return requirement.partition(">")[0].partition("[")[0].partition("=")[0].strip().lower()


def command_version(name: str) -> str | None:
    """What a command says of itself, without its name."""
    path = shutil.which(name)
    if path is None:
        return None
    # wrk prints its version and fails, for want of a URL.
    output = subprocess.run([path, "--version"], check=False, capture_output=True, text=True).stdout
    words = output.split("\n")[0].split()
    return next(
        (word.removeprefix("nghttp2/").removeprefix("debian/") for word in words if any(map(str.isdigit, word))), "?"
    )


def attempt(command: Sequence[str]) -> str | None:
    """Run it; the last line of its complaint if it fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode == 0:
        return None
    lines = (done.stderr or done.stdout).strip().split("\n")
    return lines[-1] or f"{command[0]} ended with status {done.returncode}"


def say(text: str) -> None:
    """Tell whoever waits; the tables alone go to standard output."""
    print(text, file=sys.stderr, flush=True)
