"""What `/metrics` asks is answered from indexes, however many studies there are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event

from config.settings import DestinationSettings, Settings
from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.models import Delivery
from gateway.folders import Folders
from gateway.monitoring.prometheus import PrometheusText
from gateway.monitoring.work_figures import WorkFigures
from gateway.workflow.jobs import Jobs
from tests.gateway.monitoring.rows import add_study

GROWING = ("study", "instance", "report", "delivery", "reading")
PACS = DestinationSettings(name="pacs", kind="orthanc", url="http://pacs.hospital:8042")


def plans(database: Database) -> list[str]:
    """Every step of SQLite's plans for what one look at the figures asks."""
    asked: list[tuple[str, Any]] = []

    def note(*args: Any) -> None:
        asked.append((args[2], args[3]))

    root = Path(str(database.engine.url.database)).parent
    settings = Settings(data_dir=root, destinations=(PACS,))
    event.listen(database.engine, "before_cursor_execute", note)
    PrometheusText(database, None, work=WorkFigures(database, Folders(root), Jobs(database), settings).families).text()
    event.remove(database.engine, "before_cursor_execute", note)
    with database.engine.connect() as connection:
        return [
            row[3]
            for statement, parameters in asked
            if statement.lstrip().startswith("SELECT")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]


def test_no_table_that_grows_with_the_studies_is_read_from_end_to_end(database: Database) -> None:
    steps = plans(database)
    assert any("ix_report_created_at" in step for step in steps)
    assert any("ix_delivery_delivered" in step for step in steps)
    # Totals go through an index that holds all they need; what waits is an index of its own, and short.
    read = [step for step in steps for table in GROWING if step.startswith(f"SCAN {table}")]
    assert [step for step in read if "COVERING INDEX" not in step and "ix_study_gathered" not in step] == []


def test_the_last_delivery_is_told_of_each_destination_of_the_settings(database: Database) -> None:
    moment = now().replace(microsecond=0)
    study, instances = add_study(database, 0.5, 0.5, 0.5, at=moment)
    with database.write() as session:
        for minutes, instance in enumerate(instances):
            at, status = moment - timedelta(minutes=minutes), "delivered" if minutes else "waiting"
            row = {"study_id": study, "generation": 1, "destination": "pacs", "instance_id": instance}
            session.add(Delivery(status=status, delivered_at=at, **row))
    root = Path(str(database.engine.url.database)).parent
    settings = Settings(data_dir=root, destinations=(PACS, PACS.model_copy(update={"name": "idle"})))
    found = WorkFigures(database, Folders(root), Jobs(database), settings).families(moment)
    (family,) = [one for one in found if one.name == "mammogate_destination_delivered_timestamp_seconds"]
    samples = [(one.labels["destination"], one.value) for one in family.samples]
    assert samples == [("pacs", (moment - timedelta(minutes=1)).timestamp())]
