"""The Android package as Debian's tools build it: the same bytes each time, signed, aligned; its logic on the JVM."""

from __future__ import annotations

import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import dcmread

from config.settings import HttpSettings
from tests.peers.programs import run
from tests.peers.synthetic import write_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
ANDROID = ROOT / "android_viewer" / "android"
JUNIT = "/usr/share/java/junit4.jar:/usr/share/java/hamcrest.jar"
ADDRESS = "https://gateway.hospital.example"


@dataclass
class Built:
    """Two builds in two fresh copies of the sources; the second one is signed too."""

    first: Path
    second: Path
    signed: Path
    said: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("apk")
    key, password = folder / "key.p12", folder / "password"
    password.write_text("only for a test\n")
    subject = (
        "-alias",
        "mammogate",
        "-dname",
        "CN=mammogate",
        "-keyalg",
        "RSA",
        "-keysize",
        "3072",
        "-validity",
        "10000",
    )
    made = run(["keytool", "-genkeypair", "-keystore", key, "-storepass:file", password, *subject])
    assert made.returncode == 0, made.stderr
    first = _copy(folder / "one")
    second = _copy(folder / "another place")
    _build(first, {"GATEWAY_URL": ADDRESS})
    said = _build(second, {"GATEWAY_URL": f"{ADDRESS}:443/", "KEY": str(key), "KEY_PASSWORD_FILE": str(password)})
    return Built(
        first / "out" / "mammogate-unsigned.apk",
        second / "out" / "mammogate-unsigned.apk",
        second / "out" / "mammogate.apk",
        said,
    )


def test_two_builds_in_two_places_have_the_same_bytes(built: Built) -> None:
    assert built.first.read_bytes() == built.second.read_bytes()


def test_the_package_is_small_and_holds_nothing_but_what_is_ours(built: Built) -> None:
    with zipfile.ZipFile(built.first) as package:
        assert set(package.namelist()) == {
            "AndroidManifest.xml",
            "classes.dex",
            "resources.arsc",
            "res/mipmap-xxxhdpi-v4/icon.png",
            "res/xml/network_security.xml",
        }
    assert built.first.stat().st_size < 60_000


def test_the_badging_says_which_androids_take_it_and_asks_for_the_network_only(built: Built) -> None:
    badging = _told(["aapt", "dump", "badging", built.first])
    assert re.search(r"^package: name='org\.mammogate\.viewer' versionCode='\d+' versionName='\d+\.\d+\.\d+'", badging)
    assert "sdkVersion:'26'" in badging
    assert "targetSdkVersion:'35'" in badging
    assert re.findall(r"uses-permission: name='([^']+)'", badging) == ["android.permission.INTERNET"]
    assert "launchable-activity: name='org.mammogate.viewer.LaunchActivity'" in badging
    assert "debuggable" not in badging


def test_what_is_shared_reaches_the_locked_window_and_nothing_goes_out_in_clear_or_into_a_backup(built: Built) -> None:
    tree = _told(["aapt", "dump", "xmltree", built.first, "AndroidManifest.xml"])
    application, *activities = re.split(r"E: activity ", tree[tree.index("E: application") :])
    for name in ("usesCleartextTraffic", "allowBackup"):
        assert re.search(rf"android:{name}\(\w+\)=\(type 0x12\)0x0\s", application), name
    locked = next(text for text in activities if ".LockedActivity" in text)
    for value in (
        "action.SEND",
        "action.SEND_MULTIPLE",
        "application/dicom",
        "application/octet-stream",
        "application/zip",
    ):
        assert f'{value}"' in locked, value
    # An activity that others may not start but Android would let them, had it not been said.
    assert all("android:exported" in text for text in activities)
    network = _told(["aapt", "dump", "xmltree", built.first, "res/xml/network_security.xml"])
    assert re.search(r'cleartextTrafficPermitted=(\(type 0x12\)0x0|"false")', network)


def test_the_hospitals_address_is_built_in_as_an_origin(built: Built) -> None:
    strings = _told(["aapt", "dump", "--values", "resources", built.second])
    assert f'"{ADDRESS}"' in strings
    assert rf"\"site\":\"{ADDRESS}\"" in strings


def test_the_signature_and_the_alignment_hold_and_the_printed_fingerprint_is_a_setting(built: Built) -> None:
    verified = _told(["apksigner", "verify", "--verbose", "--print-certs", built.signed])
    assert "Verified using v2 scheme (APK Signature Scheme v2): true" in verified
    for package in (built.first, built.signed):
        assert run(["zipalign", "-c", "-p", "4", package]).returncode == 0
    fingerprint = re.search(r"fingerprint for the settings: (\w+)", built.said)
    assert fingerprint is not None
    assert f"certificate SHA-256 digest: {fingerprint[1]}" in verified
    assert len(HttpSettings(app_certificates=(fingerprint[1],)).app_certificates) == 1


