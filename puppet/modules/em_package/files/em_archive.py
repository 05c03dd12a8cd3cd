"""Archives of EM packages: fetched from mirrors, checked by SHA-256, put in place complete or not at all.

em_archive.py archive FILE SHA256 STRIP HOME DOWNLOADS            unpacks it as the folder HOME
em_archive.py installb FILE SHA256 BINARY HOME DOWNLOADS SCIPION  has Scipion's installb make BINARY of it
em_archive.py made SHA256 BINARY HOME SCIPION                     whether installb has made BINARY of that file
em_archive.py remove BINARY SCIPION                               removes what installb made

EM_PACKAGE_MIRRORS names the mirrors: URLs of folders, separated by spaces, tried in order; those that did not answer,
or broke off, once more when all have been tried. FETCHING_PATIENCE and FETCHING_REPORT are those of cloudify_fetching,
which watches the downloads. The last step of each installation writes a stamp (HOME/.installed, HOME.installed). Exit
status: 0, or 1 with the reason on standard error, or where nothing was made.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from urllib.parse import quote, urlsplit

sys.path.insert(0, "/usr/local/lib/cloudify-scipion")

from cloudify_fetching.single import One  # noqa: E402
from cloudify_fetching.watch import LEAST, patience_seconds, report, watch  # noqa: E402

MIRRORS = "EM_PACKAGE_MIRRORS"
CURL = (
    "curl", "--fail", "--location", "--silent", "--show-error", "--proto", "=http,https,file", "--proto-redir",
    "=http,https", "--speed-limit", str(LEAST),
)  # fmt: skip
PASSES = frozenset({5, 6, 7, 18, 28, 35, 52, 56, 92})
"""What curl ends with where a mirror does not answer or breaks off: it may answer later."""


NEXT = (
    "next: where a mirror does not answer, ask its operator, or try it from this host; name another one in `mirrors`\n"
    "  of the site file; then run the same command again"
)


class Failed(Exception):
    """Something that the person who reads Puppet's report must know."""


def fetch(file: str, sha256: str, mirrors: Sequence[str], downloads: Path) -> Path:
    """The file in `downloads`, from the first mirror that has the right one. Raises Failed with all reasons."""
    path, part = downloads / file, downloads / f"{file}.part"
    if path.is_file() and digest(path) == sha256:
        return path
    downloads.mkdir(parents=True, exist_ok=True)
    reasons: dict[str, str] = {}
    again: list[str] = []
    for mirror in chain(mirrors, again):
        first = mirror not in reasons
        reason, passes = download(f"{mirror.rstrip('/')}/{quote(file)}", part)
        if not reason and (found := digest(part)) != sha256:
            reason = f"it has another file of that name, with sha256 {found} instead of {sha256}"
        if not reason:
            part.replace(path)
            return path
        reasons[mirror] = f"  {place(mirror)}: {reason}"
        report("said", f"{file} could not be fetched from {place(mirror)}: {reason}")
        part.unlink(missing_ok=True)
        if first and passes:
            again.append(mirror)
    told = [*reasons.values(), NEXT] if reasons else ["  the site names no mirror"]
    raise Failed("\n".join([f"{file} could not be fetched:", *told]))


def download(url: str, target: Path) -> tuple[str, bool]:
    """Fetch one file; what went wrong, empty if nothing did, and whether it may pass.

    The URL is on no command line: others would see it.
    """
    seconds = patience_seconds()
    times = ["--connect-timeout", f"{seconds / 3:g}", "--speed-time", f"{max(1, round(seconds))}"]
    quoted = url.replace("\\", "\\\\").replace('"', '\\"')
    with tempfile.TemporaryDirectory() as folder:
        config, headers = Path(folder) / "config", Path(folder) / "headers"
        config.write_text(f'url = "{quoted}"\n')
        argv = [*CURL, *times, "--output", str(target), "--dump-header", str(headers), "--config", str(config)]
        done = watch(argv, One(place(url), target.name.removesuffix(".part"), target, headers))
    if done.hung:
        return done.why, True
    said = [line.replace(url, place(url)) for line in done.lines] or [f"curl ended with {done.code}"]
    return ("", False) if done.code == 0 else (said[-1], done.code in PASSES)


