"""When and why the file of an instance was deleted

Revision 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_HERE = sa.text("deleted_at IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("instance", schema=None) as batch_op:
        batch_op.add_column(sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("deleted_because", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("header_path", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("fingerprint", sa.String(length=80), nullable=True))
    op.create_index("ix_instance_here", "instance", ["study_id"], sqlite_where=_HERE, postgresql_where=_HERE)


def downgrade() -> None:
    op.drop_index("ix_instance_here", table_name="instance")
    with op.batch_alter_table("instance", schema=None) as batch_op:
        for column in ("fingerprint", "header_path", "deleted_because", "deleted_at"):
            batch_op.drop_column(column)