def test_a_package_that_was_changed_after_signing_does_not_verify(built: Built, tmp_path: Path) -> None:
    changed = bytearray(built.signed.read_bytes())
    changed[200] ^= 1
    (tmp_path / "changed.apk").write_bytes(changed)
    assert run(["apksigner", "verify", tmp_path / "changed.apk"]).returncode != 0


def test_an_address_that_the_app_would_not_take_is_not_built_in(built: Built, tmp_path: Path) -> None:
    refused = run([ANDROID / "build.sh", tmp_path], extra={"GATEWAY_URL": "http://gateway.hospital.example"})
    assert refused.returncode == 1
    assert "is no address of a gateway" in refused.stderr
    assert not (tmp_path / "mammogate-unsigned.apk").exists()


def test_a_fetched_package_with_other_bytes_is_not_used(built: Built, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    shutil.copytree(ANDROID / "build" / "packages", packages)
    for package in packages.glob("dalvik-exchange*"):
        package.write_bytes(package.read_bytes() + b"!")
    refused = run([ANDROID / "build.sh", tmp_path / "out"], extra={"APK_PACKAGES": str(packages)})
    assert refused.returncode == 1
    assert "is not the file that was reviewed" in refused.stderr


def test_the_logic_holds_on_the_jvm(tmp_path: Path) -> None:
    """JUnit over the classes that know nothing of Android; the files are those of real programs."""
    files = tmp_path / "files"
    files.mkdir()
    _write_files(files, tmp_path)
    pure = [
        ANDROID / "src/org/mammogate/viewer" / f"{name}.java"
        for name in ("GatewayAddress", "SharedFile", "BrowserChoice")
    ]
    tests = sorted((ANDROID / "test").rglob("*.java"))
    classes = tmp_path / "classes"
    compiled = run(["javac", "-encoding", "UTF-8", "-cp", JUNIT, "-d", classes, *pure, *tests])
    assert compiled.returncode == 0, compiled.stderr
    names = [f"org.mammogate.viewer.{test.stem}" for test in tests]
    done = run(["java", f"-Dfiles={files}", "-cp", f"{JUNIT}:{classes}", "org.junit.runner.JUnitCore", *names])
    assert done.returncode == 0, done.stdout
    assert re.search(r"OK \(1\d tests\)", done.stdout), done.stdout


def _write_files(files: Path, tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", views=(("R", "CC"),))
    (original,) = study.paths.values()
    shutil.copy(original, files / "yes-with-a-preamble.dcm")
    # As dcmconv writes a data set alone; DCMTK and pydicom read such files, and old machines write them.
    for name, option in (("yes-data-set-alone.dcm", "--write-dataset"), ("yes-data-set-explicit.dcm", "-F")):
        syntax = "+ti" if option == "--write-dataset" else "+te"
        assert run(["dcmconv", option, syntax, original, files / name]).returncode == 0
    alone = dcmread(files / "yes-data-set-alone.dcm", force=True)
    assert "SOPClassUID" in alone
    with zipfile.ZipFile(files / "yes-folder.zip", "w") as archive:
        archive.write(original, "study/1.dcm")
    picture = ROOT / "android_viewer/web/public/icon-192.png"
    shutil.copy(picture, files / "no-picture.png")
    shutil.copy(ROOT / "README.md", files / "no-text.md")
    (files / "no-empty").write_bytes(b"")
    (files / "no-short").write_bytes(b"\x08\x00")


def _copy(place: Path) -> Path:
    """The sources of the package, as a fresh clone would have them."""
    leave_out = shutil.ignore_patterns("build")
    shutil.copytree(ANDROID, place / "android_viewer" / "android", ignore=leave_out)
    shutil.copytree(ROOT / "android_viewer/web/public", place / "android_viewer/web/public")
    shutil.copy(ROOT / "pyproject.toml", place)
    return place


def _build(place: Path, settings: dict[str, str]) -> str:
    # What was fetched from Debian once is taken again: it is checked by its sum.
    packages = {"APK_PACKAGES": str(ANDROID / "build" / "packages")}
    done = run([place / "android_viewer/android/build.sh", place / "out"], 180, extra={**packages, **settings})
    assert done.returncode == 0, done.stderr
    return done.stdout


def _told(command: list[str | Path]) -> str:
    done = run(command)
    assert done.returncode == 0, done.stderr
    return done.stdout
