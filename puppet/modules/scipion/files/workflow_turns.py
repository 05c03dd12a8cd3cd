"""Whose turn it is: which steps of a workflow are started, and which a person is awaited for. Pure decisions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from workflow_state import ACTIVE, INTERACTIVE


@dataclass(frozen=True)
class Turn:
    """What decides whether a protocol's turn has come. `streams`: it can work on inputs that still grow.

    `mine`: it is a step of the project file; `begun`: this program has started it, now or in an earlier run, or
    somebody has reset it.
    `supplied`: those parents whose part of its inputs is there; `outputs` names what it has given itself.
    """

    status: str
    parents: Collection[str] = ()
    supplied: Collection[str] = ()
    outputs: str = ""
    streams: bool = False
    growing: bool = False
    interrupted: bool = False
    mine: bool = True
    begun: bool = False

    @property
    def waits(self) -> bool:
        """Whether it is ours to start: a step of the project file that never began, or died after we had started it.

        All others are the user's: his own boxes, and those of the workflow that he has started or reset himself.
        """
        return self.mine and (self.interrupted if self.begun else self.status == "saved")

    @property
    def in_hands(self) -> bool:
        """Whether a person has to go on with it: it waits for him, or he has reset it."""
        return self.status == INTERACTIVE or (self.mine and self.begun and self.status == "saved")


def ready(turns: Mapping[str, Turn], started: Collection[str]) -> list[str]:
    """Protocols to start now: those that wait for us, whose inputs are complete, or grow and can be used growing.

    What a person gives in his own step's window is complete when it is there: Scipion leaves such a step interactive.
    """

    def gives(name: str, turn: Turn) -> bool:
        parent = turns[name]
        by_hand = parent.status == INTERACTIVE and name in turn.supplied
        return parent.status == "finished" or by_hand or (turn.streams and parent.growing and parent.status in ACTIVE)

    def fed(turn: Turn) -> bool:
        return all(gives(parent, turn) for parent in turn.parents if parent in turns)

    return [name for name, turn in turns.items() if turn.waits and name not in started and fed(turn)]


def is_busy(turns: Mapping[str, Turn]) -> bool:
    """Whether something runs that is ours, or that one of ours waits for; the user's other work is not our matter."""
    ours = {name for name, turn in turns.items() if turn.mine}
    ours |= {one for name, turn in turns.items() if turn.waits for one in _above(turns, name)}
    return any(turns[name].status in ACTIVE for name in ours)


def awaited(turns: Mapping[str, Turn]) -> list[str]:
    """Steps that a person must finish before others can go on, which nothing else keeps from it for ever."""
    found: set[str] = set()
    for name, turn in turns.items():
        above = _above(turns, name)
        if turn.waits and all(_may_end(turns[one]) for one in above):
            for one in [name, *above]:
                found |= _not_given(turns, turns[one]) if turns[one].waits else set()
    return [name for name in turns if name in found]


def _may_end(turn: Turn) -> bool:
    return turn.status == "finished" or turn.in_hands or turn.waits


def _not_given(turns: Mapping[str, Turn], turn: Turn) -> set[str]:
    """Steps in a person's hands whose part of a step's inputs is not there."""
    parents = (one for one in turn.parents if one in turns and one not in turn.supplied)
    return {one for one in parents if turns[one].in_hands}


def _above(turns: Mapping[str, Turn], name: str) -> set[str]:
    """All that a step depends on, directly or not."""
    found: set[str] = set()
    following = [name]
    while following:
        new = {parent for parent in turns[following.pop()].parents if parent in turns} - found
        found |= new
        following += new
    return found
