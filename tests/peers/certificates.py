"""Certificate authorities and certificates for a test's own use, made by the openssl program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.peers.programs import run

ELLIPTIC = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA_2048 = ("rsa:2048",)
LOOPBACK_NAMES = "DNS:localhost,IP:127.0.0.1"
_CA_CONFIGURATION = """
[ca]
default_ca = here
[here]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = {digest}
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


@dataclass(frozen=True)
class Identity:
    """A certificate and its private key."""

    certificate: Path
    key: Path


def self_signed(folder: Path, name: str, *, key: Sequence[str] = ELLIPTIC) -> Identity:
    """Make a certificate that signs itself, as an authority does and as small sites do."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Identity(folder / f"{name}.pem", folder / f"{name}.key")
    names = ["-addext", f"subjectAltName={LOOPBACK_NAMES}"]
    _openssl("req", "-x509", "-days", "2", *_new(name, key, made.key), *names, "-out", made.certificate)
    return made


class Authority:
    """A certificate authority; `certificate` is what others trust."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / name
        own = self_signed(self._folder, name)
        self.certificate, self._key = own.certificate, own.key
        (self._folder / "index.txt").touch()

    def issue(
        self,
        name: str,
        *,
        begins: timedelta = timedelta(minutes=-10),
        ends: timedelta = timedelta(days=60),
        key: Sequence[str] = ELLIPTIC,
        names: str = LOOPBACK_NAMES,
        usage: str | None = None,
        digest: str = "sha256",
    ) -> Identity:
        """Make a certificate; `usage` is its extended key usage, as in `serverAuth`."""
        made = Identity(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, configuration = self._folder / f"{name}.csr", self._folder / f"{digest}.cnf"
        configuration.write_text(_CA_CONFIGURATION.format(folder=self._folder, digest=digest))
        extensions = [f"subjectAltName={names}", *([f"extendedKeyUsage={usage}"] if usage else [])]
        added = [word for extension in extensions for word in ("-addext", extension)]
        _openssl("req", *_new(name, key, made.key), *added, "-out", request)
        dates = ["-startdate", _moment(begins), "-enddate", _moment(ends)]
        signed_by = ["-cert", self.certificate, "-keyfile", self._key]
        files = ["-in", request, "-out", made.certificate]
        _openssl("ca", "-batch", "-notext", "-config", configuration, *signed_by, *dates, *files)
        return made


def locked(identity: Identity, password: str) -> Path:
    """Write the key again, locked with a password."""
    path = identity.key.with_suffix(".locked")
    _openssl("pkey", "-in", identity.key, "-aes256", "-passout", f"pass:{password}", "-out", path)
    return path


def _new(name: str, key: Sequence[str], path: Path) -> list[str | Path]:
    return ["-newkey", *key, "-nodes", "-subj", f"/CN={name}", "-keyout", path]


def _moment(distance: timedelta) -> str:
    return f"{datetime.now(UTC) + distance:%Y%m%d%H%M%SZ}"


def _openssl(*arguments: str | Path) -> None:
    made = run(["openssl", *arguments])
    assert made.returncode == 0, made.stderr
