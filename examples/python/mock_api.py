"""A mock of somebody else's API, and a look at what the code under test asked of it."""

import json
import urllib.request

from outrider.testing import Answer, Mock


def is_warm(place: str, service: str) -> bool:  # the code under test
    with urllib.request.urlopen(f"{service}/{place}") as answer:
        return bool(json.load(answer)["degrees"] > 18)


with Mock() as mock:
    mock.get("/{place}", json={"degrees": 21})
    mock.get("/Reykjavik", Answer(json={"degrees": 9}))
    assert is_warm("Lisbon", mock.url)
    assert not is_warm("Reykjavik", mock.url)

mock.assert_called("GET", "/Lisbon", times=1)
for request in mock.requests:
    print(request)
