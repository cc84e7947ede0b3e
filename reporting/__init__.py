"""Results out: Structured Reports, presentation states, summary pictures and the HTTP feed."""
