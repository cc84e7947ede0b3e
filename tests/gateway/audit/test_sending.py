"""The audit trail to a real syslog server on a socket, over TLS, TCP and UDP."""

from __future__ import annotations

import ssl
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import AuditSettings, SyslogSettings
from gateway.audit.message import AuditSource
from gateway.audit.sending import AuditSender
from gateway.audit.syslog import DatagramSyslog, StreamSyslog, Syslog, SyslogAway, tls_context
from gateway.database.account_models import AuditEntry
from gateway.heartbeat import Heart
from gateway.parts import Parts
from gateway.processes.audit_trail import SYSLOG_POSITION, send_audit_trail
from gateway.processes.sources import KeptPosition
from gateway.processes.stopping import StartRefused
from tests.gateway.audit.message_shape import wrongs
from tests.peers.certificates import Authority
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.syslog_server import SyslogServer, datagram_server, parsed, stream_server


def sender_of(parts: Parts, syslog: Syslog, worker: str = "work@gate1") -> AuditSender:
    Heart(parts.database, worker).beat()
    position = KeptPosition(parts.database, SYSLOG_POSITION, worker)
    assert position.is_ours()
    return AuditSender(parts.database, position, syslog, AuditSource("gate1", "MAMMOGATE"))


def happen(parts: Parts, *numbers: int) -> None:
    with parts.database.write() as session:
        for number in numbers:
            session.add(AuditEntry(actor="erna", action="study_viewed", study_instance_uid=f"1.2.{number}"))


def arrived(server: SyslogServer) -> list[int]:
    """The numbers of the studies in what came; each message has the shape of the schema."""
    found = []
    for message in server.messages:
        _, audit = parsed(message)
        assert wrongs(audit) == []
        study = audit.find("ParticipantObjectIdentification")
        assert study is not None
        found.append(int(study.attrib["ParticipantObjectID"].rpartition(".")[2]))
    return found


def test_a_server_that_goes_away_and_comes_back_misses_nothing(parts: Parts) -> None:
    with stream_server() as server:
        syslog = StreamSyslog(LOOPBACK, server.port, None)
        sender = sender_of(parts, syslog)
        happen(parts, 1, 2, 3)
        assert sender.send_some() == 3
        server.wait_for(3)
        assert arrived(server) == [1, 2, 3]
    happen(parts, 4, 5)
    for _ in range(2):  # the connection that it has is closed, and a new one is refused
        with pytest.raises(SyslogAway):
            sender.send_some()
    happen(parts, 6)
    with stream_server(server.port) as back:
        assert sender.send_some() == 3
        back.wait_for(3)
        assert arrived(back) == [4, 5, 6]
        # Another process goes on where this one was.
        happen(parts, 7)
        assert sender_of(parts, syslog).send_some() == 1
        back.wait_for(4)
        assert arrived(back) == [4, 5, 6, 7]
        assert back.broken == []
    syslog.close()


def test_more_than_one_batch_arrives_in_its_order_while_the_sender_runs(parts: Parts) -> None:
    stop = threading.Event()
    port = free_port()
    sender = sender_of(parts, StreamSyslog(LOOPBACK, port, None))
    happen(parts, *range(1, 451))
    running = threading.Thread(target=sender.run, args=(stop, 0.05, 0.05))
    running.start()  # before there is a server
    try:
        with stream_server(port) as server:
            server.wait_for(450)
            happen(parts, 451)
            server.wait_for(451)
            assert arrived(server) == list(range(1, 452))
    finally:
        stop.set()
        running.join()


def test_the_settings_say_where_the_trail_goes_and_without_a_host_it_stays(parts: Parts) -> None:
    stop = threading.Event()
    assert send_audit_trail(parts, "work@gate1", stop) is None
    happen(parts, 1, 2)
    Heart(parts.database, "work@gate1").beat()
    with stream_server() as server:
        section = SyslogSettings(host=LOOPBACK, port=server.port, transport="tcp")
        settings = parts.settings.model_copy(update={"audit": AuditSettings(syslog=section)})
        thread = send_audit_trail(replace(parts, settings=settings), "work@gate1", stop)
        assert thread is not None
        server.wait_for(2)
        assert arrived(server) == [1, 2]
        stop.set()
        thread.join()
    broken = SyslogSettings(host=LOOPBACK, ca=Path("nowhere.pem"))
    settings = parts.settings.model_copy(update={"audit": AuditSettings(syslog=broken)})
    with pytest.raises(StartRefused, match=r"audit\.syslog"):
        send_audit_trail(replace(parts, settings=settings), "work@gate1", stop)


def test_over_udp_each_message_is_a_datagram_and_a_refusal_is_noticed(parts: Parts) -> None:
    port = free_port()
    sender = sender_of(parts, DatagramSyslog(LOOPBACK, port))
    happen(parts, 1, 2)
    with pytest.raises(SyslogAway, match="refused"):
        sender.send_some()
    with datagram_server(port) as server:
        assert sender.send_some() == 2
        server.wait_for(2)
        assert arrived(server) == [1, 2]


def test_over_tls_nothing_is_sent_to_a_server_that_is_not_trusted(parts: Parts, tmp_path: Path) -> None:
    ours, others = Authority(tmp_path, "hospital"), Authority(tmp_path, "other")
    certificate, client = ours.issue("syslog"), ours.issue("gateway")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ours.certificate))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate.certificate, certificate.key)
    happen(parts, 1)
    with stream_server(context=context) as server:

        def syslog(ca: Path) -> StreamSyslog:
            own = tls_context(str(ca), str(client.certificate), str(client.key), check_name=True)
            return StreamSyslog("localhost", server.port, own)

        distrusting = sender_of(parts, syslog(others.certificate))
        with pytest.raises(SyslogAway, match="not trusted"):
            distrusting.send_some()
        assert server.messages == []
        trusting = syslog(ours.certificate)
        assert sender_of(parts, trusting).send_some() == 1
        server.wait_for(1)
        assert arrived(server) == [1]
        trusting.close()
