"""The service's interface: films in, probabilities out, and one sentence for whatever cannot be answered."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from genre_models.explain.explanation import Explanation
from genre_models.predictors.model import Model
from ray_jobs.serving.served_models import ServedModels
from tests.ray_jobs.serving.fake_models import FakePredictor, base64_of, client_of, picture

OVERVIEW = "x" * 30  # its length by 100 is the probability of Drama


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with client_of(max_body_mb=0.1, max_overview_characters=50, max_poster_pixels=400) as client:
        yield client


def error_of(response: Any) -> str:
    assert list(response.json()) == ["error"] and "\n" not in response.json()["error"]
    return str(response.json()["error"])


# -- films ------------------------------------------------------------------------------------------------------------


def test_a_film_as_a_form_and_as_json_has_the_same_answer(client: TestClient) -> None:
    form = client.post("/predict", files={"poster": ("p.jpg", picture())}, data={"overview": OVERVIEW})
    plain = client.post("/predict", json={"poster": base64_of(picture()), "overview": OVERVIEW})
    url = client.post(
        "/predict", json={"poster": f"data:image/jpeg;base64,{base64_of(picture())}", "overview": OVERVIEW}
    )
    assert form.status_code == plain.status_code == url.status_code == 200, form.text
    assert form.json() == plain.json() == url.json()
    answer = form.json()
    assert answer["model"] == "joint"
    # White: brightness 1. Thresholds are .5, .2, .9.
    assert answer["probabilities"] == pytest.approx({"Action": 0.1, "Comedy": 1.0, "Drama": 0.3})
    assert answer["genres"] == ["Comedy"]
    assert answer["top3"] == ["Comedy", "Drama", "Action"]
    assert answer["explanations"] is None
    by_model = {one["model"]: one for one in answer["models"]}
    assert list(by_model) == ["cnn", "lstm", "joint"]
    assert by_model["lstm"]["probabilities"] == pytest.approx({"Action": 0.1, "Comedy": 0.0, "Drama": 0.3})
    assert by_model["lstm"]["genres"] == [] and by_model["joint"]["genres"] == answer["genres"]


def test_a_film_without_a_poster_is_answered_by_the_models_that_can(client: TestClient) -> None:
    answer = client.post("/predict", json={"overview": f" {OVERVIEW}\n"}).json()
    assert answer["probabilities"]["Drama"] == pytest.approx(0.3)  # white space around does not count
    by_model = {one["model"]: one for one in answer["models"]}
    assert by_model["cnn"]["problem"] == "no poster"
    assert by_model["cnn"]["probabilities"] == {} and by_model["cnn"]["top3"] == []
    assert by_model["lstm"]["problem"] == ""


def test_empty_fields_of_a_form_count_as_missing(client: TestClient) -> None:
    """A browser sends an empty file where none was chosen."""
    answer = client.post("/predict", files={"poster": ("", b"")}, data={"overview": OVERVIEW, "explain": "false"})
    assert answer.status_code == 200, answer.text
    assert error_of(client.post("/predict", files={"poster": ("", b"")}, data={"overview": " "})) == (
        "Joint model cannot predict the film: neither poster nor overview"
    )


def test_a_model_that_needs_a_poster_says_so() -> None:
    only = ServedModels({"model": FakePredictor("Poster CNN", overview=False)}, "model")
    with client_of(only) as client:
        response = client.post("/predict", json={"overview": "An overview."})
        assert response.status_code == 422
        assert error_of(response) == "Poster CNN cannot predict the film: no poster"
        assert client.post("/predict", json={"poster": base64_of(picture("PNG"))}).status_code == 200


def test_an_explanation_is_of_the_genres_chosen_and_most_probable(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def explain(self: Model, posters: Any, overviews: Any, *, genres: list[str], **limit: int) -> Any:
        asked.update(posters=posters, overviews=overviews, label=self.predictor.info.label, **limit)
        heat = np.array([[0, 1], [0.5, 0.25]], np.float32)
        return [[Explanation(genre, 0.5, heat, [("x", 1.5)], 0.75) for genre in genres]]

    monkeypatch.setattr(Model, "explain", explain)
    film = {"poster": base64_of(picture("PNG")), "overview": f"{OVERVIEW}\n"}
    answer = client.post("/predict", json={**film, "explain": True}).json()
    # Most probable first: 1, .3, .1.
    assert [one["genre"] for one in answer["explanations"]] == ["Comedy", "Drama", "Action"]
    assert answer["explanations"][0]["heat"] == [[0, 1], [0.5, 0.25]]
    assert answer["explanations"][0]["words"] == [["x", 1.5]]
    assert asked == {"posters": [picture("PNG")], "overviews": [OVERVIEW], "label": "Joint model", "max_pixels": 400}
    form = client.post("/predict", files={"poster": picture("PNG")}, data={"overview": OVERVIEW, "explain": "true"})
    assert form.json() == answer


# -- limits -----------------------------------------------------------------------------------------------------------


def test_limits_are_kept_to_the_last_one(client: TestClient) -> None:
    assert client.post("/predict", json={"overview": "x" * 50}).status_code == 200
    longer = client.post("/predict", json={"overview": "x" * 51})
    assert (longer.status_code, error_of(longer)) == (413, "the overview has 51 characters; at most 50 are read")
    assert client.post("/predict", files={"poster": picture("PNG", (20, 20))}).status_code == 200
    larger = client.post("/predict", files={"poster": picture("PNG", (20, 21))})
    assert larger.status_code == 413
    assert error_of(larger) == "poster too large: a PNG of 20 x 21 pixels; at most 400 pixels are decoded"


def test_a_long_body_is_refused_by_its_header_and_without_one(client: TestClient) -> None:
    film = b'{"overview": "an overview"' + b" " * 99_974 + b"}"
    assert len(film) == 100_001
    head = {"content-type": "application/json"}
    assert client.post("/predict", content=film[:-2] + b"}", headers=head).status_code == 200

    def pieces() -> Iterator[bytes]:
        yield from (film[start : start + 10_000] for start in range(0, len(film), 10_000))

    for content in (film, pieces()):  # an iterator is sent in chunks, without Content-Length
        response = client.post("/predict", content=content, headers=head)
        assert (response.status_code, error_of(response)) == (413, "the request is larger than 0.1 MB")


# -- description, health, counters ------------------------------------------------------------------------------------


def test_the_description_has_models_thresholds_and_limits(client: TestClient) -> None:
    description = client.get("/models").json()
    assert description["answering"] == "joint"
    assert description["limits"] == {"body_bytes": 100_000, "poster_pixels": 400, "overview_characters": 50}
    cnn = description["models"][0]
    assert (cnn["model"], cnn["uses_poster"], cnn["uses_overview"]) == ("cnn", True, False)
    assert cnn["thresholds"] == {"Action": 0.5, "Comedy": 0.2, "Drama": 0.9}


def test_openapi_describes_both_forms_of_a_film(client: TestClient) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/predict"]["post"]
    content = operation["requestBody"]["content"]
    assert set(content) == {"application/json", "multipart/form-data"}
    for one in content.values():
        assert set(one["schema"]["properties"]) == {"poster", "overview", "explain"}
    assert {"200", "400", "413", "415", "422"} <= set(operation["responses"])


def test_unknown_paths_and_methods_are_named(client: TestClient) -> None:
    assert error_of(client.get("/nothing")).startswith("there is no '/nothing'; there are /, /predict")
    response = client.get("/predict")
    assert (response.status_code, error_of(response)) == (405, "/predict takes POST, not GET")


def test_answers_forbid_frames_and_guessing_of_types(client: TestClient) -> None:
    for response in (client.get("/"), client.get("/nothing"), client.post("/predict", json={})):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


def test_counters_say_what_was_answered() -> None:
    with client_of() as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        for body in ({"overview": "x"}, {"overview": "x"}, {}):
            client.post("/predict", json=body)
        client.get("/nothing")
        families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}
    requests = {(s.labels["path"], s.labels["status"]): s.value for s in families["film_genres_requests"].samples}
    assert requests == {("/healthz", "200"): 1, ("/predict", "200"): 2, ("/predict", "422"): 1, ("other", "404"): 1}
    films = {sample.name: sample.value for sample in families["film_genres_batch_films"].samples}
    assert films["film_genres_batch_films_sum"] == 2
    (busy,) = families["film_genres_requests_in_progress"].samples
    assert busy.value == 1  # the one that asks


def test_a_failure_of_a_model_is_no_crash_of_the_service() -> None:
    class Failing(FakePredictor):
        def scores(self, films: Any) -> Any:
            del films
            raise RuntimeError("secret detail")

    with client_of(ServedModels({"model": Failing("Failing")}, "model")) as client:
        response = client.post("/predict", json={"overview": "x"})
        assert (response.status_code, error_of(response)) == (500, "the service failed; its log says why")
        assert client.get("/healthz").status_code == 200


def test_many_clients_at_once_get_their_own_answers(client: TestClient) -> None:
    def drama(length: int) -> float:
        answer = client.post("/predict", json={"overview": "x" * length}).json()
        return float(answer["probabilities"]["Drama"])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(drama, range(1, 41))) == pytest.approx([length / 100 for length in range(1, 41)])
