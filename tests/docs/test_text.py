"""Links resolve, and nothing stands in the documents that is true on one computer only."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cloudify_scipion.cli.open import VALID_SECONDS
from tests.docs.pages import PAGES, ROOT, anchors, links, text

PUBLIC = {"deb.debian.org", "security.debian.org", "pypi.org", "files.pythonhosted.org", "packages.debian.org"}
HELD = [*PAGES, *(str(path.relative_to(ROOT)) for path in (ROOT / "blueprints").rglob("*.yaml"))]


@pytest.mark.parametrize("page", PAGES)
def test_links(page: str) -> None:
    for link in links(page):
        if urlsplit(link).scheme:
            assert link.startswith("https://"), link
            continue
        path, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert target.is_relative_to(ROOT), f"{page}: {link} leads out of the repository"
        assert target.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(str(target.relative_to(ROOT))), f"{page}: {link}"


def test_the_pictures_are_there_and_each_is_shown() -> None:
    """Tests with a browser take them: `make pictures`."""
    shown = {((ROOT / page).parent / link).resolve() for page in PAGES for link in links(page) if link.endswith(".png")}
    assert shown == set((ROOT / "docs/images").iterdir())
    for picture in shown:
        assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size <= 250_000


def test_the_pages_say_how_long_a_link_is_good() -> None:
    lines = [line for page in PAGES for line in text(page).splitlines() if "link" in line.lower()]
    told = [int(number) for line in lines for number in re.findall(r"(\d+)\W* seconds", line)]
    assert len(told) >= 4 and set(told) == {VALID_SECONDS}


@pytest.mark.parametrize("page", HELD)
def test_no_words_of_one_computer(page: str) -> None:
    content = text(page)
    for pattern in (r"(?<![\w/])/work\b", r"/var/tmp/w\b", r"/opt/(?!scipion|em)\w+", r"\blatest\b", r"\bTODO\b"):
        assert not re.search(pattern, content), f"{page}: {pattern}"
    for host in hosts_of_this_computer():
        assert host not in content, f"{page} names a mirror of this computer"


@pytest.mark.parametrize("page", PAGES)
def test_lines(page: str) -> None:
    assert "\u2014" not in text(page), "no long dashes: write two sentences"
    assert not re.search(r"[ \t]+$", text(page), re.MULTILINE)


def hosts_of_this_computer() -> set[str]:
    """Package mirrors that this computer is set up with."""
    files = [*Path("/etc/apt").rglob("*.list"), *Path("/etc/apt").rglob("*.sources"), Path("/etc/pip.conf")]
    files += [Path.home() / ".pip/pip.conf", Path.home() / ".config/pip/pip.conf"]
    found = "".join(path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file())
    hosts = {urlsplit(url).hostname or "" for url in re.findall(r"https?://[^\s'\"]+", found)}
    return hosts - PUBLIC - {""}
