"""The small processes that `mammogate serve` is made of: receive, work, api, and the supervisor over them."""
