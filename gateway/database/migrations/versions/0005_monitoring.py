"""Why an image was refused, which detector took it, and an index for looking at the readings of some weeks

Revision 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("reading", schema=None) as batch_op:
        batch_op.add_column(sa.Column("refusal", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("detector", sa.String(length=128), nullable=True))
        batch_op.create_index(batch_op.f("ix_reading_read_at"), ["read_at"])


def downgrade() -> None:
    with op.batch_alter_table("reading", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reading_read_at"))
        batch_op.drop_column("detector")
        batch_op.drop_column("refusal")
