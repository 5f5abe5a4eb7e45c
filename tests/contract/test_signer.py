"""What every pair of `Signer` and `Verifier` promises, and their key files with them."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tacit.adapters.signers import VerifierByAlgorithm, signer_over
from tacit.adapters.signing import Ed25519Signer, Ed25519Verifier
from tacit.errors import Misconfigured, Refused
from tacit.registry.interfaces import Signature, Signer, Verifier

PAYLOAD = b'{"name":"recommender","number":7}'


@dataclass(frozen=True)
class Kind:
    """One kind of signature: how to make its two sides over a folder of keys, and its private key's file."""

    signer: Callable[[Path], Signer]
    verifier: Callable[[Path], Verifier]
    key: str

    @property
    def public(self) -> str:
        return self.key.replace(".key", ".pub")


@pytest.fixture(params=["ed25519", "model-signing"])
def kind(request: pytest.FixtureRequest) -> Kind:
    if request.param == "ed25519":
        return Kind(Ed25519Signer, Ed25519Verifier, "signing.key")
    if importlib.util.find_spec("model_signing") is None:
        pytest.skip("the extra `signing` is not installed")
    from tacit.adapters.model_signing import ModelSigner, ModelVerifier

    return Kind(ModelSigner, ModelVerifier, "model-signing.key")


def refused(verifier: Verifier, payload: bytes, signature: Signature) -> bool:
    try:
        verifier.verify(payload, signature)
    except Refused as error:
        return error.code == "signature_invalid"
    return False


def test_what_was_signed_verifies(kind: Kind, tmp_path: Path) -> None:
    signature = kind.signer(tmp_path).sign(PAYLOAD)

    kind.verifier(tmp_path).verify(PAYLOAD, signature)

    assert len(signature.key_id) == 16
    assert bytes.fromhex(signature.value).hex() == signature.value


@pytest.mark.parametrize("payload", [b"", PAYLOAD[:-1], PAYLOAD + b"\n", PAYLOAD.replace(b"7", b"8")])
def test_another_payload_is_refused(kind: Kind, tmp_path: Path, payload: bytes) -> None:
    signature = kind.signer(tmp_path).sign(PAYLOAD)

    assert refused(kind.verifier(tmp_path), payload, signature)


def test_a_signature_changed_in_any_field_is_refused(kind: Kind, tmp_path: Path) -> None:
    signature = kind.signer(tmp_path).sign(PAYLOAD)
    changed = [
        replace(signature, algorithm="none"),
        replace(signature, key_id="0" * 16),
        replace(signature, value=""),
        replace(signature, value=signature.value[:-2]),
        replace(signature, value=signature.value + "00"),
    ]

    assert all(refused(kind.verifier(tmp_path), PAYLOAD, each) for each in changed)


def test_a_flipped_bit_anywhere_in_the_signatures_value_is_refused(kind: Kind, tmp_path: Path) -> None:
    signature = kind.signer(tmp_path).sign(PAYLOAD)
    value = bytes.fromhex(signature.value)
    verifier = kind.verifier(tmp_path)
    passed = []
    # Base64 has several spellings of its last character; those places are tried too.
    places = {
        *range(0, len(value), 7),
        *(at + shift for at in range(len(value)) if value[at] == 61 for shift in (-2, -1)),
    }
    for place in places:
        flipped = bytes(byte ^ 1 if at == place else byte for at, byte in enumerate(value))
        if not refused(verifier, PAYLOAD, replace(signature, value=flipped.hex())):
            passed.append(place)

    assert passed == []


def test_the_key_is_made_once_and_kept_private(kind: Kind, tmp_path: Path) -> None:
    keys = tmp_path / "home" / "keys"

    first, second = (kind.signer(keys).sign(PAYLOAD) for _ in range(2))

    assert first.key_id == second.key_id
    assert ((keys / kind.key).stat().st_mode & 0o777, keys.stat().st_mode & 0o777) == (0o600, 0o700)
    assert sorted(path.name for path in keys.iterdir()) == sorted([kind.key, kind.public])


def test_nothing_is_read_or_made_before_the_first_signature(kind: Kind, tmp_path: Path) -> None:
    kind.signer(tmp_path / "keys")
    kind.verifier(tmp_path / "keys")

    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644])
