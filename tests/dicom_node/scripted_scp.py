"""A Storage SCP that behaves as a test says: refuses contexts, answers any status, aborts, hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification
from pynetdicom.transport import ThreadedAssociationServer

from dicom_node import sop_classes

BOTH = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


@dataclass
class ScriptedScp:
    port: int = 0
    ae_title: str = "SCRIPTED"
    received: list[tuple[str, str]] = field(default_factory=list)
    """(SOP Instance UID, transfer syntax) of each C-STORE, in order."""
    proposed: list[list[tuple[str, list[str]]]] = field(default_factory=list)
    """The contexts of each association."""
    hanging: threading.Event = field(default_factory=threading.Event)

    @property
    def associations(self) -> int:
        return len(self.proposed)


Script = Callable[[Event, int], int | Dataset]


@contextmanager
def scripted_scp(
    script: Script = lambda event, number: 0x0000,
    *,
    classes: Sequence[str] = tuple(sop_classes.ACCEPTED),
    syntaxes: Sequence[str] = BOTH,
    overrides: Mapping[str, Sequence[str]] | None = None,
    reject_calling: bool = False,
    echo: bool = True,
) -> Iterator[ScriptedScp]:
    """Run a peer; `script` gets the event and the number of the object (from 1) and returns the status."""
    peer = ScriptedScp()

    def on_store(event: Event) -> int | Dataset:
        peer.received.append((str(event.request.AffectedSOPInstanceUID), str(event.context.transfer_syntax)))
        return script(event, len(peer.received))

    def on_requested(event: Event) -> None:
        contexts = event.assoc.requestor.primitive.presentation_context_definition_list
        peer.proposed.append([(str(cx.abstract_syntax), [str(ts) for ts in cx.transfer_syntax]) for cx in contexts])

    ae = AE(peer.ae_title)
    ae.maximum_associations = 50
    if echo:
        ae.add_supported_context(Verification)
    for sop_class in classes:
        ae.add_supported_context(sop_class, list((overrides or {}).get(sop_class, syntaxes)))
    if reject_calling:
        ae.require_calling_aet = ["NOBODY"]
    handlers = [(evt.EVT_C_STORE, on_store), (evt.EVT_REQUESTED, on_requested)]
    server = ae.make_server(("127.0.0.1", 0), evt_handlers=handlers, server_class=ThreadedAssociationServer)
    ae._servers.append(server)  # `shutdown` removes it from there
    peer.port = server.server_address[1]
    # start_server would do all this, but stop only after half a second.
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield peer
    finally:
        peer.hanging.set()
        server.shutdown()
