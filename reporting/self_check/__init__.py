"""The self-check that every report passes before it leaves."""
