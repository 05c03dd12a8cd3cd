"""What is typed on keyboards of many countries arrives byte for byte, in a terminal and in a Tk entry."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from selenium import webdriver

from tests.browser.desktop_browser import open_desktop, wait_for_frame
from tests.browser.keys import Key, keyboard, letters, press, pretend
from tests.browser.screen import entry, look, terminal, typed
from tests.browser.target import Desktop
from tests.installation import wait_until

pytestmark = pytest.mark.machine

ENTER = letters("\n")
KEYBOARDS = {
    "de": """
        zKeyY yKeyZ ZKeyY+ äQuote öSemicolon üBracketLeft ÄQuote+ ÖSemicolon+ ÜBracketLeft+ ßMinus ?Minus+ "Digit2+
        §Digit3+ /Digit7+ =Digit0+ +BracketRight *BracketRight+ #Backslash 'Backslash+ <IntlBackslash
        >IntlBackslash+ °Backquote+ @KeyQ~ €KeyE~ µKeyM~ ²Digit2~ ³Digit3~ {Digit7~ [Digit8~ ]Digit9~ }Digit0~
        \\Minus~ ~BracketRight~ |IntlBackslash~ éKeyE^Equal àKeyA^Equal+ ôKeyO^Backquote ÉKeyE+^Equal
    """,
    "es": """
        ñSemicolon ÑSemicolon+ çBackslash ÇBackslash+ ¡Equal ¿Equal+ ºBackquote ªBackquote+ ·Digit3+ =Digit0+
        ?Minus+ |Digit1~ @Digit2~ #Digit3~ €KeyE~ ¬Digit6~ [BracketLeft~ ]BracketRight~ {Quote~ }Backslash~
        \\Backquote~ áKeyA^Quote éKeyE^Quote íKeyI^Quote óKeyO^Quote úKeyU^Quote üKeyU^Quote+ ÁKeyA+^Quote
        òKeyO^BracketLeft
    """,
    "fr": """
        aKeyQ qKeyA zKeyW wKeyZ mSemicolon MSemicolon+ éDigit2 èDigit7 çDigit9 àDigit0 ùQuote &Digit1 "Digit3
        'Digit4 (Digit5 -Digit6 _Digit8 )Minus 1Digit1+ 9Digit9+ %Quote+ §Slash+ !Slash $BracketRight £BracketRight+
        ²Backquote ~Digit2~ #Digit3~ {Digit4~ [Digit5~ |Digit6~ `Digit7~ \\Digit8~ ^Digit9~ @Digit0~ ]Minus~ }Equal~
        €KeyE~ âKeyQ^BracketLeft ëKeyE^BracketLeft+ îKeyI^BracketLeft ÔKeyO+^BracketLeft
    """,
    "cz": """
        ěDigit2 šDigit3 čDigit4 řDigit5 žDigit6 ýDigit7 áDigit8 íDigit9 éDigit0 úBracketLeft ůSemicolon 2Digit2+
        §Quote !Quote+ /BracketLeft+ "Semicolon+ ˇDigit3~ @KeyV~ #KeyX~ &KeyC~ [KeyF~ ]KeyG~ {KeyB~ }KeyN~ \\KeyQ~
        €KeyE~ đKeyS~ ńKeyN^Equal ÓKeyO+^Equal ďKeyD^Equal+ ŤKeyT+^Equal+ ňKeyN^Equal+ ĚKeyE+^Equal+
    """,
}
FOREIGN = "".join(
    [
        "αβγδεζηθικλμνξοπρστυφχψωΑΒΓΔΘΛΞΠΣΦΨΩάέήίόύώ",
        "абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЖЩЭЮЯёїґ",
        "ěščřžýáíéúůďťňĚŠČŘŽ",
        "あいうえおかきくけこさしすせそアイウエオカキクケコサシスセソ",
        "אבגדהוזחטיכלמנסעפצקרשת",  # no key has these
        "".join(map(chr, range(0x4E00, 0x4E00 + 60))),
    ]
)
Field = Callable[[Desktop], AbstractContextManager[None]]


@pytest.fixture
def opened(desktop: Desktop, page: webdriver.Chrome) -> webdriver.Chrome:
    open_desktop(page, desktop.link())
    return page


def arrives(desktop: Desktop, text: str) -> None:
    """Wait for what was typed, and compare."""
    got = ""
    for _ in range(40):
        got = typed(desktop)
        if len(got) >= len(text):
            break
        time.sleep(0.5)
    assert got == text


def test_any_number_of_foreign_letters_arrives_also_the_first_of_a_new_server(
    desktop: Desktop, opened: webdriver.Chrome
) -> None:
    assert len(set(FOREIGN)) == len(FOREIGN) >= 200
    desktop.run(["systemctl", "restart", "cloudify-desktop-vnc"])
    wait_until(lambda: any(" on " in title for title in look(desktop).windows), 60)  # Scipion's takes the keyboard
    for field, text in ((terminal, f"{FOREIGN[::-1]}\n"), (entry, FOREIGN[-120:])):
        with field(desktop):
            wait_for_frame(opened)
            press(opened, letters(text))
            arrives(desktop, text)


@pytest.mark.parametrize("field", [terminal, entry])
def test_keyboards_of_countries_and_systems_type_what_is_on_them(
    desktop: Desktop, page: webdriver.Chrome, field: Field
) -> None:
    expected = ""
    with field(desktop):
        for system in ("linux", "windows", "mac"):
            pretend(page, system)
            open_desktop(page, desktop.link())
            for table in KEYBOARDS.values():
                keys: list[Key] = [*keyboard(table), *(ENTER if field is terminal else [])]
                press(page, keys, system)
                expected += "".join(key.letter for key in keys)
            arrives(desktop, expected)  # letters leave the page one by one: not before they have may it go


def test_letters_of_east_asia_have_a_font(desktop: Desktop) -> None:
    for letter in "漢字あア한":
        assert desktop.run(["fc-list", f":charset={ord(letter):x}"]), letter
