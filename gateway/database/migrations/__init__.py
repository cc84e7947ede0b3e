"""Alembic migrations, applied by every process at start; whoever comes first does it, the others wait."""
