"""The gateway's own tables: the source of truth for what was received, read, reported and delivered."""
