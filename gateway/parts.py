"""Putting the parts together: settings in, database, folders, jobs and intake out."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from config.settings import Settings
from gateway.commitment.address_book import AddressBook
from gateway.database.engine import Database
from gateway.database.migrate import installation_id, open_database
from gateway.folders import Folders
from gateway.intake.durable import DurableIntake
from gateway.tracing.study_traces import StudyTraces
from gateway.workflow.destinations import DestinationPlan, PlannedDestination
from gateway.workflow.jobs import Jobs


class DataFolderUnusable(Exception):
    """The data folder can't be created or written."""


@dataclass(frozen=True)
class Parts:
    """What every process and command of the gateway starts from."""

    settings: Settings
    folders: Folders
    database: Database
    jobs: Jobs

    @property
    def installation(self) -> UUID:
        """The id that this installation's UIDs derive from."""
        return UUID(installation_id(self.database))

    @property
    def forward_to(self) -> tuple[str, ...]:
        """The destinations that want the images too."""
        return tuple(item.name for item in self.settings.destinations if item.forward_images)

    @property
    def offers_commitment(self) -> bool:
        """Whether there is an archive on whose word storage commitment can be given."""
        return self.settings.site.store_is_archive or any(item.confirms for item in self.settings.destinations)

    @property
    def address_book(self) -> AddressBook:
        """Where those who ask for storage commitment listen."""
        return AddressBook(self.settings.dicom.allowed_peers)

    def intake(self, receiver: str, traces: StudyTraces | None = None) -> DurableIntake:
        """Return an intake for one receiving process; `traces`: None: it writes none."""
        return DurableIntake(
            self.database,
            self.folders,
            self.jobs,
            receiver=receiver,
            settle_seconds=self.settings.study.settle_seconds,
            quiet_seconds=self.settings.study.quiet_seconds,
            reserve_bytes=self.settings.reserve_mib * 1024 * 1024,
            forward_to=self.forward_to,
            traces=traces,
        )

    def plan(self) -> DestinationPlan:
        """Return what each destination of the settings wants."""
        return DestinationPlan(
            tuple(
                PlannedDestination(
                    name=item.name,
                    kinds=item.reports,
                    dialect=item.dialect,
                    withdraw=item.withdraw,
                )
                for item in self.settings.destinations
            )
        )


def open_parts(settings: Settings, *, wait_seconds: float = 0) -> Parts:
    """Create the data folder, bring the database to the current schema, and return the parts.

    Raises:
        DataFolderUnusable: it can't be created or written.
        DatabaseAway: the database did not answer within `wait_seconds`.
        DatabaseNewer: a later version of this program has migrated it.

    """
    folders = Folders(settings.data_dir.resolve())
    try:
        folders.create()
    except OSError as error:
        raise DataFolderUnusable(
            f"the data folder {folders.root} can't be used ({error.strerror}): set DATA_DIR to a folder that this user "
            "may write"
        ) from None
    database = open_database(settings.resolved_database_url, wait_seconds=wait_seconds)
    return Parts(settings, folders, database, Jobs(database))
