"""Alembic's entry point; the connection is handed in by `gateway.database.migrate`."""

from alembic import context

import gateway.database.account_models
import gateway.database.commitment_models
import gateway.database.feedback_models
import gateway.database.models
import gateway.database.push_models
import gateway.database.synthetic_models
import gateway.database.upload_models  # noqa: F401 - importing registers the tables
from gateway.database.columns import Base

_OURS = set(Base.metadata.tables)


def _is_ours(name: str | None, kind: str, parents: object) -> bool:
    # The workflow engine keeps its tables in the same database; they are none of Alembic's business.
    return kind != "table" or name in _OURS


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    include_name=_is_ours,
    transactional_ddl=True,
)
context.run_migrations()
