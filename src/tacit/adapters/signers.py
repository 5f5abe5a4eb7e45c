"""Which signer signs, and how a signature finds the verifier of its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Literal

from tacit.adapters.signing import ALGORITHM, MODEL_SIGNING, Ed25519Signer, Ed25519Verifier
from tacit.errors import Misconfigured, Refused
from tacit.registry.interfaces import Signature, Signer, Verifier


def signer_over(keys: Path, kind: Literal["ed25519", "model-signing"]) -> Signer:
    """The signer of a kind over a folder of keys.

    Raises:
        Misconfigured: `extra_missing` if the kind needs an extra that is not installed.
    """
    if kind == "ed25519":
        return Ed25519Signer(keys)
    signer: Signer = _model_signing().ModelSigner(keys)
    return signer


class VerifierByAlgorithm:
    """Verifies each signature by its own kind, so that versions of one home may have been signed by different signers.

    What a kind needs is imported when the first signature of that kind is met.

    Args:
        keys: The folder of trusted keys.
    """

    def __init__(self, keys: Path) -> None:
        self._kinds: Mapping[str, Callable[[], Verifier]] = {
            ALGORITHM: lambda: Ed25519Verifier(keys),
            MODEL_SIGNING: lambda: _model_signing().ModelVerifier(keys),
        }

    def verify(self, payload: bytes, signature: Signature) -> None:
        kind = self._kinds.get(signature.algorithm)
        if kind is None:
            problem = f"Nobody here knows signatures of the kind {ascii(signature.algorithm)[:64]}."
            raise Refused("signature_invalid", problem, field="algorithm", fix=f"Known are {', '.join(self._kinds)}.")
        kind().verify(payload, signature)


def _model_signing() -> ModuleType:
    try:
        return import_module("tacit.adapters.model_signing")
    except ImportError as problem:
        detail = "model-signing is asked for and not installed."
        fix = "Install the extra: pip install 'tacit[signing]'."
        raise Misconfigured("extra_missing", detail, field="signer", fix=fix) from problem
