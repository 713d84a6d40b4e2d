"""Sockets as they are bound: several at once, Unix sockets with their files, and those that were handed over."""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from vivace.server import BindError, Config, ConfigError
from vivace.server.listeners import Listener, describe_address, open_listeners
from vivace.server.sockets import tcp, unix

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has it")


@contextmanager
def listening(inherited: dict[str, list[int]] | None = None, **options: Any) -> Iterator[list[Listener]]:
    """The listeners of these options, closed at the end."""
    listeners = open_listeners(Config.from_options(options), inherited)
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.close(unlink=True)


def refusal(**options: Any) -> str:
    """Why these options cannot be listened with; nothing is left open."""
    before = set(os.listdir("/proc/self/fd")) if sys.platform == "linux" else set()
    with pytest.raises(BindError) as caught, listening(**options):
        pass
    if sys.platform == "linux":
        assert set(os.listdir("/proc/self/fd")) == before
    return str(caught.value)


def test_several_of_mixed_kind_are_open_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    with socket.socket() as given:
        given.bind(("127.0.0.1", 0))
        binds = ["127.0.0.1:0", "127.0.0.1:0", f"unix:{path}", f"fd://{given.detach()}"]
        with listening(bind=binds, ssl_certfile="a.pem", insecure_bind="127.0.0.1:0", redirect_bind=[":0"]) as opened:
            assert [item.name for item in opened[:5]] == [*binds, "127.0.0.1:0"]
            assert {item.name for item in opened[5:]} == {":0"}
            assert [item.tls for item in opened[:5]] == [True, True, True, True, False]
            assert [item.redirect for item in opened] == [False] * 5 + [True] * (len(opened) - 5)
            ports = [item.socket.getsockname()[1] for item in opened if item.path is None]
            assert 0 not in ports
            assert describe_address(opened[0]) == f"https://127.0.0.1:{ports[0]}"
            assert describe_address(opened[2]) == f"unix:{path}"
            assert describe_address(opened[5]).endswith(" (redirects to https)")
            assert not any(item.socket.get_inheritable() for item in opened)
    assert not path.exists()


def test_all_addresses_are_one_port_of_ipv4_and_of_ipv6_each_by_itself() -> None:
    with listening(bind=":0") as opened:
        assert len({item.socket.getsockname()[1] for item in opened}) == 1
        families = {item.socket.family: item.socket for item in opened}
        assert socket.AF_INET in families
        if socket.AF_INET6 in families:
            assert families[socket.AF_INET6].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


def test_ipv6_leaves_ipv4_to_others() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        with listening(bind="[::]:0") as opened:
            (listener,) = opened
            port = listener.socket.getsockname()[1]
            with listening(bind=f"0.0.0.0:{port}") as others:
                assert describe_address(others[0]) == f"http://0.0.0.0:{port}"
                assert describe_address(listener) == f"http://[::]:{port}"
    except BindError as error:
        if "not an address of this machine" in str(error) or "no IPv6" in str(error):
            pytest.skip("no IPv6 here")
        raise


def test_an_address_that_the_system_lacks_is_left_out_where_there_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_ipv4(family: socket.AddressFamily, address: tuple[str | int, ...], reuse_port: bool) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return original(family, address, reuse_port)

    original = tcp._open_one
    monkeypatch.setattr(tcp, "_open_one", only_ipv4)
    with listening(bind=":0") as opened:
        assert [item.socket.family for item in opened] == [socket.AF_INET]
    assert '"::1" is not an address of this machine' in refusal(bind="[::1]:0")


def test_a_port_that_is_free_for_one_address_alone_is_given_up_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Any] = []

    def often_taken(family: socket.AddressFamily, address: tuple[str | int, ...], reuse_port: bool) -> socket.socket:
        tried.append(address[1])
        if len(tried) in {2, 4}:
            raise OSError(errno.EADDRINUSE, "Address already in use")
        return original(family, ("127.0.0.1", address[1]) if len(tried) == 6 else address, reuse_port)

    original = tcp._open_one
    addresses = [(socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET, ("127.0.0.2", 0))]
    monkeypatch.setattr(tcp, "_addresses", lambda bind: addresses)
    monkeypatch.setattr(tcp, "_open_one", often_taken)
    try:
        with listening(bind="twice:0") as opened:
            assert len(opened) == 2
    except BindError:
        pytest.fail("it gave up")
    assert tried.count(0) == 3


