"""The feed: what doctors read on their phones, and what operators see of the gateway, over HTTP.

`create_feed` (in `reporting.feed.app`) makes the application out of four stores that it knows as Protocols only.
"""
