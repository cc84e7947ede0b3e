"""Who is in: the open associations, counted by the entry of the allowed peers that let them in."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable

from dicom_node.association_policy import AllowedPeer, AssociationPolicy, Refusal


class AssociationTally:
    """Asks the policy and counts in one step, so that associations that come at once can't all take the last place."""

    def __init__(self, policy: AssociationPolicy) -> None:
        self._policy = policy
        self._present: dict[Hashable, AllowedPeer | None] = {}
        self._lock = threading.Lock()

    def admit(self, association: Hashable, *, called: str, calling: str, address: str) -> Refusal | None:
        """Return why an association is rejected; otherwise it counts until `leave`."""
        with self._lock:
            refusal = self._policy.refusal(
                called=called,
                calling=calling,
                address=address,
                open_associations=len(self._present),
                open_by_entry=Counter(entry for entry in self._present.values() if entry is not None),
            )
            if refusal is None:
                self._present[association] = self._policy.entry_for(calling, address)
            return refusal

    def leave(self, association: Hashable) -> None:
        """Count an association no more; one that was never admitted changes nothing."""
        with self._lock:
            self._present.pop(association, None)
