"""The key by which push services know this gateway (VAPID, RFC 8292): one for each installation, in the data folder."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.folders import Folders, sync_file, sync_folder


class VapidKeyUnusable(Exception):
    """The file of the key can't be read or holds no key of the curve P-256."""


@dataclass(frozen=True)
class VapidKey:
    """`private` is the key as PEM; `public` the point, uncompressed, in base64url, as browsers want it."""

    private: bytes
    public: str


def load_vapid_key(folders: Folders) -> VapidKey | None:
    """Return the key, or None where there is none yet.

    Raises:
        VapidKeyUnusable: the file is there and is of no use.

    """
    path = folders.vapid_key
    try:
        pem = path.read_bytes()
        key = serialization.load_pem_private_key(pem, None)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise VapidKeyUnusable(
            f"{path} holds no usable key: put it back from a backup, or remove it and run `mammogate push key`; every "
            "phone then has to switch messages on again"
        )
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return VapidKey(pem, base64.urlsafe_b64encode(point).rstrip(b"=").decode())


def make_vapid_key(folders: Folders) -> VapidKey:
    """Return the key; the first call draws it (mode 0600). Raises `VapidKeyUnusable`."""
    known = load_vapid_key(folders)
    if known is not None:
        return known
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    drawn = folders.vapid_key.with_suffix(f".{os.getpid()}.part")
    descriptor = os.open(drawn, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    sync_file(drawn)
    try:
        # A link, not a rename: of two commands that draw at once, both go on with the first one's key.
        folders.vapid_key.hardlink_to(drawn)
    except FileExistsError:
        pass
    finally:
        drawn.unlink()
    sync_folder(folders.root)
    made = load_vapid_key(folders)
    assert made is not None, "the key was just written"  # noqa: S101 - or another command's, which stays
    return made
