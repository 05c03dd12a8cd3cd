"""Browsers for the desktop's tests; the fixture `desktop`, a running desktop, comes from tests/conftest.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium import webdriver

from tests.browser.desktop_browser import browser
from tests.browser.target import Desktop


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
