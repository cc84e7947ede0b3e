"""The gateway's tables for the routes, as the feed's tests have them."""

from tests.gateway.feed.conftest import gateway, migrated

__all__ = ["gateway", "migrated"]
