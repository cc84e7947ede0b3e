"""The card's version as servers number versions: Triton's folders are named by whole numbers only."""

import hashlib


def served_version(card_version: str) -> str:
    """A decimal number of 15 digits at most that stands for the card's version, and for no other."""
    return str(int.from_bytes(hashlib.sha256(card_version.encode()).digest()[:6], "big") or 1)
