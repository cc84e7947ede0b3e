"""Indexes for the figures of `/metrics`, so that they cost little however many studies there are

Revision 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_GATHERED, _DELIVERED = sa.text("gathering IS NOT NULL"), sa.text("status = 'delivered'")


def upgrade() -> None:
    op.create_index(
        "ix_study_gathered", "study", ["last_received_at"], sqlite_where=_GATHERED, postgresql_where=_GATHERED
    )
    op.create_index("ix_study_status", "study", ["status", "updated_at"])
    op.create_index("ix_instance_role", "instance", ["role"])
    op.create_index("ix_report_created_at", "report", ["created_at"])
    op.create_index(
        "ix_delivery_delivered",
        "delivery",
        ["destination", "delivered_at"],
        sqlite_where=_DELIVERED,
        postgresql_where=_DELIVERED,
    )


def downgrade() -> None:
    op.drop_index("ix_delivery_delivered", table_name="delivery")
    op.drop_index("ix_report_created_at", table_name="report")
    op.drop_index("ix_instance_role", table_name="instance")
    op.drop_index("ix_study_status", table_name="study")
    op.drop_index("ix_study_gathered", table_name="study")
