"""Windows are moved or shrunk until they are seen, and no further."""

from __future__ import annotations

import pytest
from cloudify_helper.fit import Box, beside, fit

AREA = Box(0, 0, 1366, 725)


@pytest.mark.parametrize(
    ("window", "wanted"),
    [
        (Box(100, 100, 600, 400), Box(100, 100, 600, 400)),
        (Box(100, 407, 758, 570), Box(100, 155, 758, 570)),  # a form whose last button is below the edge
        (Box(900, 300, 758, 400), Box(608, 300, 758, 400)),
        (Box(-50, -29, 400, 300), Box(0, 0, 400, 300)),  # the title is off the screen
        (Box(0, 0, 1600, 1300), Box(0, 0, 1366, 725)),
        (Box(200, 100, 700, 1300), Box(200, 0, 700, 725)),
        (Box(2000, 1500, 300, 200), Box(1066, 525, 300, 200)),  # the screen was larger
    ],
)
def test_all_of_a_window_is_seen(window: Box, wanted: Box) -> None:
    assert fit(window, AREA) == wanted
    assert fit(wanted, AREA) == wanted


def test_what_cannot_be_so_small_begins_in_the_corner() -> None:
    assert fit(Box(300, 200, 800, 1000), AREA, (600, 900)) == Box(300, 0, 800, 900)
    assert fit(Box(300, 200, 2000, 1000), AREA, (1500, 900)) == Box(0, 0, 1500, 900)


def test_a_strip_of_the_screen_that_belongs_to_others_is_left_free() -> None:
    assert fit(Box(0, 0, 2000, 2000), Box(10, 40, 1000, 600)) == Box(10, 40, 1000, 600)


@pytest.mark.parametrize(
    ("popup", "pointer", "place"),
    [
        (Box(100, 100, 200, 300), (100, 100), (100, 100)),
        (Box(101, 601, 200, 300), (100, 600), (101, 425)),  # moved up, beside the pointer as it is
        (Box(100, 600, 200, 300), (100, 600), (100, 300)),  # above it
        (Box(1300, 100, 200, 300), (1300, 100), (1100, 100)),  # to its left
        (Box(100, 200, 200, 700), (100, 200), (101, 25)),  # neither above nor below is there room
        (Box(50, 200, 1400, 700), (100, 200), (0, 25)),  # nor anywhere
    ],
)
def test_a_menu_opens_on_the_screen_and_not_under_the_pointer(
    popup: Box, pointer: tuple[int, int], place: tuple[int, int]
) -> None:
    assert beside(popup, pointer, AREA) == Box(*place, popup.width, popup.height)
