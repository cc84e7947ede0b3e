"""Devices that are told, for the feed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.push_settings import PushSettings
from gateway.database.account_models import LoginSession, User
from gateway.database.engine import Database
from gateway.database.push_models import PushSubscription
from gateway.feed.availability import reading, writing
from gateway.push.endpoints import EndpointRefused, check
from gateway.push.recipients import SessionLimits, was_ended
from gateway.push.switch import Off, On
from reporting.feed.push_schemas import NewSubscription, PushDevice, PushState
from reporting.feed.push_store import PushOffError, Subscriber, SubscriptionUnusableError, TooManyDevicesError

MOST_DEVICES = 20
_AUTH_BYTES = 16


class PushDevices:
    """Implements `reporting.feed.push_store.PushStore`; `switch` says whether messages are on now."""

    def __init__(
        self, database: Database, settings: PushSettings, limits: SessionLimits, switch: Callable[[], On | Off]
    ) -> None:
        self._database = database
        self._settings = settings
        self._limits = limits
        self._switch = switch

    def state(self, name: str, role: str, session_digest: str | None) -> PushState:
        switch = self._switch_for(role)
        with reading(self._database) as session:
            devices = tuple(
                _device(row, session_digest)
                for row in _devices_of(session, name)
                if not was_ended(session.get(LoginSession, row.session_sha256), self._limits)
            )
        if isinstance(switch, Off):
            return PushState(available=False, why_not=switch.why, public_key=None, devices=devices)
        return PushState(available=True, why_not=None, public_key=switch.key.public, devices=devices)

    def switch_on(self, subscription: NewSubscription, subscriber: Subscriber) -> PushDevice:
        switch = self._switch_for(subscriber.role)
        if isinstance(switch, Off):
            raise PushOffError(switch.why)
        try:
            check(subscription.endpoint, self._settings.also_allowed)
        except EndpointRefused as refusal:
            raise SubscriptionUnusableError(str(refusal)) from None
        _check_keys(subscription)
        digest = hashlib.sha256(subscription.endpoint.encode()).hexdigest()
        with writing(self._database) as session:
            user_id = session.scalars(select(User.id).where(User.name == subscriber.name)).one()
            row = session.scalars(
                select(PushSubscription).where(PushSubscription.endpoint_sha256 == digest)
            ).one_or_none()
            if row is None:
                count = select(func.count()).select_from(PushSubscription).where(PushSubscription.user_id == user_id)
                if (session.scalar(count) or 0) >= MOST_DEVICES:
                    raise TooManyDevicesError(subscriber.name)
                row = PushSubscription(endpoint_sha256=digest, endpoint=subscription.endpoint)
                session.add(row)
            # A browser that another user has logged in to tells that one from now on.
            row.user_id, row.session_sha256 = user_id, subscriber.session_digest
            row.p256dh, row.auth = subscription.keys.p256dh, subscription.keys.auth
            row.least_attention, row.device = subscription.least_attention, subscriber.device
            row.created_at = subscriber.at
            session.flush()
            return _device(row, subscriber.session_digest)

    def switch_off(self, name: str, device_id: str) -> bool:
        with writing(self._database) as session:
            for row in _devices_of(session, name):
                if row.endpoint_sha256 == device_id:
                    session.delete(row)
                    return True
        return False

    def _switch_for(self, role: str) -> On | Off:
        if role not in self._settings.roles:
            return Off("Your role is not told of studies: PUSH__ROLES.")
        return self._switch()


def _devices_of(session: Session, name: str) -> list[PushSubscription]:
    return list(
        session.scalars(
            select(PushSubscription)
            .join(User, User.id == PushSubscription.user_id)
            .where(User.name == name)
            .order_by(PushSubscription.id)
        )
    )


def _device(row: PushSubscription, session_digest: str | None) -> PushDevice:
    return PushDevice.model_validate(
        {
            "id": row.endpoint_sha256,
            "device": row.device,
            "least_attention": row.least_attention,
            "created_at": row.created_at,
            "current": row.session_sha256 == session_digest,
        }
    )


def _check_keys(subscription: NewSubscription) -> None:
    try:
        point = _decoded(subscription.keys.p256dh)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        right = len(point) == 65 and len(_decoded(subscription.keys.auth)) == _AUTH_BYTES
    except ValueError:
        right = False
    if not right:
        raise SubscriptionUnusableError("The keys are not those of a browser's subscription.")


def _decoded(text: str) -> bytes:
    bare = text.rstrip("=")
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
