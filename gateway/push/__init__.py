"""Web Push: a word without patient data to the phones of those who asked for it."""
