"""The export of kept studies."""
