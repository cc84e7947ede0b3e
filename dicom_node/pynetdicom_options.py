"""The switches that pynetdicom has only as globals of its module, set once for the whole process.

Imported for its effect by whatever opens or accepts associations.
"""

from __future__ import annotations

from pynetdicom import _config

# The standard handlers format every PDU and message for a debug log that nobody reads; they cost time at each PDU,
# and identifiers of patients have no business in a log.
_config.LOG_HANDLER_LEVEL = "none"
_config.LOG_REQUEST_IDENTIFIERS = False

# A file is sent as its bytes are, neither decoded nor held in memory as a data set.
_config.STORE_SEND_CHUNKED_DATASET = True

# AE titles and UIDs with bytes outside ASCII must not end an association.
_config.CODECS = ("ascii", "latin-1")
