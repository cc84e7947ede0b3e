"""Coverage-guided fuzzing of what reads bytes of strangers: `make fuzz SECONDS=600`. A crash found becomes a test."""
