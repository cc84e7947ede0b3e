"""Which deliveries may have reached their destination, and in which data folder each process works

Revision 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("delivery", sa.Column("maybe_there", sa.Boolean(), nullable=False, server_default=sa.false()))
    delivery = sa.table("delivery", sa.column("maybe_there"), sa.column("attempts"), sa.column("status"))
    op.execute(
        delivery.update()
        .where((delivery.c.attempts > 0) | (delivery.c.status == "delivered"))
        .values(maybe_there=sa.true())
    )
    op.add_column("worker_heartbeat", sa.Column("folder_id", sa.String(length=36), nullable=True))


def downgrade() -> None:
    op.drop_column("worker_heartbeat", "folder_id")
    op.drop_column("delivery", "maybe_there")
