"""Typed settings and the deployable configuration."""
