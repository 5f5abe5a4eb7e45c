"""OpenSSF model-signing as the signer: its bundle over a one-file folder that holds the payload (extra `signing`).

The library signs folders, not bytes, and its bundle holds digests of the files, not the files. So the payload is
written to a folder of its own and that folder is signed; the bundle is what our `Signature` carries.
"""

from __future__ import annotations

import json
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import model_signing
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.json_format import ParseError

from tacit.adapters.key_files import key_id, private_key, public_keys
from tacit.adapters.signing import MODEL_SIGNING
from tacit.errors import Misconfigured, Refused
from tacit.registry.interfaces import Signature
from tacit.registry.manifests import canonical_json

ALGORITHM = MODEL_SIGNING
_PRIVATE, _PUBLIC = "model-signing.key", "model-signing.pub"


class ModelSigner:
    """Signs with `model-signing.key` (P-256) of a folder, made on first use; works offline."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _PRIVATE

    def sign(self, payload: bytes) -> Signature:
        key = private_key(self._path, lambda: ec.generate_private_key(ec.SECP256R1()))
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Misconfigured("key_invalid", f"{self._path} is not an elliptic-curve key.", field=str(self._path))
        with _payload_folder(payload) as (folder, bundle):
            model_signing.signing.Config().use_elliptic_key_signer(private_key=self._path).sign(folder, bundle)
            canonical = canonical_json(json.loads(bundle.read_bytes()))
        return Signature(algorithm=ALGORITHM, key_id=key_id(key.public_key()), value=canonical.hex())


class ModelVerifier:
    """Trusts `model-signing.pub` and every elliptic-curve key in `trusted/*.pub` of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def verify(self, payload: bytes, signature: Signature) -> None:
        if signature.algorithm != ALGORITHM:
            raise Refused("signature_invalid", f"Its signature is not {ALGORITHM}.", field="algorithm")
        path = self._trusted_file(signature.key_id)
        with _payload_folder(payload) as (folder, bundle):
            try:
                bundle.write_bytes(_spelled_once(bytes.fromhex(signature.value)))
                model_signing.verifying.Config().use_elliptic_key_verifier(public_key=path).verify(folder, bundle)
            except (InvalidSignature, ParseError, Refused, ValueError, TypeError, LookupError) as error:
                raise Refused("signature_invalid", "Its signature does not match its bytes.", field="value") from error

    def _trusted_file(self, wanted: str) -> Path:
        for path, key in public_keys(self._folder, _PUBLIC).items():
            if isinstance(key, ec.EllipticCurvePublicKey) and key_id(key) == wanted:
                return path
        raise Refused(
            "signature_invalid",
            f"Its key {ascii(wanted)[:64]} is not trusted here.",
            field="key_id",
            fix=f"If you trust the signer, put its public key into {self._folder / 'trusted'}.",
        )


def _spelled_once(raw: bytes) -> bytes:
    """The bundle, if it is spelled as `sign` spells it; JSON and Base64 have other spellings of the same values."""
    bundle = json.loads(raw)
    envelope = bundle["dsseEnvelope"]
    encoded = [envelope["payload"], *(each["sig"] for each in envelope["signatures"])]
    if canonical_json(bundle) != raw or any(b64encode(b64decode(text)).decode() != text for text in encoded):
        raise ValueError("the bundle is not in its canonical form")
    return raw


@contextmanager
def _payload_folder(payload: bytes) -> Iterator[tuple[Path, Path]]:
    """A folder that holds the payload and nothing else, and a place beside it for the bundle."""
    with tempfile.TemporaryDirectory(prefix="tacit-signing-") as scratch:
        # The library signs the folder's name too, so it is always the same.
        folder = Path(scratch) / "version"
        folder.mkdir()
        (folder / "manifest.json").write_bytes(payload)
        yield folder, Path(scratch) / "bundle.json"
