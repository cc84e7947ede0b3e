"""Tables of coded concepts (PS3.16), one subject a file."""
