"""Why a remote engine can't be used now. None of these says anything about the image: it waits, and is read later."""


class RemoteUnusable(Exception):
    """The remote engine gave nothing that can be believed; the causes are below."""


class RemoteAway(RemoteUnusable):
    """It can't be reached, or says that it is not available: gRPC's UNAVAILABLE, TLS that fails included."""


class RemoteResting(RemoteAway):
    """It failed several times in a row and isn't asked for a while."""


class RemoteTooSlow(RemoteUnusable):
    """It didn't answer before the deadline."""


class RemoteRefuses(RemoteUnusable):
    """It answered with an error: a token that it doesn't take, a tensor that it doesn't want."""


class RemoteNotReady(RemoteUnusable):
    """It is there and doesn't serve our model in our version."""


class RemoteAnswerWrong(RemoteUnusable):
    """Its answer can't be one of our model: another version, shape or type, or numbers that are none."""


class RemoteLoginUnusable(RemoteUnusable):
    """A file of ours (authority, certificate, key or token) can't be used."""