def test_two_binds_of_one_address_are_told(tmp_path: Path) -> None:
    with listening(bind="127.0.0.1:0") as opened:
        port = opened[0].socket.getsockname()[1]
    found = refusal(bind=[f"localhost:{port}", f"127.0.0.1:{port}"])
    assert found == (
        f'The binds "localhost:{port}" and "127.0.0.1:{port}" are both http://127.0.0.1:{port}; give one of them.'
    )
    assert 'The binds ":' in refusal(bind=[f":{port}", f"127.0.0.1:{port}"])
    with socket.socket() as given:
        given.bind(("127.0.0.1", 0))
        number = given.fileno()
        with pytest.raises(ConfigError, match="is given twice"):
            open_listeners(Config.from_options({"bind": [f"fd://{number}", f"fd://{number}"]}))


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="the system has no SO_REUSEPORT")
def test_a_port_is_shared_only_when_it_is_asked_for() -> None:
    with listening(bind="127.0.0.1:0", reuse_port=True) as opened:
        opened[0].socket.listen()
        address = f"127.0.0.1:{opened[0].socket.getsockname()[1]}"
        with listening(bind=address, reuse_port=True) as others:
            assert others[0].socket.getsockname() == opened[0].socket.getsockname()
        assert "is taken by another program" in refusal(bind=address)


# ---- Unix sockets


