"""De-identified copies of what the gateway holds (PS3.15 Annex E), by a list of what may stay."""
