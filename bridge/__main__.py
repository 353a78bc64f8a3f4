"""The command line: `python -m bridge COMMAND`.

run           start the bridge in the foreground
check-config  name the line and reason of each mistake in a configuration
hash-pin      make the argon2id hash of a PIN for the configuration
status        show the conferences that live now
dial          call somebody into a room
drain         take no new calls; the bridge ends when the last one is over
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import secrets
import signal
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import uvloop

from bridge import log
from bridge.errors import ProtocolError
from bridge.operations import PERSON_COMMANDS, ROOM_COMMANDS
from bridge.rooms import pins
from bridge.server import Bridge
from bridge.settings import sip_host, web_is_secure, web_url
from config.load import ConfigError, load
from config.model import Config, Room, RoomKind
from config.pin import ADVISED_DIGITS, digits_fault
from config.secret import Secret

DEFAULT = Path(str(files("config").joinpath("example.toml")))


# The bridge is on this machine: no proxy of the environment knows it.
_NO_CERTIFICATE = (
    "  *** Its certificate is self-made: every browser warns of it, and some refuse the microphone. Get one for your",
    "  *** name from an authority (free: certbot certonly --standalone -d meet.example.org), and set certificate and",
    "  *** key under [web]. It is noticed when the files change; nothing has to be started again.",
)
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    code: int = options.command(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bridge", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, work: Any, text: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=work)
        return added

    run = command("run", _run, "start the bridge in the foreground; Ctrl-C ends all calls with BYE")
    check = command(
        "check-config", _check, "name the line and reason of each mistake; exit code 1 if there is one"
    )
    hash_pin = command("hash-pin", _hash_pin, "read a PIN (hidden) and print its argon2id hash")
    hash_pin.add_argument(
        "--fewest", type=int, default=ADVISED_DIGITS, metavar="N", help="default: %(default)s digits"
    )
    for each in (
        run,
        (status := command("status", _status, "show the conferences that live now, or who is in one")),
        (steer := command("room", _steer, "steer a conference, or somebody in it; every step is audited")),
        command("drain", _drain, "take no new calls; the bridge ends when the last one is over"),
        (dial := command("dial", _dial, "call somebody into a room")),
    ):
        each.add_argument("--config", type=Path, default=DEFAULT, metavar="FILE", help="default: %(default)s")
    status.add_argument("room", nargs="?", help="number of a room")
    steer.add_argument("room", help="number of the room")
    steer.add_argument(
        "what", choices=[*ROOM_COMMANDS, *PERSON_COMMANDS], metavar="COMMAND", help=_steering()
    )
    steer.add_argument("leg", nargs="?", help="whom, as `status ROOM` names the leg")
    dial.add_argument("room", help="number of the room")
    dial.add_argument("uri", help="whom to call, like sip:name@example.org")
    check.add_argument("file", type=Path, metavar="FILE")
    return parser


def _steering() -> str:
    return f"for the room: {', '.join(ROOM_COMMANDS)}; for somebody: {', '.join(PERSON_COMMANDS)}"


def _load(path: Path) -> Config | None:
    try:
        return load(path)
    except ConfigError as bad:
        for mistake in bad.mistakes:
            print(mistake, file=sys.stderr)
    return None


def _run(options: argparse.Namespace) -> int:
    config = _load(options.config)
    if config is None:
        return 1
    log.configure(config.bridge.log_level.value)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(config))
    except (OSError, RuntimeError, ProtocolError) as fault:
        print(f"cannot start: {fault}", file=sys.stderr)
        return 1
    return 0


async def _serve(config: Config) -> None:
    bridge = Bridge(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, bridge.stop)
    loop.add_signal_handler(signal.SIGHUP, bridge.reload_certificates)
    await bridge.run(lambda: print(welcome(config, bridge), flush=True))


def welcome(config: Config, bridge: Bridge) -> str:
    """What a newcomer reads: where the bridge listens, what to dial, how to get in. New PINs are told here, once."""
    listeners = config.sip.listeners
    at = sip_host(config)
    where = ", ".join(f"{each.protocol.value} {each.address} port {each.port}" for each in listeners)
    lines = [f"Samrom is up. SIP: {where}", "Dial:"]
    made = {(pin.number, pin.role.value): pin.pin.reveal() for pin in bridge.made}
    lines += [
        f"  {f'sip:{room.number}@{at}':<32} {room.kind.value:<15} {_way_in(room, made)}"
        for room in config.rooms
        if not room.disabled
    ]
    if made:
        lines.append("The PINs above are shown this once; only their hashes are kept.")
    if config.web.enabled:
        lines.append(f"Browsers: {web_url(config)}/")
        if web_is_secure(config) and not config.web.certificate:
            lines += _NO_CERTIFICATE
    lines.append(f"Figures: http://{config.management.address}:{config.management.port}/metrics")
    return "\n".join(lines)


def _way_in(room: Room, made: dict[tuple[str, str], str]) -> str:
    if room.kind is RoomKind.OPEN:
        return "no PIN; everybody is host"
    host, guest = made.get((room.number, "host")), made.get((room.number, "guest"))
    ways = [f"host: PIN {host} and #" if host else "host: PIN and #"]
    if room.guest_pin:
        ways.append(f"guest: PIN {guest} and #" if guest else "guest: PIN and #")
    elif room.allow_guests:
        ways.append("guest: # alone")
    if room.auto_lock:
        ways.append("locked: guests knock")
    return "; ".join(ways)


def _check(options: argparse.Namespace) -> int:
    if _load(options.file) is None:
        return 1
    print(f"{options.file}: good")
    return 0


def _hash_pin(options: argparse.Namespace) -> int:
    pin = Secret(getpass.getpass("PIN: ") if sys.stdin.isatty() else sys.stdin.readline().strip())
    if (fault := digits_fault(pin, options.fewest)) is not None:
        print(fault, file=sys.stderr)
        return 1
    print(pins.hash_pin(pin, secrets.token_bytes(pins.SALT_BYTES)).reveal())
    return 0


def _status(options: argparse.Namespace) -> int:
    return _ask(options.config, f"/conferences/{options.room}" if options.room else "/conferences", None)


def _steer(options: argparse.Namespace) -> int:
    if (options.what in PERSON_COMMANDS) is not (options.leg is not None):
        print(f"{options.what} is {_steering()}", file=sys.stderr)
        return 2
    whom = f"/participants/{options.leg}" if options.leg else ""
    return _ask(options.config, f"/conferences/{options.room}{whom}/{options.what}", {})


def _drain(options: argparse.Namespace) -> int:
    return _ask(options.config, "/drain", {})


def _dial(options: argparse.Namespace) -> int:
    return _ask(options.config, f"/conferences/{options.room}/dial", {"uri": options.uri})


def _ask(path: Path, resource: str, body: dict[str, str] | None) -> int:
    """Ask the running bridge at its management port; prints the answer."""
    config = _load(path)
    if config is None:
        return 1
    management = config.management
    address = f"[{management.address}]" if ":" in management.address else management.address
    request = urllib.request.Request(
        f"http://{address}:{management.port}{urllib.parse.quote(resource)}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with _DIRECT.open(request, timeout=5) as response:
            print(response.read().decode())
    except urllib.error.HTTPError as refused:
        print(refused.read().decode(), file=sys.stderr)
        return 1
    except OSError as fault:
        print(f"the bridge does not answer: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
