"""DICOM on the network: what arrives, and what is sent. Knows nothing of databases or networks of neurons."""
