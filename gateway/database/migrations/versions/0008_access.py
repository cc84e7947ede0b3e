"""Devices, passkeys, logins of the hospital's accounts, and a number that tells when somebody lost access

Revision 0008, after 0006.
"""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SESSION = sa.table("login_session", sa.column("secret_sha256", sa.String), sa.column("device_id", sa.String))
_COUNTER = sa.table("counter", sa.column("name", sa.String), sa.column("value", sa.Integer))


def upgrade() -> None:
    with op.batch_alter_table("user_account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("oidc_issuer", sa.String(length=512), nullable=True))
        batch_op.add_column(sa.Column("oidc_subject", sa.String(length=255), nullable=True))
    op.create_index("ix_user_account_oidc", "user_account", ["oidc_issuer", "oidc_subject"], unique=True)
    with op.batch_alter_table("login_session", schema=None) as batch_op:
        batch_op.add_column(sa.Column("device_id", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("address", sa.String(length=64), nullable=False, server_default=""))
    connection = op.get_bind()
    # Sessions that are open go on, each as a device of its own.
    for (secret,) in connection.execute(sa.select(_SESSION.c.secret_sha256)).all():
        named = sa.update(_SESSION).where(_SESSION.c.secret_sha256 == secret).values(device_id=uuid4().hex)
        connection.execute(named)
    with op.batch_alter_table("login_session", schema=None) as batch_op:
        batch_op.alter_column("device_id", existing_type=sa.String(length=64), nullable=False)
        batch_op.alter_column("address", existing_type=sa.String(length=64), server_default=None)
        batch_op.create_unique_constraint("uq_login_session_device_id", ["device_id"])
    op.create_table(
        "passkey",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("credential_sha256", sa.String(length=64), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("user_handle", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("credential_sha256"),
    )
    op.create_index("ix_passkey_user_id", "passkey", ["user_id"])
    op.create_table(
        "pending_login",
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("secret_sha256"),
    )
    op.create_index("ix_pending_login_expires_at", "pending_login", ["expires_at"])
    op.bulk_insert(_COUNTER, [{"name": "revocation", "value": 0}])


def downgrade() -> None:
    op.execute(sa.delete(_COUNTER).where(_COUNTER.c.name == "revocation"))
    op.drop_table("pending_login")
    op.drop_table("passkey")
    with op.batch_alter_table("login_session", schema=None) as batch_op:
        batch_op.drop_constraint("uq_login_session_device_id", type_="unique")
        batch_op.drop_column("address")
        batch_op.drop_column("device_id")
    op.drop_index("ix_user_account_oidc", "user_account")
    with op.batch_alter_table("user_account", schema=None) as batch_op:
        batch_op.drop_column("oidc_subject")
        batch_op.drop_column("oidc_issuer")
