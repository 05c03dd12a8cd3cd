"""The base system from mirrors that hang: named with the file, soon, and the next one tried. mmdebstrap is real."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudify_scipion.adapters.local import aptsources
from cloudify_scipion.adapters.local.aptsources import without
from cloudify_scipion.adapters.local.base import PATIENCE, BaseCache
from cloudify_scipion.errors import CommandFailed, PermanentError, ScipionError
from tests.fakes.ports import FakeProgress
from tests.fakes.sick_mirror import DRIP, SILENT, sick_mirror

A, B = "mirror-a.example", "mirror-b.example:81"
LINES = f"deb http://{A}/debian bookworm main\ndeb [trusted=yes] http://me:pass@{B}/debian bookworm main\n"
STANZA = f"Types: deb\nURIs: http://{A}/debian http://{B}/debian\nSuites: bookworm bookworm-updates\nComponents: main\n"


@pytest.mark.parametrize(
    ("texts", "place", "left"),
    [
        ([LINES], A, [LINES.splitlines(keepends=True)[1]]),
        ([LINES], B, [LINES.splitlines(keepends=True)[0]]),
        ([STANZA], A, [STANZA.replace(f"http://{A}/debian ", "")]),
        ([LINES, STANZA], B, [LINES.splitlines(keepends=True)[0], STANZA.replace(f" http://{B}/debian", "")]),
        ([LINES.splitlines(keepends=True)[0]], A, []),
        ([LINES, STANZA.replace(f"http://{A}/debian ", "")], B, []),  # nobody else has the updates
        ([f"{STANZA}\n{STANZA.replace('bookworm bookworm-updates', 'bookworm-security')}"], "other", [
            f"{STANZA}\n{STANZA.replace('bookworm bookworm-updates', 'bookworm-security')}"
        ]),
    ],
)  # fmt: skip
def test_sources_without_one_mirror(texts: list[str], place: str, left: list[str]) -> None:
    assert without(texts, place) == left


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """An archive that has no release, only its files' names."""
    folder = tmp_path / "debian/dists/bookworm"
    folder.mkdir(parents=True)
    (folder / "InRelease").write_text("not signed\n" * 1000)
    return tmp_path / "debian"


def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *urls: str) -> tuple[ScipionError, str]:
    text = "".join(f"deb [trusted=yes] {url} bookworm main\n" for url in urls)
    monkeypatch.setattr(aptsources, "debian_sources", lambda files, suite: [text])
    monkeypatch.setattr(aptsources, "fetch_settings", lambda: 'Acquire::http::Proxy "DIRECT";\n')
    monkeypatch.setenv(PATIENCE, "1")
    progress = FakeProgress()
    with pytest.raises(ScipionError) as caught:
        BaseCache(tmp_path / "state", progress).ensure()
    assert not list((tmp_path / "state/cache/base").glob("*.part"))
    return caught.value, progress.text


@pytest.mark.long
def test_the_only_mirror_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty: Path) -> None:
    with sick_mirror(empty, DRIP) as mirror:
        url = mirror.url.replace("//", "//me:pass-word@")
        error, said = build(tmp_path, monkeypatch, url)
        assert isinstance(error, PermanentError) and not isinstance(error, CommandFailed)
        assert f"the mirror {mirror.place} does not give dists/bookworm/InRelease: " in error.what
        assert "/etc/apt" in error.next_step
        assert f"waiting for dists/bookworm/InRelease from {mirror.place}" in said or "trying once more" in said
        assert len(mirror.asked) < 6
        assert "pass-word" not in f"{error}{said}"


@pytest.mark.long
def test_the_next_mirror_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty: Path) -> None:
    """Neither has packages: that the second is asked alone is seen by its own fault."""
    with sick_mirror(empty, SILENT) as bad, sick_mirror(empty, host="127.0.0.2") as good:
        error, said = build(tmp_path, monkeypatch, bad.url, good.url)
        assert f"the mirror {bad.place} does not give dists/bookworm/InRelease" in said and "trying without it" in said
        assert good.place in error.what and bad.place not in error.what
