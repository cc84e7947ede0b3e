"""The one way in which a benchmark ends early: a sentence for the person who runs it."""


class BenchmarkFailed(Exception):
    """A program is missing, a receiver did not start, or it did not store what it acknowledged."""