def test_a_unix_socket_has_its_mode_and_owner_before_anybody_can_connect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.sock"
    seen: list[tuple[str, int]] = []
    chmod, chown = os.chmod, os.chown

    def refuses(step: str) -> None:
        with socket.socket(socket.AF_UNIX) as client, pytest.raises((ConnectionRefusedError, FileNotFoundError)):
            client.connect(str(path))
        seen.append((step, stat.S_IMODE(path.stat().st_mode)))

    def watched_chmod(*arguments: Any, **options: Any) -> None:
        refuses("chmod")
        chmod(*arguments, **options)

    def watched_chown(*arguments: Any, **options: Any) -> None:
        refuses("chown")
        chown(*arguments, **options)

    monkeypatch.setattr(os, "chmod", watched_chmod)
    monkeypatch.setattr(os, "chown", watched_chown)
    old = os.umask(0o077)
    try:
        with listening(bind=f"unix:{path}", uds_mode="660", uds_owner=f"{os.getuid()}:{os.getgid()}"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
    finally:
        os.umask(old)
    assert [step for step, _ in seen] == ["chown", "chmod"]
    assert all(mode & 0o077 == 0 for _, mode in seen)


def test_owners_are_known_by_name_or_number() -> None:
    import pwd

    me = pwd.getpwuid(os.getuid()).pw_name
    assert unix.owner_numbers(None) == (-1, -1)
    assert unix.owner_numbers(me) == (os.getuid(), -1)
    assert unix.owner_numbers(":7") == (-1, 7)
    assert unix.owner_numbers(f"{me}:8") == (os.getuid(), 8)
    with pytest.raises(BindError, match='there is no user "nobody at all"'):
        unix.owner_numbers("nobody at all")
    with pytest.raises(BindError, match='there is no group "none such"'):
        unix.owner_numbers("root:none such")


def test_the_socket_of_a_dead_server_is_replaced_and_that_of_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with listening(uds=str(path)) as opened:
        opened[0].socket.listen()
        assert opened[0].is_reachable
        assert refusal(uds=str(path)) == (
            f"The Unix socket {path} is in use by another program. Stop it, or use another path."
        )
        assert opened[0].is_reachable
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    assert not path.exists()


def test_a_server_removes_no_others_socket(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    with listening(uds=str(path)) as opened:
        path.unlink()
        with listening(uds=str(path)):
            assert not opened[0].is_reachable
            opened[0].close(unlink=True)
            assert path.exists()


def test_what_is_no_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    path.write_text("a diary")
    assert "there is a file of another kind" in refusal(uds=str(path))
    assert path.read_text() == "a diary"
    assert f"there is no folder {tmp_path}/none" in refusal(uds=f"{tmp_path}/none/x.sock")
    with pytest.raises(ConfigError, match="bytes at most here"):
        open_listeners(Config(uds="x" * 200))


@ON_LINUX
def test_a_name_in_the_abstract_namespace_leaves_no_file() -> None:
    name = f"vivace-test-{os.getpid()}"
    with listening(bind=f"unix:@{name}") as opened:
        opened[0].socket.listen()
        assert describe_address(opened[0]) == f"unix:@{name}"
        assert opened[0].path is None
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"\0{name}")
        assert "in use by another program" in refusal(bind=f"unix:@{name}")


# ---- sockets that were handed over


def test_an_older_servers_sockets_are_taken_over_by_name() -> None:
    with listening(bind=["127.0.0.1:0", "localhost:0"]) as old:
        addresses = [item.socket.getsockname() for item in old]
        inherited: dict[str, list[int]] = {}
        for item in old:
            inherited.setdefault(item.key, []).append(item.socket.dup().detach())
        dropped = socket.socket()
        inherited["bind 127.0.0.1:1"] = [dropped.detach()]
        with listening(inherited, bind=["localhost:0", "127.0.0.1:0"]) as new:
            assert [item.socket.getsockname() for item in new] == addresses[1:] + addresses[:1]
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(inherited["bind 127.0.0.1:1"][0])


def test_a_descriptor_that_cannot_be_listened_on_is_told() -> None:
    one, other = socket.socketpair()
    with one, other, socket.socket(type=socket.SOCK_DGRAM) as datagrams, socket.socket() as nameless:
        faults = {
            datagrams: "is a socket of another kind",
            nameless: "is a socket without an address",
            one: "is a connection, not a listening socket. In systemd's .socket unit, set Accept=no.",
        }
        for given, fault in faults.items():
            number = given.fileno()
            assert refusal(bind=f"fd://{number}").startswith(f"fd://{number}: descriptor {number} {fault}")
            os.fstat(number)


def test_a_descriptor_that_is_no_socket_is_told(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        assert "is not a socket that can be served on" in refusal(fd=file.fileno())
        os.fstat(file.fileno())


ACTIVATED = """
import os, socket, sys
os.environ["LISTEN_PID"] = str(os.getpid()) if sys.argv[1] == "us" else "1"
from vivace.server import BindError, Config
from vivace.server.listeners import describe_address, open_listeners
for bind in sys.argv[2:]:
    try:
        listeners = open_listeners(Config.from_options({"bind": bind}))
    except BindError as error:
        print(error)
    else:
        print(*map(describe_address, listeners))
        for listener in listeners:
            listener.socket.detach()
"""


def activated(*arguments: str, names: str | None = None) -> list[str]:
    """What a process with descriptors 3 and 4 from systemd says about binds."""
    with socket.socket() as one, socket.socket() as two:
        for number, listener in enumerate((one, two)):
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            os.dup2(listener.fileno(), 90 + number)
        ports = [listener.getsockname()[1] for listener in (one, two)]
        environment = {**os.environ, "LISTEN_FDS": "2"} | ({} if names is None else {"LISTEN_FDNAMES": names})
        shell = 'exec 3<&90 4<&91 90<&- 91<&-; exec "$@"'
        try:
            result = subprocess.run(
                ["bash", "-c", shell, "-", sys.executable, "-c", ACTIVATED, *arguments],
                pass_fds=(90, 91),
                env=environment,
                capture_output=True,
                text=True,
                timeout=30,
                check=True,
            )
        finally:
            os.close(90)
            os.close(91)
    said = result.stdout
    for number, port in enumerate(ports):
        said = said.replace(str(port), f"port{number + 1}")
    return said.splitlines()


def test_sockets_of_systemd_are_all_served_or_by_name() -> None:
    assert activated("us", "systemd") == ["http://127.0.0.1:port1 http://127.0.0.1:port2"]
    said = activated("us", "systemd:web", "systemd:admin", "systemd:wep", names="web:admin")
    assert said[:2] == ["http://127.0.0.1:port1", "http://127.0.0.1:port2"]
    assert 'no socket of the name "wep"' in said[2]
    assert 'Did you mean "web"?' in said[2]


def test_sockets_that_systemd_gave_to_another_process_are_left_alone() -> None:
    (said,) = activated("another", "systemd")
    assert re.match(r"systemd has handed its sockets to process 1, and this is \d+: ", said)


def test_without_systemd_it_is_said_what_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTEN_FDS", raising=False)
    assert "Start the .socket unit, not the .service" in refusal(bind="systemd")
