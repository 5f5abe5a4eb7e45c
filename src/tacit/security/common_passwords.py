"""Passwords that many choose: a few hundred beginnings, written down by us; no list of breached passwords.

Far smaller than what an attacker tries.  It stops the commonest ones of 12 characters and more, nothing else.
"""

from __future__ import annotations

import re

WORDS = frozenset(
    """
    abc access account admin administrator adobe alexander amanda america andrea andrew angel angela anthony
    apple arsenal asdf asdfgh asdfghjkl ashley august autumn azerty babygirl badboy bailey banana barcelona
    baseball basketball batman benjamin blink blue brandon buster butterfly california changeme charlie cheese
    chelsea chicago chocolate christian christopher computer contrasena cookie corvette cowboys dallas daniel
    david december default demo diamond dolphin donald dragon eagle edward elizabeth england everton family
    february ferrari fishing flower football forever freedom friday friends gabriel gateway george ginger girls
    golden golfer google guest guitar hannah harley haslo heather hello hellokitty hockey honda house hunter
    iloveyou internet jackson january jasmine jennifer jessica jesus jordan joseph joshua july june justin
    killer knight ladies lakers lauren letmein liverpool login london love lovely loveme lovers maggie
    manchester march marina marine martin master matrix matthew maverick melissa mercedes merlin michael
    michelle mickey midnight monday money monkey monster morgan motdepasse mother mustang mynoob naruto nascar
    natasha nathan newyork nicholas nicole ninja november october oliver orange parola pass passw password
    passwort patrick peanut pepper phoenix player please pokemon porsche prince princess private purple qazwsx
    qwert qwerty qwertyuiop qwertz raiders rainbow ranger rebecca robert rockyou root samantha samsung sandra
    saturday scooter secret senha september service shadow silver simple slipknot smokey soccer sophie spiderman
    spring starwars steelers stephanie steven summer sunday sunshine superman support sweet system tacit taylor
    tennis test testing thomas thunder thursday tigger tinkerbell trustno trustnoone tuesday twitter user
    vanessa victoria wednesday welcome whatever william windows winter wizard yamaha yankees yellow zxcvbnm
    """.split()  # noqa: SIM905 - a list of 270 would fill a page with quotes
)
"""Lower case, without digits: what stands around them or in their place is taken off before they are looked up."""

_WALKS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
)
_SPELLINGS = str.maketrans("013457@$!", "oieastasi")
_LETTERS = re.compile(r"[a-z]+")
_SHORTEST_WALK = 6


def is_common(password: str, *, login: str = "") -> bool:
    """Whether a password is one of those that are tried first.

    That is: one thing over and over, a walk along the keyboard or the alphabet, the login name, or one or two of the
    listed words with digits and signs around them, also where letters are written as digits.
    """
    folded = password.casefold()
    words = WORDS | {each for each in _LETTERS.findall(login.casefold()) if len(each) > 2}
    inner = re.sub(r"^[^a-z]+|[^a-z]+$", "", folded)
    spelt = (folded, inner.translate(_SPELLINGS), folded.translate(_SPELLINGS))
    return (
        _is_repeated(folded)
        or not _LETTERS.search(_without_walks(folded))
        or any(_is_of_words(text, words) for text in spelt)
    )


def _is_repeated(text: str) -> bool:
    """Whether a text is a short one, several times; or nearly all of it the same few characters."""
    return len(set(text)) <= 4 or any(
        (text[:size] * len(text))[: len(text)] == text for size in range(1, len(text) // 2 + 1)
    )


def _without_walks(text: str) -> str:
    """A text without its walks along a keyboard or the alphabet, there or back."""
    for walk in (each for forth in _WALKS for each in (forth, forth[::-1])):
        for start in range(len(walk) - _SHORTEST_WALK + 1):
            size = _SHORTEST_WALK
            while walk[start : start + size] in text and start + size <= len(walk):
                size += 1
            if size > _SHORTEST_WALK:
                text = text.replace(walk[start : start + size - 1], "")
    return text


def _is_of_words(text: str, words: frozenset[str]) -> bool:
    """Whether all letters of a text are one or two of the words, each perhaps several times."""
    runs = set(_LETTERS.findall(text))
    return 0 < len(runs) <= 2 and all(_is_two_words(run, words) for run in runs)


def _is_two_words(run: str, words: frozenset[str]) -> bool:
    """Whether letters are a word, two in a row, or but a letter or two."""
    return len(run) <= 2 or run in words or any(run[:at] in words and run[at:] in words for at in range(1, len(run)))
