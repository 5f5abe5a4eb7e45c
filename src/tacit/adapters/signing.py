"""Ed25519 signatures with key files of our own: the default signer."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tacit.adapters.key_files import key_id, private_key, public_keys
from tacit.errors import Misconfigured, Refused
from tacit.registry.interfaces import Signature

ALGORITHM = "ed25519"
MODEL_SIGNING = "model-signing-ecdsa-p256"
"""What the signer of the extra `signing` calls its signatures; named here so that nobody has to import it to ask."""
_PRIVATE, _PUBLIC = "signing.key", "signing.pub"


class Ed25519Signer:
    """Signs with `signing.key` of a folder, made on first use; nothing is read before that."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _PRIVATE

    def sign(self, payload: bytes) -> Signature:
        key = private_key(self._path, Ed25519PrivateKey.generate)
        if not isinstance(key, Ed25519PrivateKey):
            raise Misconfigured("key_invalid", f"{self._path} is not an Ed25519 key.", field=str(self._path))
        return Signature(algorithm=ALGORITHM, key_id=key_id(key.public_key()), value=key.sign(payload).hex())


class Ed25519Verifier:
    """Trusts `signing.pub` and every Ed25519 key in `trusted/*.pub` of a folder; needs no private key.

    The files are read at each verification, so that a key added or withdrawn counts at once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def verify(self, payload: bytes, signature: Signature) -> None:
        if signature.algorithm != ALGORITHM:
            raise Refused("signature_invalid", f"Its signature is not {ALGORITHM}.", field="algorithm")
        trusted = public_keys(self._folder, _PUBLIC).values()
        keys = [key for key in trusted if isinstance(key, Ed25519PublicKey) and key_id(key) == signature.key_id]
        if not keys:
            raise Refused(
                "signature_invalid",
                f"Its key {ascii(signature.key_id)[:64]} is not trusted here.",
                field="key_id",
                fix=f"If you trust the signer, put its public key into {self._folder / 'trusted'}.",
            )
        try:
            keys[0].verify(bytes.fromhex(signature.value), payload)
        except (InvalidSignature, ValueError) as error:
            raise Refused("signature_invalid", "Its signature does not match its bytes.", field="value") from error
