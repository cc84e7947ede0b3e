"""Mammography CAD SR (PS3.3 A.35.5, PS3.16 TID 4000): the marks that mammography workstations draw."""
