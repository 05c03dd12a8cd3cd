"""Browsers for the desktop's tests; the fixture `desktop`, a running desktop, comes from tests/conftest.py.

`served` is a gateway of this host with the real page and a stand-in for noVNC; the page is reached by a `way`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from tests.browser.desktop_browser import browser
from tests.browser.shown import show, way_to
from tests.browser.target import Desktop
from tests.browser.way import Way
from tests.unit.desktop.served import CALM, Served, gateway


@pytest.fixture(scope="module")
def shared_page(desktop: Desktop) -> Iterator[webdriver.Chrome]:
    """One browser for many tests: starting one takes longer than most of them."""
    with browser(insecure=desktop.url.startswith("https:")) as driver:
        yield driver


@pytest.fixture
def page(shared_page: webdriver.Chrome) -> webdriver.Chrome:
    """A browser without cookies, on an empty page."""
    shared_page.get("about:blank")
    shared_page.execute_cdp_cmd("Network.clearBrowserCookies", {})
    return shared_page


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with gateway(tmp_path, CALM) as served:
        show(served, tmp_path)
        yield served


@pytest.fixture
def way(served: Served) -> Iterator[Way]:
    with way_to(served.url) as way:
        yield way
