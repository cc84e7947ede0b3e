"""Which process follows a source, and an index of the open associations

Revision 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


_STILL_OPEN = sa.text("closed_at IS NULL")


def upgrade() -> None:
    op.create_index(
        "ix_association_open", "association", ["receiver"], sqlite_where=_STILL_OPEN, postgresql_where=_STILL_OPEN
    )
    with op.batch_alter_table("source_position", schema=None) as batch_op:
        batch_op.add_column(sa.Column("holder", sa.String(length=64), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("source_position", schema=None) as batch_op:
        batch_op.drop_column("holder")
    op.drop_index("ix_association_open", "association")
