"""Key pairs as PEM files, and random secrets: made on first use and kept private; public keys read wherever needed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from tacit.errors import Misconfigured

TRUSTED_FOLDER = "trusted"


def key_id(key: PublicKeyTypes) -> str:
    """First 16 hex digits of the SHA-256 of the public key (SubjectPublicKeyInfo, DER)."""
    raw = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(raw).hexdigest()[:16]


def private_key(path: Path, generate: Callable[[], PrivateKeyTypes]) -> PrivateKeyTypes:
    """The private key in a file, made and stored (0600, in a folder 0700) if there is none; its public half beside it.

    Raises:
        Misconfigured: `key_readable` if others may read the file, `key_invalid` if it holds no private key,
            `key_mismatch` if the public key beside it is another's.
    """
    if not path.exists():
        _create(path, generate())
    if path.stat().st_mode & 0o077:
        raise Misconfigured(
            "key_readable",
            f"The private key {path} can be read by others than its owner.",
            field=str(path),
            fix=f"Consider it stolen: remove it, or `chmod 600 {path}` if you know that nobody read it.",
        )
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _key_invalid(path, "private") from error
    _check_public_half(path.with_suffix(".pub"), key)
    return key


def public_keys(folder: Path, own: str) -> dict[Path, PublicKeyTypes]:
    """The public keys that are trusted: our own and every `trusted/*.pub`, by file.

    Raises:
        Misconfigured: `key_invalid` naming the file that holds no public key.
    """
    paths = [folder / own, *sorted((folder / TRUSTED_FOLDER).glob("*.pub"))]
    return {path: _public_key(path) for path in paths if path.exists()}


def random_secret(path: Path, length: int) -> bytes:
    """The random bytes in a file, made and stored (0600, in a folder 0700) if there is none; the first of two counts.

    Raises:
        Misconfigured: `key_readable` if others may read the file, `key_invalid` if it holds something else.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        _write(path, os.urandom(length), mode=0o600)
    if path.stat().st_mode & 0o077:
        detail, fix = f"{path} can be read by others than its owner.", f"Run: chmod 600 {path}"
        raise Misconfigured("key_readable", detail, field=str(path), fix=fix)
    content = path.read_bytes()
    if len(content) != length:
        detail = f"{path} does not hold {length} bytes, so that no key that was made with it can be told."
        raise Misconfigured("key_invalid", detail, field=str(path), fix="Restore it from a backup, or remove it.")
    return content


def _public_key(path: Path) -> PublicKeyTypes:
    try:
        return serialization.load_pem_public_key(path.read_bytes())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _key_invalid(path, "public") from error


def _check_public_half(path: Path, key: PrivateKeyTypes) -> None:
    if not path.exists():
        _write(path, _public_pem(key), mode=0o644)
    if key_id(_public_key(path)) != key_id(key.public_key()):
        raise Misconfigured(
            "key_mismatch",
            f"{path} does not belong to the private key beside it.",
            field=str(path),
            fix=f"Move it to {path.parent / TRUSTED_FOLDER} if what it signed shall still count, else remove it.",
        )


def _create(path: Path, key: PrivateKeyTypes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(path, pem, mode=0o600)


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Let the whole file appear at once, unless another process was first."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        Path(name).unlink()


def _public_pem(key: PrivateKeyTypes) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _key_invalid(path: Path, kind: str) -> Misconfigured:
    return Misconfigured(
        "key_invalid", f"{path} holds no {kind} key in PEM.", field=str(path), fix="Restore or remove it."
    )
