"""Cards say what happens and what to do next, in the room's language; nothing on them tells who is inside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mixer.card import TEXTS, card, parse, texts
from mixer.palette import DEEP
from mixer.picture import colour
from mixer.scene import Card
from tests.mixer.pictures import is_plain, same

PROMPTS = Path(__file__).parents[2] / "bridge" / "prompts"
MESSAGES = Path(__file__).parents[2] / "bridge" / "web" / "static" / "messages"
CARDS = [kind for kind in Card if kind is not Card.NONE]
SIZES = [(1280, 720), (640, 360), (320, 180)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", sorted(TEXTS))
@pytest.mark.parametrize("kind", CARDS)
def test_every_card_has_words_and_a_quiet_edge(kind: Card, language: str, size: tuple[int, int]) -> None:
    picture = card(kind, "1234567", language, *size)
    width, height = size
    assert (picture.width, picture.height) == size
    edge = height // 60 * 2
    for part in ((0, 0, width, edge), (0, 0, edge * 2, height), (width - edge * 2, 0, edge * 2, height)):
        assert is_plain(picture.part(*part), colour(*DEEP), tolerance=1)
    assert not is_plain(picture, colour(*DEEP), tolerance=40)


def test_the_languages_are_those_of_the_prompts() -> None:
    assert set(TEXTS) == {path.name for path in PROMPTS.iterdir() if path.is_dir()}


def test_english_where_a_language_is_not_spoken() -> None:
    assert texts("fi") is TEXTS["en"]
    assert same(card(Card.ALONE, "1", "fi", 640, 360), card(Card.ALONE, "1", "en", 640, 360))


def test_the_number_of_the_room_is_on_it() -> None:
    assert not same(card(Card.FULL, "1", "nb", 640, 360), card(Card.FULL, "2", "nb", 640, 360))
    assert not same(card(Card.FULL, "1", "nb", 640, 360), card(Card.FULL, "", "nb", 640, 360))


def test_cards_have_no_place_for_names_or_counts() -> None:
    for told in TEXTS.values():
        for wording in told.cards.values():
            assert not set("{}%0123456789") & set("".join((wording.title, *wording.text)))


def test_the_words_are_short() -> None:
    for told in TEXTS.values():
        for wording in told.cards.values():
            assert len(wording.title) <= 45 and sum(map(len, wording.text)) <= 120


def test_who_waits_is_told_what_the_page_tells() -> None:
    for language, told in TEXTS.items():
        page = json.loads((MESSAGES / f"{language}.json").read_text("utf-8"))["waiting.nobody"]
        for kind in (Card.WAITING_FOR_HOST, Card.WAITING_TO_BE_LET_IN):
            assert page in told.cards[kind].text


@pytest.mark.parametrize(
    "text",
    [
        "[en]",
        '[en]\nroom = "Room"\nknocking = "{count}"\ncards = {}',
        '[en]\nroom = "{room}"\nknocking = "{count}"\ncards = { "lost" = { title = "", text = [] } }',
        '[en]\nroom = "{room}"\nknocking = "{count}"\ncards = { full = { titel = "", text = [] } }',
        'en = "English"',
    ],
)
def test_a_bad_table(text: str) -> None:
    with pytest.raises(ValueError, match="en: "):
        parse(text)
