"""The composition root: command line, database, durable workflow; hands every package what it asked for."""

__version__ = "0.1.0"
