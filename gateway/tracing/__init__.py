"""One trace a study: which steps it went through and how long each took, for a collector of OpenTelemetry."""
