"""Retention: deleting images that are old enough, once nothing about their study is open and somebody else has them."""
