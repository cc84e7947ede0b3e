"""Grayscale Softcopy Presentation States (PS3.3 A.33.1): the marks for viewers that draw no SR."""
