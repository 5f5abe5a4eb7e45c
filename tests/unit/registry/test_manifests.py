"""One spelling for each manifest and signature."""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.errors import Refused
from tacit.registry.interfaces import Signature
from tacit.registry.manifests import (
    canonical_json,
    is_safe_name,
    manifest_bytes,
    parse_manifest,
    parse_signature,
    signature_bytes,
)
from tacit.registry.versions import FileEntry, Manifest

MANIFEST = Manifest(
    name="recommender",
    number=7,
    workload="recommender",
    dataset="lastfm",
    snapshot="5eed",
    code="c0de",
    hyperparameters={"factors": 64, "alpha": 1e-05, "name": "Björk"},
    metrics={"ndcg@10": 0.25, "coverage": 1.0},
    gate={"verdict": "pass", "reasons": []},
    lineage={"watermark": None},
    created_at="2026-01-02T12:00:00Z",
    files=(FileEntry("a.npy", 128, "0" * 64), FileEntry("b.npy", 0, "f" * 64)),
)
SIGNATURE = Signature(algorithm="ed25519", key_id="0123456789abcdef", value="00ff")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text('aé\n"\\☃'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abé"), inner, max_size=3),
    max_leaves=10,
)


def altered(**changes: object) -> bytes:
    """The manifest's canonical bytes with some values replaced, `...` removing the key."""
    document = {**json.loads(manifest_bytes(MANIFEST)), **changes}
    return canonical_json({key: value for key, value in document.items() if value is not ...})


def test_a_manifest_survives_the_way_to_bytes_and_back() -> None:
    assert parse_manifest(manifest_bytes(MANIFEST)) == MANIFEST


def test_canonical_json_sorts_its_keys_and_has_no_spaces() -> None:
    assert canonical_json({"b": [1, 2.0], "a": "é"}) == '{"a":"é","b":[1,2.0]}'.encode()


def test_a_read_only_mapping_is_spelled_like_a_dict() -> None:
    assert canonical_json(MappingProxyType({"a": 1})) == b'{"a":1}'


@given(json_values)
def test_reading_canonical_json_and_writing_it_again_changes_nothing(value: object) -> None:
    once = canonical_json(value)

    assert canonical_json(json.loads(once)) == once


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": {1, 2}}, object(), "\ud800"])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(Refused) as refusal:
        canonical_json(value)

    assert refusal.value.code == "manifest_invalid"


@given(json_values)
def test_any_hyperparameters_survive_the_way_to_bytes_and_back(value: object) -> None:
    manifest = replace(MANIFEST, hyperparameters={"value": value})

    assert parse_manifest(manifest_bytes(manifest)) == manifest


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(altered(name=...), id="a key is missing"),
        pytest.param(altered(extra=1), id="a key is unknown"),
        pytest.param(altered(name="../../etc"), id="the name is a path"),
        pytest.param(altered(name=7), id="the name is a number"),
        pytest.param(altered(number="7"), id="the number is text"),
        pytest.param(altered(number=True), id="the number is a truth value"),
        pytest.param(altered(number=0), id="the number is zero"),
        pytest.param(altered(number=7.0), id="the number is a float"),
        pytest.param(altered(gate=[]), id="the gate is a list"),
        pytest.param(altered(metrics={"ndcg@10": "0.9"}), id="a metric is text"),
        pytest.param(altered(metrics={"ndcg@10": True}), id="a metric is a truth value"),
        pytest.param(altered(files={}), id="the files are an object"),
        pytest.param(altered(files=[{"name": "a.npy", "size": 1}]), id="a digest is missing"),
        pytest.param(altered(files=[{"name": "a.npy", "size": 1, "sha256": "F" * 64}]), id="a digest in upper case"),
        pytest.param(altered(files=[{"name": "a.npy", "size": -1, "sha256": "0" * 64}]), id="a size below zero"),
        pytest.param(altered(files=[{"name": "../a.npy", "size": 1, "sha256": "0" * 64}]), id="a file outside"),
        pytest.param(altered(files=[{"name": "a.npy", "size": 1, "sha256": "0" * 64}] * 2), id="a file twice"),
        pytest.param(manifest_bytes(MANIFEST) + b"\n", id="a line end after it"),
        pytest.param(json.dumps(json.loads(manifest_bytes(MANIFEST))).encode(), id="spaces in it"),
        pytest.param(manifest_bytes(MANIFEST).replace(b'"number":7', b'"number":7,"number":7'), id="a key twice"),
        pytest.param(manifest_bytes(MANIFEST).replace(b"0.25", b"NaN"), id="a metric that is NaN"),
        pytest.param(manifest_bytes(MANIFEST).replace(b"0.25", b"1e999"), id="a metric beyond all floats"),
        pytest.param(manifest_bytes(MANIFEST).replace(b"0.25", b"0.250"), id="a number spelled otherwise"),
        pytest.param(b"[" * 100_000, id="brackets without end"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
        pytest.param(b"[]", id="not an object"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_manifest_that_is_not_exactly_one_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        parse_manifest(raw)

    assert refusal.value.code == "manifest_invalid"


def test_a_manifest_that_could_not_be_read_again_is_not_written() -> None:
    with pytest.raises(Refused, match="number"):
        manifest_bytes(replace(MANIFEST, number=0))


def test_a_signature_survives_the_way_to_bytes_and_back() -> None:
    assert parse_signature(signature_bytes(SIGNATURE)) == SIGNATURE


@pytest.mark.parametrize(
    "raw",
    [
        signature_bytes(replace(SIGNATURE, value="00FF")),
        signature_bytes(replace(SIGNATURE, value="00f")),
        signature_bytes(replace(SIGNATURE, value="")),
        signature_bytes(SIGNATURE) + b"\n",
        signature_bytes(SIGNATURE).replace(b",", b", "),
        b'{"algorithm":"ed25519","key_id":"0123456789abcdef"}',
        b'{"algorithm":"ed25519","key_id":"0123456789abcdef","value":["00"]}',
        b"",
    ],
)
def test_a_signature_that_is_not_exactly_one_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        parse_signature(raw)

    assert refusal.value.code == "signature_invalid"


@pytest.mark.parametrize("name", ["a", "user_factors.npy", "7", "a" * 64])
def test_a_plain_lower_case_name_is_safe(name: str) -> None:
    assert is_safe_name(name)


@pytest.mark.parametrize(
    "name", ["", "..", ".hidden", "A", "a/b", "a\\b", "a\n", "a\0", "%2e", "a;b", "a#b", "é", "a" * 65, "-rf"]
)
def test_a_name_that_some_file_system_reads_otherwise_is_not_safe(name: str) -> None:
    assert not is_safe_name(name)
