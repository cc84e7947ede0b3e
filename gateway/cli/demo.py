"""`mammogate demo`: a gateway on loopback, a real study over C-STORE, the result and the reports' places."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import httpx
import structlog
import typer

from config.loading import load_settings
from dicom_node.destination import Delivered, DicomDestinationSettings
from dicom_node.storage_scu import send_files
from gateway.cli.console import err, out
from gateway.cli.failures import CommandFailed
from gateway.cli.studies import print_study
from gateway.demo.run import DemoFailed, add_login, free_port, running_gateway, wait_for_reports
from gateway.demo.study import DemoImagesMissing, write_study
from gateway.logs import configure_logs
from gateway.parts import open_parts
from gateway.processes.stopping import stop_on_signals
from reporting.feed.schemas import Study

_AE_TITLE = "MAMMOGATE"


def demo(
    data_dir: Annotated[Path, typer.Option("--data-dir", help="Where the demonstration keeps its state.")] = Path(
        "data/demo"
    ),
    picture: Annotated[Path | None, typer.Option("--picture", help="Also write the summary page here, as PNG.")] = None,
    end: Annotated[bool, typer.Option("--exit", help="End after the result instead of serving on.")] = False,
) -> None:
    """Start a gateway, send it a real four-view study, and show the result and where the reports are."""
    configure_logs("error", "demo")
    dicom_port, http_port = free_port(11112), free_port(8080)
    url = f"http://127.0.0.1:{http_port}"
    environment = {
        "MAMMOGATE_DATA_DIR": str(data_dir.resolve()),
        "MAMMOGATE_DICOM__PORT": str(dicom_port),
        "MAMMOGATE_HTTP__PORT": str(http_port),
        "MAMMOGATE_HTTP__SECURE_COOKIES": "false",
        "MAMMOGATE_STUDY__SETTLE_SECONDS": "1",
    }
    parts = open_parts(load_settings(environment=environment))
    log_file = data_dir / "gateway.log"
    login = add_login(parts)
    try:
        sent = write_study(data_dir / "sent", datetime.now().astimezone())
        with running_gateway(environment, log_file, url):
            err.print(f"the gateway listens: DICOM {_AE_TITLE}@127.0.0.1:{dicom_port}, HTTP {url}, log {log_file}")
            started = time.monotonic()
            _send(sent.paths, dicom_port)
            with httpx.Client(base_url=url, timeout=10) as client:
                client.post("/api/v1/auth/login", json={"name": login.name, "password": login.password})
                study = wait_for_reports(client, sent.study_instance_uid)
            _print(study, data_dir, time.monotonic() - started)
            if picture is not None:
                _write_picture(study, data_dir, picture)
            if end:
                return
            err.print(f"the feed serves on at {url}; log in as {login.name} with {login.password}; Ctrl-C ends it")
            stop_on_signals().wait()
    except (DemoFailed, DemoImagesMissing) as error:
        raise CommandFailed(str(error)) from error


def _send(files: Sequence[Path], port: int) -> None:
    peer = DicomDestinationSettings("demo", "127.0.0.1", port, _AE_TITLE, calling_ae_title="XRAY1")
    outcomes = send_files(peer, files, structlog.get_logger("send"))
    lost = [outcome.reason for outcome in outcomes.values() if not isinstance(outcome, Delivered)]
    if lost:
        raise DemoFailed(f"the gateway did not take an image: {lost[0]}")
    err.print(f"{len(files)} views were sent over C-STORE and acknowledged")


def _print(study: Study, data_dir: Path, seconds: float) -> None:
    print_study(study)
    for report in study.reports:
        file = (
            data_dir / "reports" / study.study_instance_uid / str(report.generation) / f"{report.sop_instance_uid}.dcm"
        )
        out.print(f"{report.kind}: {file}")
    result = data_dir / "study.json"
    result.write_text(json.dumps(study.model_dump(mode="json"), indent=2), "utf-8")
    out.print(f"the study as the feed has it: {result}")
    out.print(f"from the first byte sent to the last report built: {seconds:.1f} s")
    if study.status != "reported" or any(view.failure for view in study.views) or len(study.views) != 4:
        raise DemoFailed(f"the study ended as {study.status}, with {len(study.views)} views")


def _write_picture(study: Study, data_dir: Path, picture: Path) -> None:
    import cv2
    from pydicom import dcmread

    summary = next(report for report in study.reports if report.kind == "summary_image")
    folder = data_dir / "reports" / study.study_instance_uid / str(summary.generation)
    page = dcmread(folder / f"{summary.sop_instance_uid}.dcm").pixel_array
    picture.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(picture), cv2.cvtColor(page, cv2.COLOR_RGB2BGR)):
        raise DemoFailed(f"the picture could not be written to {picture}")
