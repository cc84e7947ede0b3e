"""Measurement Report (PS3.16 TID 1500) as a Comprehensive 3D SR (PS3.3 A.35.13): what a general PACS understands."""
