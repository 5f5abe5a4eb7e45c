"""Everything that can be wrong with a request: each is refused by name, quickly, and nothing breaks.

The numbers are those of the cases in the catalogue of bad API payloads.
"""

from __future__ import annotations

import socket
import time
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection
from urllib.parse import quote

import httpx2
import pytest
import structlog

from tacit.entrypoints.api.schemas import ProblemBody
from tacit.monitoring import metrics as catalogue
from tests.stages import served, stage

PATH = "/api/v1/recommendations"
JSON = {"Content-Type": "application/json"}
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    with stage(tmp_path_factory.mktemp("home")) as made:
        made.release()
        with served(made) as client:
            yield client


def problem(response: httpx2.Response) -> ProblemBody:
    """The problem document of an answer, once everything that every problem promises has been checked."""
    assert response.headers["content-type"] == "application/problem+json"
    body = ProblemBody.model_validate_json(response.content)
    assert body.status == response.status_code
    assert body.type == f"urn:tacit:problem:{body.code}"
    assert body.request_id == response.headers["x-request-id"]
    assert len(body.detail) <= 500
    assert "Traceback" not in response.text
    assert response.elapsed.total_seconds() < 5
    return body


def liked(inner: str) -> bytes:
    return f'{{"liked": [{inner}]}}'.encode()


BODIES: list[tuple[int, bytes, int, str]] = [
    (1, b"", 400, "body_empty"),
    (1, b" \r\n\t", 400, "body_empty"),
    (2, b"hello", 400, "json_invalid"),
    (3, b'{"liked": ["i001"', 400, "json_invalid"),
    (3, b'{"liked": ["i00', 400, "json_invalid"),
    (4, b'{"liked": ["i001"]}x', 400, "json_invalid"),
    (2, b"{'liked': []}", 400, "json_invalid"),
    (5, b'\xef\xbb\xbf{"liked": ["i001"]}', 400, "json_bom"),
    (6, '{"liked": ["i001"]}'.encode("utf-16"), 400, "encoding_unsupported"),
    (6, '{"liked": ["i001"]}'.encode("utf-16-le"), 400, "encoding_unsupported"),
    (6, '{"liked": ["i001"]}'.encode("utf-32"), 400, "encoding_unsupported"),
    (7, b'{"liked": ["\xff\xfe"]}', 400, "encoding_invalid"),
    (8, liked(r'"\ud800"'), 422, "string_surrogate"),
    (9, liked(r'"a\u0000b"'), 422, "string_nul"),
    (10, liked(r'"a\nb"'), 422, "string_control"),
    (10, liked(r'"a\u2028b"'), 422, "string_control"),
    (10, b'{"liked": ["a\nb"]}', 400, "json_invalid"),
    (11, liked(r'"a\u200bb"'), 422, "string_format_char"),
    (11, liked(r'"\u202eabc"'), 422, "string_format_char"),
    (13, liked('""'), 422, "id_empty"),
    (13, liked('"  "'), 422, "id_empty"),
    (14, liked(f'"{"x" * 257}"'), 422, "id_too_long"),
    (14, liked(f'"{"ü" * 129}"'), 422, "id_too_long"),
    (14, liked(f'"{"x" * 10_000}"'), 422, "id_too_long"),
    (16, b'{"liked": ["i001"], "limit": NaN}', 422, "number_not_finite"),
    (16, b'{"liked": ["i001"], "limit": -Infinity}', 422, "number_not_finite"),
    (17, b'{"liked": ["i001"], "limit": 1e400}', 422, "number_out_of_range"),
    (18, b'{"liked": ["i001"], "limit": 9223372036854775808}', 422, "number_out_of_range"),
    (19, b'{"liked": ["i001"], "limit": ' + b"7" * 5_000 + b"}", 400, "json_number"),
    (20, b'{"liked": ["i001"], "limit": "5"}', 422, "type"),
    (20, b'{"liked": ["i001"], "limit": true}', 422, "type"),
    (20, b'{"liked": ["i001"], "limit": 5.0}', 422, "type"),
    (20, b'{"liked": [1]}', 422, "type"),
    (20, b'{"liked": "i001"}', 422, "type"),
    (22, b'{"liked": ["i001"], "liked": ["i002"]}', 422, "json_duplicate_key"),
    (23, b'{"liked": ["i001"], "limits": 5}', 422, "field_unknown"),
    (24, b'{"limit": 5}', 422, "field_missing"),
    (24, b"{}", 422, "field_missing"),
    (25, b'{"liked": null}', 422, "type"),
    (25, b'{"liked": ["i001"], "category": null}', 422, "type"),
    (26, b'["i001"]', 422, "type"),
    (26, b'"i001"', 422, "type"),
    (27, b"[" * 201 + b"]" * 201, 400, "json_depth"),
    (27, b"[" * 100_000, 400, "json_depth"),
    (27, b'{"liked":' * 100_000, 400, "json_depth"),
    (28, b"{" + b",".join(b'"%d":1' % n for n in range(80_000)) + b"}", 422, "too_many_fields"),
    (33, b'{"liked": ["i001"], "limit": 0}', 422, "limit_range"),
    (33, b'{"liked": ["i001"], "limit": -1}', 422, "limit_range"),
    (33, b'{"liked": ["i001"], "limit": 1001}', 422, "limit_range"),
    (33, b'{"liked": ["i001"], "limit": 1000000000}', 422, "limit_range"),
    (39, liked(", ".join(f'"{n}"' for n in range(100_000))), 422, "too_many_items"),
    (39, b'{"liked": ["i001"], "exclude": [' + b",".join([b'"a"'] * 1_001) + b"]}", 422, "too_many_items"),
    (40, liked('"nothing", "nowhere"'), 422, "items_unknown"),
    (40, liked(""), 422, "liked_empty"),
    (53, b'{"liked": ["i001"], "model_alias": "challenger"}', 422, "field_unknown"),
    (53, b'{"liked": ["i001"], "__proto__": {}}', 422, "field_unknown"),
]