def place(url: str) -> str:
    """What a mirror is called in messages: its host, without user name, password and path; a folder by its path."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return f"the folder {parts.path}"
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def unpack(archive: Path, stamp: str, strip: int, home: Path) -> None:
    """Unpack beside `home` and move it there when it is complete. What was there before is removed."""
    part = home.with_name(f"{home.name}.part")
    remove(part)
    part.mkdir()
    tar = ["tar", "--extract", f"--file={archive}", f"--directory={part}", f"--strip-components={strip}"]
    step([*tar, "--no-same-owner"], f"{archive.name} cannot be unpacked")
    if not any(part.iterdir()):
        raise Failed(f"nothing is left of {archive.name} without its first {strip} folders")
    # archives carry their makers' permissions: everyone may read, only root writes, and nothing runs as root
    step(["chmod", "-R", "u+rwX,go+rX,go-w,ug-s", str(part)], f"permissions in {part} cannot be set")
    (part / ".installed").write_text(stamp)
    remove(home)
    part.rename(home)


def installb(archive: Path, binary: str, scipion: Path) -> None:
    """Put the archive where Scipion looks before it downloads, run its installb, and see what came out."""
    em = scipion / "software/em"
    forget(binary, em)
    tops = first_names(archive)
    if len(tops) == 1:  # left by an attempt that was cut off: Scipion would take it for a finished one
        remove(em / tops.pop())
    seed = em / archive.name
    remove(seed)
    shutil.copyfile(archive, seed)
    said, code = run_scipion(scipion, em, ["installb", binary, "-j", str(os.cpu_count() or 1)])
    seed.unlink(missing_ok=True)
    result = em / binary
    # Scipion may end with 0 after an error, so the folder counts as well.
    if code != 0 or not result.is_dir() or not any(result.iterdir()):
        raise Failed(f"Scipion's installb {binary} ended with {code} and {describe(result)}:\n{said[-4000:]}")


def is_made(sha256: str, result: Path, stamp: Path) -> bool:
    """Whether installb's result is there, made of the archive of that digest."""
    return result.is_dir() and stamp.is_file() and stamp.read_text().strip() == sha256


def run_scipion(scipion: Path, em: Path, arguments: Sequence[str]) -> tuple[str, int]:
    """Output and exit code of Scipion, run by its user.

    Its home and user data are a folder that vanishes: at their usual place a project's may be.
    """
    owner = em.stat()
    with tempfile.TemporaryDirectory(prefix="scipion-installb.") as home:
        os.chown(home, owner.st_uid, owner.st_gid)
        own = ["env", f"HOME={home}", f"SCIPION_USER_DATA={home}", "python", "-m", "scipion"]
        argv = [str(scipion / "bin/scipion-env"), *own, *arguments]
        pipe = subprocess.PIPE
        done = subprocess.run(
            argv, cwd=scipion, stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT, text=True,
            errors="replace", check=False,
        )  # fmt: skip
    return done.stdout, done.returncode


def describe(folder: Path) -> str:
    """What is to be said of a result that will not do."""
    return f"made {folder}" if folder.is_dir() and any(folder.iterdir()) else f"did not make {folder}"


def first_names(archive: Path) -> set[str]:
    """Names at the top of an archive; none if it is not one that tar reads."""
    done = subprocess.run(["tar", "--list", f"--file={archive}"], capture_output=True, text=True, check=False)
    parts = [[part for part in line.split("/") if part not in ("", ".")] for line in done.stdout.splitlines()]
    return {names[0] for names in parts if names and ".." not in names}


def forget(binary: str, em: Path) -> None:
    """Remove what installb made: a folder, or a link and the folder beside it."""
    result = em / binary
    if result.is_symlink():
        target = em / result.readlink()
        if target.parent.resolve() == em.resolve():
            remove(target)
    remove(result)


def remove(path: Path) -> None:
    """Remove a folder, a file or a link, if it is there; links are not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def step(argv: Sequence[str], what: str) -> None:
    """Run a command; raises Failed with its last words."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{what}: {done.stderr.strip()[-500:]}")


def main(arguments: Sequence[str]) -> int:
    """Do what the first argument says; see the module's description."""
    verb, *given = arguments
    mirrors = os.environ.get(MIRRORS, "").split()
    try:
        if verb == "archive":
            file, sha256, strip, home, downloads = given
            archive = fetch(file, sha256, mirrors, Path(downloads))
            unpack(archive, f"{sha256} {strip}", int(strip), Path(home))
        elif verb == "installb":
            file, sha256, binary, home, downloads, scipion = given
            archive = fetch(file, sha256, mirrors, Path(downloads))
            installb(archive, binary, Path(scipion))
            Path(f"{home}.installed").write_text(sha256)
        elif verb == "made":
            sha256, binary, home, scipion = given
            return 0 if is_made(sha256, Path(scipion) / "software/em" / binary, Path(f"{home}.installed")) else 1
        else:
            binary, scipion = given
            forget(binary, Path(scipion) / "software/em")
    except Failed as error:
        print(f"em_package: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
