"""Where a window has to be so that all of it, or at least its title, is seen. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A rectangle of the screen, in pixels; of a window with its frame."""

    x: int
    y: int
    width: int
    height: int


def fit(window: Box, area: Box, least: tuple[int, int] = (1, 1)) -> Box:
    """The window within `area`: moved as little as possible, smaller only where it has to be.

    `least` is how small it may get. What is larger than the area even so begins in its corner: the title is in reach.
    """
    width = max(min(window.width, area.width), min(least[0], window.width))
    height = max(min(window.height, area.height), min(least[1], window.height))
    x = max(area.x, min(window.x, area.x + area.width - width))
    y = max(area.y, min(window.y, area.y + area.height - height))
    return Box(x, y, width, height)


def beside(popup: Box, pointer: tuple[int, int], screen: Box) -> Box:
    """A menu or hint within the screen. What has to move never comes under the pointer, whose button is down."""
    within = fit(popup, screen)
    if within == popup:
        return popup
    x, y = pointer
    places = (
        (within.x, within.y),
        (within.x, y - popup.height),
        (x + 1, within.y),
        (x - popup.width, within.y),
    )
    boxes = [Box(*place, popup.width, popup.height) for place in places]
    good = (box for box in boxes if fit(box, screen) == box and not _holds(box, x, y))
    return next(good, boxes[0])


def _holds(box: Box, x: int, y: int) -> bool:
    return box.x <= x < box.x + box.width and box.y <= y < box.y + box.height