@pytest.mark.requirement("QUAL-013")
@pytest.mark.parametrize(
    ("case", "body", "status", "code"), BODIES, ids=[f"{case}-{code}" for case, _, _, code in BODIES]
)
def test_a_bad_body_is_refused_by_name(client: httpx2.Client, case: int, body: bytes, status: int, code: str) -> None:
    response = client.post(PATH, content=body, headers=JSON)

    assert (problem(response).code, response.status_code) == (code, status), f"case {case}"


PATHS: list[tuple[int, str, int, str]] = [
    (9, "/api/v1/users/%00/recommendations", 422, "string_nul"),
    (10, "/api/v1/users/a%0Ab/recommendations", 422, "string_control"),
    (11, "/api/v1/users/%E2%80%8B/recommendations", 422, "string_format_char"),
    (7, "/api/v1/users/%FF/recommendations", 400, "encoding_invalid"),
    (8, "/api/v1/users/%ED%A0%80/recommendations", 400, "encoding_invalid"),
    (13, "/api/v1/users/%20/recommendations", 422, "id_empty"),
    (13, "/api/v1/users//recommendations", 404, "route_unknown"),
    (14, f"/api/v1/users/{'x' * 257}/recommendations", 422, "id_too_long"),
    (14, f"/api/v1/items/{'x' * 10_000}", 422, "id_too_long"),
    (14, f"/api/v1/items?query={'x' * 10_000}", 422, "id_too_long"),
    (15, "/api/v1/users/..%2F..%2Fpopular/recommendations", 404, "user_unknown"),
    (15, "/api/v1/users/%252e%252e%252f/recommendations", 404, "user_unknown"),
    (15, "/api/v1/items/i001%2Fsimilar", 404, "item_unknown"),
    (15, "/api/v1/items/%2e%2e", 404, "item_unknown"),
    (15, "/api/v1/items/a%3Fb%23c%25", 404, "item_unknown"),
    (22, "/api/v1/popular?limit=1&limit=2", 422, "parameter_repeated"),
    (22, "/api/v1/popular?cap=2&cap=2", 422, "parameter_repeated"),
    (23, "/api/v1/popular?limt=3", 422, "field_unknown"),
    (23, "/api/v1/popular?=3", 422, "field_unknown"),
    (23, "/api/v1/items/i001?limit=3", 422, "field_unknown"),
    *[
        (33, f"/api/v1/users/u000/recommendations?limit={limit}", 422, "limit_range")
        for limit in ("0", "-1", "1001", "1000000000", "abc", "1.5", "", "%2B5", "1e2", "%D9%A1", "0x10", "9" * 5_000)
    ],
    (36, "/api/v1/items?sort=password", 422, "field_unknown"),
    (39, "/api/v1/popular?" + "&".join(["exclude=a"] * 1_001), 422, "too_many_items"),
    (39, "/api/v1/popular?" + "&".join(["a"] * 3_000), 422, "too_many_items"),
    (41, "/api/v1/users/nobody/recommendations", 404, "user_unknown"),
    (45, "/api/v1//popular", 404, "route_unknown"),
    (45, "/api/v1/./popular", 404, "route_unknown"),
    (45, "/api/v1/popular/", 404, "route_unknown"),
    (45, "/api/v1/%2e%2e/livez", 404, "route_unknown"),
    (45, "/api/v1/popular;v=1", 404, "route_unknown"),
    (47, "/api/v1/items?query=" + "x" * 40_000, 414, "address_too_long"),
    (0, "/api/v1/popular?category=lwo", 404, "category_unknown"),
    (0, "/api/v1/popular?category=", 422, "id_empty"),
    (0, "/api/v1/popular?exclude=%00", 422, "string_nul"),
    (0, "/metrics", 404, "route_unknown"),
]


