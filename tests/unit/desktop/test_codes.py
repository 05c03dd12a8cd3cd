"""Letters that the layout lacks get key codes, and lose them again in time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cloudify_helper.codes import SPARE, Codes

from tests.unit.desktop.conftest import FILES

ALPHABETS = (
    "αβγδεζηθικλμνξοπρσςτυφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩάέήίόύώϊϋΐΰ",
    "абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯёЁєіїґђјљњћџў",
    "áčďéěíňóřšťúůýžÁČĎÉĚÍŇÓŘŠŤÚŮÝŽ",
    "äöüßÄÖÜñÑçÇàâæèéêëîïôœùûÿŒŸ¿¡€ªº«»§°²³´¨¬",
    "ąćęłńóśźżĄĆĘŁŃŚŹŻőűŐŰşğıİŞĞāēģīķļņūșț",
    "あいうえおかきくけこがぎぐげごさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをんっゃゅょ",
    "アイウエオカキクケコガギグゲゴサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲンッャュョー、。",
)


class Server:
    """Puts letters on codes as the VNC server does."""

    def __init__(self) -> None:
        self.codes = Codes()
        self.letters: dict[int, str] = {}
        self.lost: list[str] = []

    def type(self, letter: str, now: float) -> None:
        """One key; the helper hears of it and gives back what it wants to."""
        code = next((code for code, other in self.letters.items() if other == letter), None)
        if code is None:
            code = max(SPARE - self.letters.keys(), default=None)
            if code is None:
                self.lost.append(letter)
                return
            self.letters[code] = letter
            self.codes.taken([24, *self.letters], now)
        self.codes.typed(code, now)
        self.free(now)

    def free(self, now: float) -> None:
        """What the helper gives back now."""
        freed = self.codes.give_back(now)
        for code in freed:
            del self.letters[code]
        if freed:
            self.codes.taken(list(self.letters), now)


@pytest.mark.parametrize("pause", [0.001, 0.1, 5.0])
def test_any_number_of_letters_finds_a_code(pause: float) -> None:
    server = Server()
    for number in range(500):
        server.type(chr(0x4E00 + number), number * pause)
        assert chr(0x4E00 + number) in server.letters.values()
    assert server.lost == []


def test_what_was_typed_of_late_stays() -> None:
    server, codes = Server(), set()
    for number in range(200):
        server.type(chr(0x4E00 + number), 2 * number)
        server.type("א", 2 * number + 1)
        codes |= {code for code, letter in server.letters.items() if letter == "א"}
        assert {chr(0x4E00 + max(0, number - back)) for back in range(8)} <= set(server.letters.values())
    assert len(codes) == 1


def test_an_alphabet_that_fits_stays_for_good() -> None:
    server = Server()
    for number in range(11 * 20):
        server.type(chr(0x5D0 + number % 11), number)
    assert len(server.letters) == 11 and server.codes.wait() is None


def test_in_a_quiet_moment_there_is_more_room() -> None:
    server = Server()
    for number in range(17):
        server.type(chr(0x4E00 + number), number * 0.05)
    before = len(server.letters)
    assert server.codes.wait() is not None
    server.free(17 * 0.05 + 1.0)
    assert len(server.letters) < before and server.codes.wait() is None


def test_a_key_that_is_down_keeps_its_code() -> None:
    codes = Codes()
    codes.taken(sorted(SPARE), 0.0)
    down = frozenset(codes.give_back(10.0)[:3])
    assert down and not down & set(codes.give_back(10.0, down))


def keys() -> Iterator[tuple[str, list[int], list[str]]]:
    """Of each key of the layout its name, its numbers, and the letters that the remark says they are."""
    for line in (FILES / "session/keymap.xkb").read_text().splitlines():
        if line.startswith("    key <"):
            numbers = line[line.index("[") + 1 : line.index("]")].replace("NoSymbol, ", "").split(", ")
            letters = line.split("// ")[1].split()
            yield line.split("<")[1].split(">")[0], [int(number, 16) for number in numbers], letters


def test_the_layout_has_the_letters_of_many_alphabets_once() -> None:
    letters = [letter for _, _, row in keys() for letter in row]
    assert len(letters) == len(set(letters))
    assert set("".join(ALPHABETS)) - set(letters) == set()


def test_the_layout_says_letters_as_browsers_do_and_leaves_codes_free() -> None:
    for name, numbers, letters in keys():
        assert len(numbers) == len(letters)
        for number, letter in zip(numbers, letters, strict=True):
            code = ord(letter)
            assert number == code if code < 256 else number in (0x1000000 | code, 0x20AC) or 0x100 < number < 0x2000
            assert letter not in "".join(ALPHABETS[:3]) or number < 0x2000  # X's own: noVNC sends no other for these
        assert not name.startswith("L") or int(name[1:]) not in SPARE
