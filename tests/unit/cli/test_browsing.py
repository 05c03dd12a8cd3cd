"""A link is opened in the browser, and its token stands on no command line."""

from __future__ import annotations

import stat
import webbrowser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from cloudify_scipion.cli import browsing

URL = "http://127.0.0.1:20001/#token=s3cret-_"


class Browser(webbrowser.BaseBrowser):
    """Keeps what stood on its command line, and reads the page as a browser does."""

    def __init__(self, starts: bool) -> None:
        super().__init__("test")
        self.starts, self.said, self.page, self.modes = starts, "", "", [0, 0]

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        """Start."""
        self.said = url
        path = Path(unquote(urlsplit(url).path))
        self.page = path.read_text("utf-8")
        self.modes = [stat.S_IMODE(one.stat().st_mode) & 0o077 for one in (path, path.parent)]
        return self.starts


@pytest.fixture(params=[True, False])
def browser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Browser:
    browser = Browser(request.param)
    monkeypatch.setattr(webbrowser, "_tryorder", ["test"])
    monkeypatch.setattr(webbrowser, "_browsers", {"test": [None, browser]})
    monkeypatch.setattr(browsing, "READING_SECONDS", 0.0)
    return browser


def test_the_token_is_read_from_a_file_of_ones_own_that_goes(browser: Browser) -> None:
    assert browsing.browse(URL) is browser.starts
    assert "s3cret" not in browser.said and browser.said.startswith("file://")
    assert f'content="0;url={URL}"' in browser.page
    assert browser.modes == [0, 0]
    assert not Path(unquote(urlsplit(browser.said).path)).parent.exists()