@pytest.mark.parametrize(
    ("case", "path", "status", "code"), PATHS, ids=[f"{case}-{code}-{path[8:40]}" for case, path, _, code in PATHS]
)
def test_a_bad_address_is_refused_by_name(client: httpx2.Client, case: int, path: str, status: int, code: str) -> None:
    response = raw(client, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n")

    assert (problem(response).code, response.status_code) == (code, status), f"case {case}"


def raw(client: httpx2.Client, head: str, body: bytes = b"") -> httpx2.Response:
    """Send exactly these bytes, which a client would tidy up."""
    started = time.monotonic()
    with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode("latin-1") + body)
        head_bytes, _, content = b"".join(iter(lambda: connection.recv(65_536), b"")).partition(b"\r\n\r\n")
    status, *lines = head_bytes.decode("latin-1").split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    response = httpx2.Response(int(status.split()[1]), headers=headers, content=content)
    response.elapsed = timedelta(seconds=time.monotonic() - started)
    return response


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 415, "media_type"),
        ({"Content-Type": "text/plain"}, 415, "media_type"),
        ({"Content-Type": "application/xml"}, 415, "media_type"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415, "media_type"),
        ({"Content-Type": "application/json; charset=utf-16"}, 400, "encoding_unsupported"),
        ({**JSON, "Content-Encoding": "gzip"}, 415, "content_encoding"),
        ({**JSON, "Content-Encoding": "br, gzip"}, 415, "content_encoding"),
    ],
)
def test_a_body_declared_as_something_else_is_refused_unread(
    client: httpx2.Client, headers: dict[str, str], status: int, code: str
) -> None:
    """Cases 6, 30, 31 and 32."""
    response = client.post(PATH, content=liked('"i001"'), headers=headers)

    assert (problem(response).code, response.status_code) == (code, status)


def test_a_body_declared_with_its_character_set_is_read(client: httpx2.Client) -> None:
    response = client.post(PATH, content=liked('"i001"'), headers={"Content-Type": 'Application/JSON; charset="UTF-8"'})

    assert response.status_code == 200


def test_a_body_one_byte_over_the_limit_is_refused_and_one_at_the_limit_is_read(client: httpx2.Client) -> None:
    """Case 29, declared and undeclared."""
    at_limit = liked('"i001"').ljust(MEGABYTE)
    over = at_limit + b" "
    declared = client.post(PATH, content=over, headers=JSON)
    streamed = client.post(PATH, content=iter([over[:MEGABYTE], over[MEGABYTE:]]), headers=JSON)

    assert client.post(PATH, content=at_limit, headers=JSON).status_code == 200
    for response in (declared, streamed):
        assert (problem(response).code, response.status_code) == ("body_too_large", 413)
        assert response.headers["connection"] == "close"