def test_a_private_key_that_others_can_read_signs_nothing(kind: Kind, tmp_path: Path, mode: int) -> None:
    kind.signer(tmp_path).sign(PAYLOAD)
    (tmp_path / kind.key).chmod(mode)

    with pytest.raises(Misconfigured, match=kind.key) as refusal:
        kind.signer(tmp_path).sign(PAYLOAD)

    assert refusal.value.code == "key_readable"


def test_a_strangers_signature_counts_only_while_his_key_is_trusted(kind: Kind, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    signature = kind.signer(theirs).sign(PAYLOAD)
    kind.signer(ours).sign(PAYLOAD)
    verifier, trusted = kind.verifier(ours), ours / "trusted" / "theirs.pub"
    trusted.parent.mkdir()

    before = refused(verifier, PAYLOAD, signature)
    shutil.copy(theirs / kind.public, trusted)
    meanwhile = refused(verifier, PAYLOAD, signature)
    trusted.unlink()
    after = refused(verifier, PAYLOAD, signature)

    assert (before, meanwhile, after) == (True, False, True)


def test_verifying_needs_no_private_key(kind: Kind, tmp_path: Path) -> None:
    signature = kind.signer(tmp_path).sign(PAYLOAD)
    (tmp_path / kind.key).unlink()

    assert not refused(kind.verifier(tmp_path), PAYLOAD, signature)


def test_a_trusted_file_that_holds_no_key_is_named(kind: Kind, tmp_path: Path) -> None:
    signature = kind.signer(tmp_path).sign(PAYLOAD)
    (tmp_path / "trusted").mkdir()
    (tmp_path / "trusted" / "note.pub").write_text("not a key")

    with pytest.raises(Misconfigured, match=r"note\.pub") as refusal:
        kind.verifier(tmp_path).verify(PAYLOAD, signature)

    assert refusal.value.code == "key_invalid"


def test_trusted_keys_of_another_kind_are_passed_over(kind: Kind, tmp_path: Path) -> None:
    signature = kind.signer(tmp_path).sign(PAYLOAD)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    (tmp_path / "trusted").mkdir()
    (tmp_path / "trusted" / "rsa.pub").write_bytes(
        key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )

    assert not refused(kind.verifier(tmp_path), PAYLOAD, signature)


@pytest.mark.parametrize("content", [b"", b"not a key"])
def test_a_private_key_file_that_holds_no_key_is_named(kind: Kind, tmp_path: Path, content: bytes) -> None:
    (tmp_path / kind.key).write_bytes(content)
    (tmp_path / kind.key).chmod(0o600)

    with pytest.raises(Misconfigured) as refusal:
        kind.signer(tmp_path).sign(PAYLOAD)

    assert refusal.value.code == "key_invalid"


def test_those_who_sign_first_at_the_same_time_end_up_with_one_key(kind: Kind, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        signatures = list(threads.map(lambda _: kind.signer(tmp_path).sign(PAYLOAD), range(8)))

    assert len({signature.key_id for signature in signatures}) == 1


def test_a_replaced_private_key_does_not_sign_beside_the_old_public_one(kind: Kind, tmp_path: Path) -> None:
    kind.signer(tmp_path).sign(PAYLOAD)
    (tmp_path / kind.key).unlink()

    with pytest.raises(Misconfigured) as refusal:
        kind.signer(tmp_path).sign(PAYLOAD)

    assert refusal.value.code == "key_mismatch"


def test_versions_signed_by_either_signer_verify_side_by_side(tmp_path: Path) -> None:
    if importlib.util.find_spec("model_signing") is None:
        pytest.skip("the extra `signing` is not installed")
    signatures = [signer_over(tmp_path, kind).sign(PAYLOAD) for kind in ("ed25519", "model-signing")]

    for signature in signatures:
        VerifierByAlgorithm(tmp_path).verify(PAYLOAD, signature)
        with pytest.raises(Refused, match="does not match"):
            VerifierByAlgorithm(tmp_path).verify(PAYLOAD + b" ", signature)
    assert len({signature.algorithm for signature in signatures}) == 2


def test_a_signature_of_a_kind_nobody_knows_is_refused(tmp_path: Path) -> None:
    strange = replace(Ed25519Signer(tmp_path).sign(PAYLOAD), algorithm="none")

    with pytest.raises(Refused, match="Nobody here knows"):
        VerifierByAlgorithm(tmp_path).verify(PAYLOAD, strange)
