"""Warnings about overviews: another language, and genres among the words."""

from __future__ import annotations

from datasets.text.overview_checks import foreign_share, latin_share, leak_share


def test_foreign_overviews() -> None:
    english = "A retired diver looks for her brother with the help of two sisters."
    german = "Ein alter Taucher sucht am Meer seinen Bruder und findet zwei Schwestern."
    russian = "Старый водолаз ищет своего брата в городе у моря."
    chinese = "一人の少年が海へ旅に出る。"
    assert foreign_share([english] * 3) == 0
    assert foreign_share([german, russian, chinese, english]) == 0.75
    assert foreign_share(["Too short", ""]) == 0


def test_latin_letters_by_hand() -> None:
    assert latin_share("Amélie 2001!") == 1
    assert latin_share("ab яю") == 0.5
    assert latin_share("123") == 1


def test_leaks_by_hand() -> None:
    overviews = ["A war begins.", "A warm drama.", "Science fiction at its best.", "Nothing here."]
    genres = [["War"], ["War", "Crime"], ["Science Fiction"], ["Drama"]]
    assert leak_share(overviews, genres) == 0.5
    assert leak_share([], []) == 0
