"""What people are told and asked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from cloudify_scipion.agent.plan.names import readable
from cloudify_scipion.agent.ports.tables.store import Store, Table

NUMBER = "asked"
"""How often somebody was asked about something new."""


class People(Table):
    """Events, alarms, questions and their answers."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._number = 0

    def event(self, at: str, kind: str, text: str) -> None:
        """Remember something worth telling; `kind` is event or alarm."""
        self._store.begin()
        self._db.execute("INSERT INTO events(at, kind, text) VALUES (?, ?, ?)", (at, kind, text))
        self._db.execute("DELETE FROM events WHERE number <= (SELECT max(number) - 10000 FROM events)")

    def events(self, limit: int = 1000, kind: str = "%") -> list[tuple[str, str, str]]:
        """The latest events (at, kind, text) of a kind, or of all, oldest first."""
        query = "SELECT at, kind, text FROM events WHERE kind LIKE ? ORDER BY number DESC LIMIT ?"
        return list(reversed(self._db.execute(query, (kind, limit)).fetchall()))

    def hold(self, question: str, path: bytes, size: int) -> None:
        """Know that a path waits for the answer to a question; the answers to earlier ones do not hold for it."""
        self.hold_all(question, [(path, size)])

    def hold_all(self, question: str, items: Iterable[tuple[bytes, int]]) -> None:
        """Know that many paths wait for the answer to a question."""
        if not self._number:
            self._number = int(self._store.get_state(NUMBER) or 0) + 1
            self._store.set_state(NUMBER, self._number)
        self._store.begin()
        self._db.executemany(
            "INSERT INTO asked VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET size=excluded.size",
            ((question, path, size, self._number) for path, size in items),
        )

    def release(self, question: str, path: bytes) -> None:
        """It does not wait any more."""
        self._store.begin()
        self._db.execute("DELETE FROM asked WHERE question=? AND path=?", (question, path))

    def waiting(self, question: str, after: bytes = b"", limit: int = -1) -> list[tuple[bytes, int]]:
        """What waits for an answer: (path, size), those after a path."""
        query = "SELECT path, size FROM asked WHERE question=? AND path>? ORDER BY path LIMIT ?"
        return self._db.execute(query, (question, after, limit)).fetchall()

    def waiting_totals(self, question: str = "%") -> tuple[int, int]:
        """How many paths wait for the answer to a question, or to any, and their bytes."""
        query = "SELECT count(*), coalesce(sum(size), 0) FROM asked WHERE question LIKE ?"
        count, size = self._db.execute(query, (question,)).fetchone()
        return int(count), int(size)

    def ask(self, name: str, text: str, answers: list[str], number: int = 0) -> None:
        """Ask a person; `number` tells one question from the next."""
        number = number or self._asked_up_to(name)
        self._store.begin()
        self._db.execute(
            "INSERT INTO questions VALUES (?,?,?,'',?,0)"
            " ON CONFLICT(id) DO UPDATE SET text=excluded.text, number=excluded.number",
            (name, readable(text), json.dumps(answers), number),
        )

    def _asked_up_to(self, name: str) -> int:
        query = "SELECT coalesce(max(number), 0) FROM asked WHERE question=?"
        return int(self._db.execute(query, (name,)).fetchone()[0])

    def answer(self, name: str, word: str, number: int | None = None) -> bool:
        """Take a person's answer to a question as it was asked under a `number`; None: as it is asked now.

        False if nobody asked, or that is none of the answers.
        """
        row = self._db.execute("SELECT answers, number FROM questions WHERE id=?", (name,)).fetchone()
        if row is None or word not in json.loads(row[0]):
            return False
        upto = int(row[1]) if number is None else min(number, int(row[1]))
        self._store.begin()
        self._db.execute("UPDATE questions SET answer=?, upto=? WHERE id=?", (word, upto, name))
        return True

    def answer_to(self, name: str) -> str:
        """The answer to a question, empty if there is none."""
        row = self._db.execute("SELECT answer FROM questions WHERE id=?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def answered(self, name: str, word: str) -> int:
        """The number of the question to which that was the answer, 0 if it is not."""
        row = self._db.execute("SELECT upto FROM questions WHERE id=? AND answer=?", (name, word)).fetchone()
        return int(row[0]) if row else 0

    def holds_for(self, name: str, word: str, path: bytes) -> bool:
        """Whether that is the answer to a question that was about this path, too."""
        query = "SELECT 1 FROM asked WHERE question=? AND path=? AND number<=?"
        return self._db.execute(query, (name, path, self.answered(name, word))).fetchone() is not None

    def settled(self, name: str) -> None:
        """A question is answered and done, or has become pointless."""
        self._store.begin()
        self._db.execute("DELETE FROM questions WHERE id=?", (name,))
        self._db.execute("DELETE FROM asked WHERE question=?", (name,))

    def settled_as_asked(self, name: str) -> None:
        """What was answered is done; what has come since still waits, and the question with it."""
        self._store.begin()
        row = self._db.execute("SELECT upto FROM questions WHERE id=?", (name,)).fetchone()
        self._db.execute("DELETE FROM asked WHERE question=? AND number<=?", (name, row[0] if row else 0))
        if self.waiting_totals(name)[0]:
            self._db.execute("UPDATE questions SET answer='', upto=0 WHERE id=?", (name,))
        else:
            self.settled(name)

    def questions(self) -> list[dict[str, Any]]:
        """What waits for an answer."""
        rows = self._db.execute("SELECT id, text, answers, number FROM questions WHERE answer='' ORDER BY id")
        return [{"id": row[0], "text": row[1], "answers": json.loads(row[2]), "number": row[3]} for row in rows]
