"""The composition root: command line, database, durable workflow; hands every package what it asked for."""
