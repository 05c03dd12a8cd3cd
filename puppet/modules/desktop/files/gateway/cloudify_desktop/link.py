"""`cloudify-desktop-link`: make a link, end links, say who is connected, show the certificate. Run as root."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pwd
import ssl
import sys
import time
from pathlib import Path

from .access import Access
from .config import Config
from .connections import CONNECTED, connected

LONGEST = 3600.0  # seconds that a link may be valid
CONFIG = Path("/etc/cloudify-desktop/gateway.json")


def main() -> int:
    """Print one line (JSON, or the fingerprint); 1 with a message on standard error when that is not possible."""
    arguments = _arguments()
    try:
        config = Config.load(CONFIG)
        if arguments.fingerprint:
            print(fingerprint(config))
            return 0
        _become_owner(Path(config.state))
        access = Access(Path(config.state), time.time, config.session_hours * 3600)
    except FileNotFoundError as error:
        print(f"cloudify-desktop-link: the desktop is not set up here ({error.filename} is missing)", file=sys.stderr)
        return 1
    if arguments.revoke:
        print(json.dumps({"revoked": access.revoke(view_only=arguments.view_only, id=arguments.id)}))
    elif arguments.who:
        print(json.dumps(who(access, Path(config.state))))
    else:
        link = access.issue(arguments.valid, view_only=arguments.view_only)
        print(json.dumps({"token": link.token, "expires": int(link.expires), "id": link.id}))
    return 0


def fingerprint(config: Config) -> str:
    """SHA-256 of the certificate, as browsers show it; empty without TLS."""
    if config.certificate is None:
        return ""
    certificate = ssl.PEM_cert_to_DER_cert(_first_certificate(Path(config.certificate).read_text("ascii")))
    return hashlib.sha256(certificate).digest().hex(":").upper()


def who(access: Access, state: Path) -> dict[str, object]:
    """The sessions that live, by their links' ids, and the browsers that are connected now. Times are the epoch's."""
    sessions = [
        {"id": one.id, "view_only": one.view_only, "since": one.since, "used": one.time} for one in access.sessions()
    ]
    return {"sessions": sessions, "connected": connected(state / CONNECTED)}


def _first_certificate(text: str) -> str:
    end = "-----END CERTIFICATE-----"
    return text[text.index("-----BEGIN CERTIFICATE-----") : text.index(end) + len(end)]


def _become_owner(folder: Path) -> None:
    """Work as the gateway's user, so that its files are its own and root writes into no folder of another's."""
    owner = pwd.getpwuid(folder.stat().st_uid)
    if os.geteuid() == 0 and owner.pw_uid != 0:
        os.initgroups(owner.pw_name, owner.pw_gid)
        os.setgid(owner.pw_gid)
        os.setuid(owner.pw_uid)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds up to {LONGEST:.0f}")
    return seconds


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cloudify-desktop-link", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--valid", type=_seconds, metavar="SECONDS", help="make a link that is valid so long")
    what.add_argument("--revoke", action="store_true", help="end all links and sessions, cut live connections")
    what.add_argument("--who", action="store_true", help="print who has a session and who is connected")
    what.add_argument("--fingerprint", action="store_true", help="print the certificate's SHA-256 fingerprint")
    parser.add_argument("--view-only", action="store_true", help="a link that only looks; with --revoke, only those")
    parser.add_argument("--id", default="", help="with --revoke: only the link, or its session, of this id")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
