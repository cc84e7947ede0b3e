"""Pixels: decoding, breast mask, artefact removal, orientation, normalisation, patches."""
