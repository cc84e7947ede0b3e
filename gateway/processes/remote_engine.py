"""The remote engine as the settings name it."""

from __future__ import annotations

from importlib.util import find_spec

from pydantic import ValidationError

from config.inference_settings import InferenceSettings, split_engine_url
from config.loading import SettingsError
from gateway.processes.stopping import StartRefused
from inference.remote.server import RemoteServer

_CLIENT = "tritonclient"


def remote_server(section: InferenceSettings) -> RemoteServer | None:
    """Return the server that reads; None where the embedded engine does.

    Raises:
        StartRefused: its client is not installed.

    """
    if section.engine != "remote" or section.url is None:
        return None
    if find_spec(_CLIENT) is None:
        raise StartRefused(
            "a remote engine needs the package tritonclient: install the extra with `pip install mammogate[remote]`"
        )
    address, model, tls = split_engine_url(section.url)
    return RemoteServer(
        address,
        model,
        tls,
        ca=section.tls.ca,
        certificate=section.tls.certificate,
        key=section.tls.key,
        token_file=section.token_file,
        deadline_seconds=section.deadline_seconds,
        rest_seconds=section.first_retry_seconds,
        longest_rest_seconds=section.longest_retry_seconds,
    )


def server_at(section: InferenceSettings, url: str) -> RemoteServer:
    """Return the server at a URL, called as the settings say (TLS, token, deadline).

    Raises:
        SettingsError: the URL can't be used, or not with the rest of the settings.
        StartRefused: its client is not installed.

    """
    values = section.model_dump() | {"engine": "remote", "url": url}
    try:
        server = remote_server(InferenceSettings.model_validate(values))
    except ValidationError as error:
        raise SettingsError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    assert server is not None, "the engine is remote and has a URL"  # noqa: S101 - invariant
    return server
