"""De-identified objects: what is left of them, and what is not."""
