"""The private parts of pynetdicom that the receiver is built on: a version that changes them has to be read first."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pynetdicom
from pynetdicom import acse, dul, fsm, transport
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage

READ_IN_FULL = "3.0.4"


def test_the_version_is_the_one_whose_source_was_read() -> None:
    assert pynetdicom.__version__ == READ_IN_FULL, "read what changed, then this file, then pin the new version"
    pyproject = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    assert re.search(rf'"pynetdicom=={re.escape(READ_IN_FULL)}"', pyproject)


def test_the_network_thread_asks_the_socket_before_it_reads() -> None:
    assert isinstance(transport.AssociationSocket.ready, property)
    assert "self.socket.ready" in inspect.getsource(dul.DULServiceProvider._is_transport_event)
    assert "_read_pdu_data" not in inspect.getsource(dul.DULServiceProvider.run_reactor)


def test_the_state_is_established_only_after_the_acceptance_was_sent() -> None:
    source = inspect.getsource(fsm.AE_7)
    assert source.index("dul._send(A_ASSOCIATE_AC") < source.index('return "Sta6"')
    assert list(inspect.signature(fsm.StateMachine.do_action).parameters) == ["self", "event"]
    assert isinstance(fsm.StateMachine(dul.DULServiceProvider(_association())).current_state, str)


def test_the_network_thread_ends_when_told_to() -> None:
    assert "if self._kill_thread:" in inspect.getsource(dul.DULServiceProvider.run_reactor)
    assert "self._kill_thread = True" in inspect.getsource(dul.DULServiceProvider.kill_dul)


def test_the_associations_own_loop_is_one_method_that_runs_once_it_is_established() -> None:
    source = inspect.getsource(Association.run_reactor)
    assert re.search(r"if self\.is_established:\s+with [^\n]+\n\s+self\._run_reactor\(\)", source)
    assert "self.assoc.is_established = True" in inspect.getsource(acse.ACSE._negotiate_as_acceptor)


def test_answers_go_through_send_pdu_and_aborts_through_one_method() -> None:
    assert "self.dul.send_pdu(pdata)" in inspect.getsource(DIMSEServiceProvider.send_msg)
    assert "self._abort_blocking(block)" in inspect.getsource(Association.abort)
    assert "self._abort_blocking(block)" in inspect.getsource(Association._abort_nonblocking)


def test_a_request_is_served_by_message_and_context() -> None:
    assert list(inspect.signature(Association._serve_request).parameters) == ["self", "msg", "context_id"]
    assert list(inspect.signature(DIMSEMessage.decode_msg).parameters) == ["self", "primitive", "assoc"]
    assert list(inspect.signature(DIMSEMessage.message_to_primitive).parameters) == ["self"]


def test_an_association_has_the_attributes_that_are_used() -> None:
    association = _association()
    for name in ("_accepted_cx", "_server", "_sent_abort", "_handlers", "is_established"):
        assert hasattr(association, name), name
    assert association.requestor.primitive is None


def _association() -> Association:
    return Association(ApplicationEntity("TEST"), "acceptor")
