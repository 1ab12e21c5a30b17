"""The public interface of a trained model: probabilities of genres as a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from datasets.raw.posters import MAX_PIXELS
from genre_models.explain.explanation import Explanation
from genre_models.predictors.explain_films import explain_films
from genre_models.predictors.films import Films, Poster, paired, read_films
from genre_models.predictors.load import load_predictor
from genre_models.predictors.predictor import Predictor

# Films decoded at a time: memory stays the same however many there are.
_FILMS_AT_A_TIME = 1_024
_EXPLAINED_AT_A_TIME = 64
_SHOWN = 5


class Model:
    """A trained model that predicts the genres of films from their posters, overviews or both.

    `genre_models.load` makes one. It can be used from one thread at a time.
    """

    def __init__(self, predictor: Predictor, path: str) -> None:
        self.predictor, self.path = predictor, path

    @property
    def genres(self) -> tuple[str, ...]:
        """Return the genres, in the order of a prediction's columns."""
        return self.predictor.info.genres

    @property
    def thresholds(self) -> pd.Series:
        """Return each genre's tuned decision threshold, float64, indexed by genre."""
        return pd.Series(self.predictor.info.thresholds, index=pd.Index(self.genres, name="genre"), name="threshold")

    @property
    def uses_posters(self) -> bool:
        """Return whether the model looks at posters."""
        return bool(self.predictor.info.poster_sizes)

    @property
    def uses_overviews(self) -> bool:
        """Return whether the model reads overviews."""
        return self.predictor.info.uses_overview

    def __repr__(self) -> str:
        return f"<{self.predictor.info.label}: {len(self.genres)} genres, {self.path}>"

    def predict(
        self,
        posters: Iterable[Poster] | None = None,
        overviews: Iterable[str | None] | None = None,
        *,
        ids: Sequence[Hashable] | None = None,
        errors: Literal["raise", "coerce"] = "raise",
        max_pixels: int = MAX_PIXELS,
    ) -> pd.DataFrame:
        """Predict the probability of each genre for each film.

        Posters are decoded and resized, and overviews tokenised, exactly as in training. What the model does not use
        is ignored. Where the model allows it a film may lack one of the two: None, or an empty overview. Thresholds
        turn probabilities into genres: `frame >= model.thresholds`.

        Args:
            posters: one for each film: path or URI of a JPEG, PNG, WebP, GIF or BMP, its bytes, a Pillow picture,
                pixels uint8 [height, width, 3], or None.
            overviews: one for each film, a text or None.
            ids: index of the result, one for each film; by default 0, 1, ...
            errors: "raise" for an error that names the films that cannot be predicted or have an unusable poster;
                "coerce" for rows of NaN, and to predict a film with an unusable poster from its overview alone where
                the model can.
            max_pixels: a poster of more pixels is unusable.

        Returns:
            float32 probabilities, a row for each film and a column for each genre.

        Raises:
            ValueError: numbers of posters, overviews and ids differ, or films cannot be predicted.
            TypeError: a poster or an overview is of another type.

        Example:
            >>> import genre_models as gm
            >>> model = gm.load("~/film-genres/runs")
            >>> model.predict(posters=["alien.jpg"], overviews=["A crew wakes up far from home."])
        """
        if errors not in ("raise", "coerce"):
            raise ValueError(f'errors is "raise" or "coerce", not {errors!r}')
        pictures, texts = paired(posters, overviews)
        if ids is not None and len(ids) != len(texts):
            raise ValueError(f"{len(ids)} ids for {len(texts)} films")
        index = pd.RangeIndex(len(texts)) if ids is None else pd.Index(list(ids))
        scores, problems = np.empty((len(texts), len(self.genres)), np.float32), []
        for start in range(0, len(texts), _FILMS_AT_A_TIME):
            rows = slice(start, start + _FILMS_AT_A_TIME)
            films, unusable = read_films(
                pictures[rows], texts[rows], sizes=self.predictor.info.poster_sizes, max_pixels=max_pixels, first=start
            )
            problems += [(index[start + film], why) for film, why in self._problems(films, unusable)]
            if not problems or errors == "coerce":
                scores[rows] = self.predictor.scores(films)
        if problems and errors == "raise":
            raise ValueError(self._complaint(problems))
        return pd.DataFrame(scores, index=index, columns=pd.Index(self.genres, name="genre"))

    def explain(
        self,
        posters: Iterable[Poster] | None = None,
        overviews: Iterable[str | None] | None = None,
        *,
        genres: Sequence[str] | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> list[list[Explanation]]:
        """Explain predictions: the regions of the poster and the words of the overview that speak for a genre.

        Posters by Grad-CAM (Selvaraju et al. 2017), words by integrated gradients of their embeddings (Sundararajan et
        al. 2017), both through the whole network; with a pretrained encoder by occlusion, at the cost of some fifty
        predictions for a poster and one for each word; of TF-IDF the exact weights. An ensemble adds its members'.

        Args:
            posters: as in `predict`.
            overviews: as in `predict`.
            genres: the genres to explain for every film; by default those that are chosen at the thresholds, or the
                most probable one where none is chosen.
            max_pixels: as in `predict`.

        Returns:
            For each film an explanation for each genre, in the order given; by default the most probable first.

        Raises:
            ValueError: a genre is unknown, numbers of posters and overviews differ, or films cannot be predicted.
            TypeError: a poster or an overview is of another type.

        Example:
            >>> [[why]] = model.explain(posters=["alien.jpg"], overviews=["A crew far from home."], genres=["Sci-Fi"])
            >>> why.top_words(3)
            >>> why.heat_on("alien.jpg").save("why.png")
        """
        pictures, texts = paired(posters, overviews)
        asked = None if genres is None else [self._index(genre) for genre in _names(genres)]
        explained: list[list[Explanation]] = []
        for start in range(0, len(texts), _EXPLAINED_AT_A_TIME):
            rows = slice(start, start + _EXPLAINED_AT_A_TIME)
            films, unusable = read_films(
                pictures[rows], texts[rows], sizes=self.predictor.info.poster_sizes, max_pixels=max_pixels, first=start
            )
            if problems := [(start + film, why) for film, why in self._problems(films, unusable)]:
                raise ValueError(self._complaint(problems, or_else=""))
            by_film = [asked] * len(films) if asked is not None else self._chosen(films)
            pairs = [(film, genre) for film, its in enumerate(by_film) for genre in its]
            answers = iter(explain_films(self.predictor, films, pairs))
            explained += [[next(answers) for _ in its] for its in by_film]
        return explained

    def _index(self, genre: str) -> int:
        if genre not in self.genres:
            raise ValueError(f"there is no genre {genre!r}: the model predicts {', '.join(self.genres)}")
        return self.genres.index(genre)

    def _chosen(self, films: Films) -> list[list[int]]:
        """Return the indices of each film's chosen genres, or of its most probable one."""
        scores = self.predictor.scores(films)
        ranked = np.argsort(-scores, axis=1, kind="stable")
        beyond = scores >= self.predictor.info.thresholds
        return [
            [genre for genre in order.tolist() if there[genre]] or order[:1].tolist()
            for order, there in zip(ranked, beyond, strict=True)
        ]

    def _problems(self, films: Films, unusable: dict[int, str]) -> Iterator[tuple[int, str]]:
        """Yield each film with a problem, by its index, and the reason."""
        has = zip(films.has_poster.tolist(), films.has_overview.tolist(), strict=True)
        for film, (poster, overview) in enumerate(has):
            if why := unusable.get(film) or self.predictor.info.why_not(poster, overview):
                yield film, why

    def _complaint(
        self, problems: Sequence[tuple[Hashable, str]], *, or_else: str = ', or take errors="coerce"'
    ) -> str:
        named = "; ".join(f"film {film}: {why}" for film, why in problems[:_SHOWN])
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        films = f"{len(problems)} film{'s' if len(problems) > 1 else ''}"
        return (
            f"{self.predictor.info.label} cannot predict {films} as given ({named}{more}): give what they lack, "
            f"leave them out{or_else}"
        )


def _names(genres: Sequence[str]) -> list[str]:
    if isinstance(genres, str):
        raise TypeError(f'genres is a list; put a single one in brackets: genres=["{genres}"]')
    return list(dict.fromkeys(genres))


def load(*paths: str | Path, metric: str = "") -> Model:
    """Load a trained model; see `genre_models.load`."""
    return Model(load_predictor(*paths, metric=metric), ", ".join(map(str, paths)))