def test_a_body_that_never_ends_is_cut_off(client: httpx2.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * 65_536

    try:
        response = client.post(PATH, content=endless(), headers=JSON)
    except httpx2.HTTPError:
        return  # closed while we were still writing
    assert response.status_code == 413


def test_who_listens_only_after_the_last_byte_hears_that_it_was_too_many(client: httpx2.Client) -> None:
    connection = HTTPConnection(client.base_url.host, client.base_url.port or 80, timeout=10)
    connection.request("POST", PATH, b" " * (8 * MEGABYTE), JSON)
    answer = connection.getresponse()
    connection.close()

    assert (answer.status, answer.headers["connection"]) == (413, "close")


@pytest.mark.parametrize(
    "head",
    ["NONSENSE\r\n", "BREW /livez HTTP/1.1\r\nHost: localhost\r\n", "GET /livez HTTP/1.1\r\nX-Request-Id: a\0b\r\n"],
)
def test_what_is_no_http_is_told_so_in_a_problem_document_too(client: httpx2.Client, head: str) -> None:
    response = raw(client, head)
    body = response.json()

    assert (response.status_code, body["code"]) == (400, "request_malformed")
    assert response.headers["content-type"] == "application/problem+json"
    assert body["fix"]


@pytest.mark.parametrize("length", ["-1", "abc", "1000001", "9" * 30])
def test_a_declared_length_that_is_wrong_is_refused_at_once(client: httpx2.Client, length: str) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n"

    assert raw(client, head, b"{}").status_code in (400, 413)


def test_composed_and_decomposed_spellings_of_an_id_are_one_id(client: httpx2.Client) -> None:
    """Case 12."""
    for form in ("NFC", "NFD"):
        spelled = unicodedata.normalize(form, "Zoë")
        sent = {"liked": ["i001", spelled]}

        assert client.post(PATH, json=sent).json()["unknown_items"] == [unicodedata.normalize("NFC", "Zoë")]


def test_an_id_of_exactly_256_bytes_is_an_id(client: httpx2.Client) -> None:
    response = client.post(PATH, json={"liked": ["i001", "ü" * 128]})

    assert response.json()["unknown_items"] == ["ü" * 128]


def test_a_hundred_and_ninety_nine_levels_are_too_deep_for_us_but_not_for_json(client: httpx2.Client) -> None:
    body = b'{"liked": ' + b"[" * 199 + b"]" * 199 + b"}"

    assert problem(client.post(PATH, content=body, headers=JSON)).code == "type"


def test_brackets_inside_a_string_are_no_nesting(client: httpx2.Client) -> None:
    response = client.post(PATH, content=liked('"i001", "' + "[" * 250 + '"'), headers=JSON)

    assert response.status_code == 200


@pytest.mark.parametrize("body", [b'"' + b'\\"' * 400_000, b'{"' * 300_000, b"\\" * 900_000, b'"' * 900_000])
def test_quotes_and_backslashes_without_end_are_refused_quickly(client: httpx2.Client, body: bytes) -> None:
    assert problem(client.post(PATH, content=body, headers=JSON)).status in (400, 422)


def test_the_nearest_name_is_offered_and_long_values_are_not_repeated(client: httpx2.Client) -> None:
    near = problem(client.get("/api/v1/popular?limt=3"))
    long = problem(client.get(f"/api/v1/popular?{'<script>' * 500}=1"))

    assert near.fix == "Did you mean limit?"
    assert "<script>" * 9 not in long.detail


@pytest.mark.parametrize("host", ["a/b", "x@y", ":80:80", "exa mple", "ümlaut", "a:99999", ""])
def test_a_host_that_is_none_is_refused(client: httpx2.Client, host: str) -> None:
    """Case 46."""
    response = raw(client, f"GET /livez HTTP/1.1\r\nHost: {host}\r\n")

    assert (response.status_code, problem(response).code) == (400, "host_invalid")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "tacit.example.org"])
def test_a_host_that_is_one_is_welcome(client: httpx2.Client, host: str) -> None:
    assert raw(client, f"GET /livez HTTP/1.1\r\nHost: {host}\r\n").status_code == 200


def test_trace_is_refused_everywhere(client: httpx2.Client) -> None:
    """Case 44."""
    for path in ("/livez", "/nothing"):
        response = raw(client, f"TRACE {path} HTTP/1.1\r\nHost: localhost\r\nX-Secret: 7\r\n")

        assert response.status_code == 405
        assert "Secret" not in response.text


def test_headers_beyond_measure_are_refused(client: httpx2.Client) -> None:
    """Case 47."""
    many = "".join(f"X-Header-{n}: {'x' * 8_000}\r\n" for n in range(20))

    assert raw(client, f"GET /livez HTTP/1.1\r\nHost: localhost\r\n{many}").status_code == 431


def test_ten_thousand_ranges_and_a_wish_for_xml_are_passed_over(client: httpx2.Client) -> None:
    """Cases 48 and 49: there is JSON, and all of it."""
    ranges = "bytes=" + ",".join(f"{n}-" for n in range(5_000))
    response = client.get("/api/v1/popular", headers={"Range": ranges, "Accept": "application/xml"})

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")


def test_search_characters_of_databases_are_taken_literally(client: httpx2.Client) -> None:
    """Cases 37 and 38."""
    for text in ("%", "_", "' OR 1=1 --", "(a+)+$", "[", "\\"):
        assert client.get(f"/api/v1/items?query={quote(text)}").json() == {"items": []}


def test_after_all_that_the_server_answers_as_before(client: httpx2.Client) -> None:
    assert client.get("/api/v1/users/u000/recommendations").json()["source"] == "personal"


def test_what_nobody_expected_is_a_problem_without_a_traceback_and_the_log_has_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with stage(tmp_path_factory.mktemp("broken")) as made, structlog.testing.capture_logs() as lines:
        made.release()
        made.service.telling._new_id = lambda: str(1 / 0)
        with served(made) as client:
            response = client.get("/api/v1/popular")
            after = client.get("/livez")

    assert (response.status_code, problem(response).code, after.status_code) == (500, "internal_error", 200)
    assert "ZeroDivisionError" not in response.text
    assert [line["event"] for line in lines if line.get("exc_info")] == ["request_failed"]
    assert made.metrics.value(catalogue.API_ERRORS, kind="unexpected") == 1
