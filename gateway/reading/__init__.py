"""The child process that touches pixels and the network: a crash in there fails one step, not the gateway."""
