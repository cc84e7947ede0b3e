"""The demonstration: a gateway on loopback and a real study sent to it."""
