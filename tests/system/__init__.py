"""The whole gateway as processes, with real peers."""
