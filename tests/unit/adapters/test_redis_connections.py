"""Which addresses of a Redis are taken, and that none is repeated when it is refused."""

from __future__ import annotations

import pytest

from tacit.adapters.redis_connections import check_url
from tacit.errors import Misconfigured


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://:hush@cache:6379/3",
        "redis://[::1]/0?db=2",
        "rediss://ann:hush@cache/0?ssl_ca_certs=/etc/ca.pem",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_an_address_of_a_redis_is_taken(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hush",
        "127.0.0.1:6379",
        "http://hush@cache",
        "redis://",
        "redis://cache:hush",
        "redis://cache:70000",
        "redis://cache:0",
        "redis://cache/0?socket_timeout=60",
        "redis://cache/0?max_connections=hush",
        "rediss://cache/0?ssl_cert_reqs=none",
        "redis://cache/0?hush",
        "redis://[cache/0",
    ],
)
def test_anything_else_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"cache\.redis_url") as refused:
        check_url(url)

    assert refused.value.code == "setting_invalid"
    assert "hush" not in str(refused.value)
