"""Uploads in pieces: from the phone of a health centre to instances."""
