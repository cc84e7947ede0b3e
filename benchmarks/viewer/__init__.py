"""How fast the phone viewer shows a study: Debian's chromium as a phone, a slow line, a real gateway, real images."""
