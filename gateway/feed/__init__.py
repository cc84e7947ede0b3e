"""The stores that the feed asks for, over the gateway's tables."""
