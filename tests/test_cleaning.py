"""No key gets into a file, however it is spelled."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatcontract import native
from chatcontract.cleaning import body, clean, is_secret, url
from chatcontract.model import Arrival, Exchange, Request, Response

ALPHABET = st.characters(
    categories=(), include_characters="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)
TOKENS = st.text(ALPHABET, min_size=12, max_size=60)
HEADERS = [
    "Authorization", "authorization", "Proxy-Authorization", "api-key", "Api-Key", "X-API-Key", "Cookie",
    "Set-Cookie", "Ocp-Apim-Subscription-Key", "X-Auth-Token", "X-Amz-Security-Token", "X-Access-Token",
    "OpenAI-Api-Key", "x-goog-api-key",
]  # fmt: skip
PARAMETERS = ["key", "api_key", "api-key", "apiKey", "access_token", "token", "sig", "subscription-key", "api%5Fkey"]
MEMBERS = ["api_key", "apiKey", "Authorization", "x-api-key", "access_token", "password", "client_secret"]
FORMS = ["sk-{}", "sk-proj-{}", "Bearer {}", "gsk_{}", "hf_{}", "xai-{}", "pplx-{}", "AIza{}aaaaaaaaaaaa"]


def written(exchange: Exchange) -> bytes:
    return native.line(exchange)


def exchange(**members: object) -> Exchange:
    return Exchange(
        "x", Request("POST", "https://host/v1/chat/completions", (), b"{}"), Response(200, (), b"{}")
    )._replace(**members)


@given(
    st.sampled_from(HEADERS),
    st.sampled_from(["{}", "Bearer {}", "Basic {}", "session={}; path=/", "a=b; t={}"]),
    TOKENS,
)
def test_no_header_gives_a_key_away_nor_an_echo_of_it(header: str, form: str, token: str) -> None:
    headers = ((header, form.format(token)),)
    echo = json.dumps({"error": {"message": f"Incorrect API key provided: {token}."}}).encode()
    line = written(exchange(request=Request("POST", "https://host", headers, b"{}"), response=Response(401, (), echo)))
    assert token.encode() not in line
    line = written(exchange(response=Response(401, headers, echo)))
    assert token.encode() not in line


@given(st.sampled_from(PARAMETERS), TOKENS, st.booleans())
def test_no_address_gives_a_key_away(name: str, token: str, encoded: bool) -> None:
    value = quote(token.replace("a", "/"), safe="") if encoded else token
    address = f"https://me:{token}@host/v1/chat/completions?api-version=1&{name}={value}#frag"
    request = Request("POST", address, (("referer", address),), b"{}")
    line = written(exchange(request=request, response=Response(302, (("Location", address),), b""), origin=address))
    assert value.encode() not in line
    assert token.encode() not in line
    assert b"api-version=1" in line


@given(st.sampled_from(MEMBERS), TOKENS, st.booleans())
def test_no_member_gives_a_key_away(name: str, token: str, nested: bool) -> None:
    value = {"model": "m", name: token}
    text = json.dumps({"arguments": json.dumps(value)} if nested else value).encode()
    assert token.encode() not in written(exchange(request=Request("POST", "", (), text)))


@given(
    st.sampled_from(FORMS),
    TOKENS,
    st.sampled_from(["", " ", "\n", "\t", '"', "é", "(", "\u2028"]),
    st.booleans(),
    st.integers(0, 30),
)
def test_no_text_gives_a_key_away(form: str, token: str, before: str, ascii_only: bool, cut: int) -> None:
    key = form.format(token)
    text = json.dumps({"content": f"it is{before or ' '}{key} so"}, ensure_ascii=ascii_only).encode()
    event = b"data: " + text + b"\n\n"
    arrivals = (Arrival(0, 0.1), Arrival(min(cut + 10, len(event) - 1), 0.2))
    line = written(exchange(response=Response(200, (("content-type", "text/event-stream"),), event, arrivals)))
    joined = "".join(piece.get("text", "") for piece in json.loads(line)["response"]["chunks"])
    assert token not in joined
    assert token not in line.decode()


@given(TOKENS)
def test_escapes_hide_no_key(token: str) -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in "sk-" + token)
    found = body(f'{{"content": "{escaped} é\\u0041"}}'.encode())[0]
    assert json.loads(found)["content"].startswith("[Filtered] é")


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_arrivals_stay_in_order_and_inside(data: bytes, offsets: list[int]) -> None:
    key = b' sk-abcdefgh12345678 "api_key": "0123456789abcdef" '
    whole = data[:150] + key + data[150:]
    arrivals = tuple(Arrival(min(offset, len(whole)), 0.0) for offset in sorted(offsets))
    found, moved = body(whole, (), arrivals)
    places = [arrival.offset for arrival in moved]
    assert places == sorted(places)
    assert all(0 <= place <= len(found) for place in places)
    assert b"abcdefgh12345678" not in found


@pytest.mark.parametrize("name", ["x-portkey-virtual-key", "x-functions-key", "Helicone-Auth"])
def test_headers_of_gateways_lose_their_keys(name: str) -> None:
    found = clean(exchange(response=Response(200, ((name, "plain-looking"),), b'{"a": "plain-looking"}'))).response
    assert found == Response(200, ((name, "[Filtered]"),), b'{"a": "[Filtered]"}')


@pytest.mark.parametrize(
    "name",
    [
        "idempotency-key",
        "x-ratelimit-remaining-tokens",
        "content-type",
        "openai-version",
        "x-request-id",
        "keep-alive",
        "max-tokens",
    ],
)
def test_other_headers_stay(name: str) -> None:
    assert not is_secret(name)
    assert clean(exchange(response=Response(200, ((name, "1"),), b""))).response == Response(200, ((name, "1"),), b"")


def test_what_holds_no_key_stays_as_it_is() -> None:
    text = b'{"max_tokens": 5, "messages": [{"content": "a task-oriented risk-assessment \\u00e9 of keys"}], "keys": 1}'
    assert body(text) == (text, ())
    assert url("https://host:8080/v1/chat/completions?api-version=2024-10-21") == (
        "https://host:8080/v1/chat/completions?api-version=2024-10-21"
    )


def test_the_signature_of_a_reasoning_is_no_key() -> None:
    text = b'{"reasoning_details": [{"type": "reasoning.text", "signature": "EsAbCkgICxACGAIqQDnE", "password": ""}]}'
    assert body(text) == (text, ())
