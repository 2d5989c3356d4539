"""A mock of somebody's API: what it answers, how it fails, and what it was asked."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from outrider.testing import Answer, Mock, MockRequest
from weather import Weather


def test_the_temperature_is_asked_for(outrider_mock: Mock) -> None:
    outrider_mock.get("/weather/{place}", json={"degrees": 21})

    assert Weather(outrider_mock.url).degrees("Lisbon") == 21

    outrider_mock.assert_called("GET", "/weather/Lisbon", times=1)


def test_a_report_is_sent_with_its_key(outrider_mock: Mock) -> None:
    outrider_mock.when("POST", "/reports", headers={"X-Key": "secret"}).answer(status=201, json={"id": 1})
    outrider_mock.post("/reports", status=401)

    weather = Weather(outrider_mock.url)
    assert weather.report("Lisbon", 22, key="secret") == 1
    with pytest.raises(OSError, match="401"):
        weather.report("Lisbon", 22, key="wrong")

    outrider_mock.assert_called("POST", "/reports", json={"place": "Lisbon", "degrees": 22}, times=2)


FAILURES = {
    "busy": Answer(503, headers={"retry-after": "1"}),
    "no answer": Answer(drop=True),
    "half an answer": Answer(json={"degrees": 21}, cut_after=8),
    "no JSON": Answer(text="out of order"),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_a_service_that_fails_is_asked_again(outrider_mock: Mock, failure: Answer) -> None:
    outrider_mock.get("/weather/{place}", failure, failure, Answer(json={"degrees": 21}))

    assert Weather(outrider_mock.url, pause=0).degrees("Lisbon") == 21

    outrider_mock.assert_called("GET", "/weather/Lisbon", times=3)


def test_a_function_makes_the_answer() -> None:
    degrees = {"Lisbon": 21}

    def look_up(request: MockRequest) -> Answer:
        place = request.parameters["place"]
        return Answer(json={"degrees": degrees[place]}) if place in degrees else Answer(404)

    with Mock() as mock:
        mock.get("/weather/{place}", look_up)
        assert Weather(mock.url).degrees("Lisbon") == 21


def test_a_client_in_another_language_comes_by_https(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl isn't installed")
    with Mock(tls=True) as mock:
        mock.get("/weather/Lisbon", json={"degrees": 21})
        authority = mock.server.save_ca(tmp_path / "ca.pem")
        command = ["curl", "-sS", "--noproxy", "*", "--cacert", authority, mock + "/weather/Lisbon"]
        assert subprocess.check_output(command) == b'{"degrees": 21}'
        assert mock.requests[0].headers["user-agent"].startswith("curl/")


def test_what_is_not_mocked_is_told() -> None:
    with pytest.raises(AssertionError, match="the mock has no route for GET /wether/Lisbon"), Mock() as mock:
        mock.get("/wether")
        mock.get("/weather/{place}", json={"degrees": 21})
        with pytest.raises(OSError, match="404"):
            Weather(mock.url, pause=0)._ask("GET", "/wether/Lisbon")
