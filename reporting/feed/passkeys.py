"""Passkeys (WebAuthn Level 3): registering one, and logging in with one.

User verification (PIN, finger, face) is required both times, so a passkey alone is two factors. Attestation is not
asked for: which make of authenticator somebody uses is not checked.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit

import structlog
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.options_to_json_dict import options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from reporting.feed.access import Principal
from reporting.feed.credentials import digest
from reporting.feed.device_names import device_name
from reporting.feed.device_schemas import NewPasskey, ShownPasskey
from reporting.feed.errors import ApiError
from reporting.feed.login_stores import KeptPasskey, PasskeyExistsError, PendingKind
from reporting.feed.sessions import Browser, Sessions
from reporting.feed.settings import FeedSettings
from reporting.feed.stores import Accounts

log = structlog.get_logger(__name__)
_TIMEOUT_MS = 120_000
_ATTEMPTS_OF_EVERYBODY = "passkey"  # no digest of a name, so it meets nobody's
MOST_PASSKEYS = 10


class Passkeys:
    """Thread safe; all methods may block. Without `settings.public_url` every one of them is 404."""

    def __init__(
        self, accounts: Accounts, sessions: Sessions, settings: FeedSettings, now: Callable[[], datetime]
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._settings = settings
        self._now = now

    def begin_registration(self, principal: Principal) -> tuple[dict[str, Any], str]:
        """Return the options for `navigator.credentials.create`, and the secret of the second step.

        Raises `ApiError`: 403 for a token, 409 when there are too many passkeys.
        """
        rp_id, _ = self._party()
        if principal.session_digest is None:
            raise ApiError(403, "session_needed", "Log in with a browser to add a passkey; a token can't.")
        kept = self._accounts.passkeys(principal.name)
        if len(kept) >= MOST_PASSKEYS:
            raise ApiError(409, "too_many_passkeys", "Remove a passkey first; ten are the most.")
        handle = kept[0].user_handle if kept else secrets.token_bytes(32)
        options = generate_registration_options(
            rp_id=rp_id,
            rp_name="mammogate",
            user_name=principal.name,
            user_id=handle,
            timeout=_TIMEOUT_MS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential_id) for one in kept],
        )
        data = {
            "challenge": bytes_to_base64url(options.challenge),
            "handle": bytes_to_base64url(handle),
            # What one session began, another one does not finish.
            "session": principal.session_digest,
        }
        return options_to_json_dict(options), self._keep("passkey_registration", data)

    def finish_registration(
        self, principal: Principal, secret: str, shown: NewPasskey, browser: Browser
    ) -> KeptPasskey:
        """Keep a new passkey. Raises `ApiError`: 400 when it can't be verified, 409 when it is known already."""
        rp_id, origin = self._party()
        pending = self._take("passkey_registration", secret)
        if pending["session"] != principal.session_digest:
            raise _expired()
        try:
            verified = verify_registration_response(
                credential=_as_json(shown),
                expected_challenge=base64url_to_bytes(pending["challenge"]),
                expected_rp_id=rp_id,
                expected_origin=origin,
                require_user_verification=True,
            )
        except Exception as error:  # the library raises what its parsers do on what strangers send
            log.info("passkey.refused", step="registration", error=type(error).__name__)
            raise ApiError(400, "passkey_refused", "The passkey could not be verified. Try again.") from error
        passkey = KeptPasskey(
            id=0,
            user_name=principal.name,
            credential_id=verified.credential_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            user_handle=base64url_to_bytes(pending["handle"]),
            name=device_name(browser.device),
            created_at=self._now(),
            last_used_at=None,
        )
        try:
            number = self._accounts.add_passkey(passkey)
        except PasskeyExistsError:
            raise ApiError(409, "passkey_exists", "This passkey is registered already.") from None
        return KeptPasskey(**{**passkey.__dict__, "id": number})

    def begin_login(self, browser: Browser) -> tuple[dict[str, Any], str]:
        """Return the options for `navigator.credentials.get`, and the secret of the second step.

        The options are the same for everybody: the device offers the passkeys that it has for us.
        Raises `ApiError` (429).
        """
        rp_id, _ = self._party()
        self._sessions.attempts.begin(_ATTEMPTS_OF_EVERYBODY, browser.address, shared=True)
        options = generate_authentication_options(
            rp_id=rp_id, timeout=_TIMEOUT_MS, user_verification=UserVerificationRequirement.REQUIRED
        )
        secret = self._keep("passkey_login", {"challenge": bytes_to_base64url(options.challenge)})
        return options_to_json_dict(options), secret

    def login(
        self, secret: str, shown: ShownPasskey, browser: Browser, old_session_id: str | None
    ) -> tuple[str, Principal]:
        """Open a session for whoever shows a passkey, and return its id.

        Raises `ApiError`: 401 when it is unknown or can't be verified (which of them is not said), 429.
        """
        rp_id, origin = self._party()
        # Counted at the first step too; here it is the passkey that has a limit of its own.
        attempt = self._sessions.attempts.begin(digest(shown.id), browser.address)
        pending = self._take("passkey_login", secret)
        kept = self._accounts.passkey(_bytes(shown.id))
        if kept is None:
            self._refuse(None, browser, "unknown passkey")
        try:
            verified = verify_authentication_response(
                credential=_as_json(shown),
                expected_challenge=base64url_to_bytes(pending["challenge"]),
                expected_rp_id=rp_id,
                expected_origin=origin,
                credential_public_key=kept.public_key,
                # Whether the count goes forward is looked at below, in order to be able to say so.
                credential_current_sign_count=0,
                require_user_verification=True,
            )
        except Exception as error:  # noqa: BLE001 - the library raises what its parsers do on what strangers send
            log.info("passkey.refused", step="login", error=type(error).__name__)
            self._refuse(kept.user_name, browser, "the passkey's signature is wrong")
        self._check_handle(kept, shown, browser)
        self._count(kept, verified, browser)
        user = self._accounts.user(kept.user_name)
        if user is None or not user.active:
            self._refuse(kept.user_name, browser, "the user is disabled")
        self._sessions.attempts.succeeded(attempt)
        self._sessions.attempts.forget(_ATTEMPTS_OF_EVERYBODY, browser.address)
        return self._sessions.open(user, browser, old_session_id, "passkey")

    def _check_handle(self, kept: KeptPasskey, shown: ShownPasskey, browser: Browser) -> None:
        # WebAuthn 7.2, step 6: the credential has to be that user's.
        handle = shown.response.user_handle
        if handle is not None and _bytes(handle) != kept.user_handle:
            self._refuse(kept.user_name, browser, "the passkey names another user")

    def _count(self, kept: KeptPasskey, verified: VerifiedAuthentication, browser: Browser) -> None:
        """See to it that the sign count goes forward (WebAuthn 6.1.1); 0 is for authenticators that don't count."""
        new = verified.new_sign_count
        forward = new > kept.sign_count or new == kept.sign_count == 0
        if not forward:
            log.warning("passkey.count_went_back", passkey=kept.id, kept=kept.sign_count, shown=new)
            self._refuse(kept.user_name, browser, "the passkey's count went back: there may be a copy of it")
        if not self._accounts.passkey_used(kept.id, was=kept.sign_count, sign_count=new, at=self._now()):
            self._refuse(kept.user_name, browser, "the passkey was used twice at the same time")

    def _refuse(self, user: str | None, browser: Browser, why: str) -> NoReturn:
        self._sessions.attempts.audit("failed", user, browser.address, f"passkey: {why}")
        raise ApiError(401, "wrong_passkey", "This passkey can't be used here.")

    def _party(self) -> tuple[str, str]:
        """Return the relying party's id and origin (WebAuthn 5.4.2)."""
        url = self._settings.public_url
        if url is None:
            raise ApiError(404, "not_configured", "Passkeys need the setting http.public_url.")
        return urlsplit(url).hostname or "", url

    def _keep(self, kind: PendingKind, data: dict[str, Any]) -> str:
        secret = secrets.token_urlsafe(32)
        self._accounts.keep_pending(digest(secret), kind, data, self._now() + self._settings.pending_lifetime)
        return secret

    def _take(self, kind: PendingKind, secret: str) -> dict[str, Any]:
        found = self._accounts.take_pending(digest(secret), kind, self._now())
        if found is None:
            raise _expired()
        return dict(found)


def _expired() -> ApiError:
    return ApiError(400, "login_expired", "That took too long, or was begun in another browser. Try again.")


def _as_json(shown: NewPasskey | ShownPasskey) -> dict[str, Any]:
    return {**shown.model_dump(by_alias=True, exclude_none=True), "rawId": shown.id}


def _bytes(text: str) -> bytes:
    try:
        return base64url_to_bytes(text)
    except ValueError:
        return b""
