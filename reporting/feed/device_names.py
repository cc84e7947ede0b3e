"""What to call a device, from what its browser says of itself (User-Agent, RFC 9110 10.1.5). A help, no proof."""

from __future__ import annotations

import re
from typing import Final

# The first that fits: nearly every browser also names the ones that it once had to pass for.
_BROWSERS: Final = (
    (r"\bEdg(A|iOS)?/", "Edge"),
    (r"\bOPR/", "Opera"),
    (r"\bSamsungBrowser/", "Samsung Internet"),
    (r"\bFirefox/", "Firefox"),
    (r"\bFxiOS/", "Firefox"),
    (r"\bCriOS/", "Chrome"),
    (r"\bHeadlessChrome/|\bChrome/", "Chrome"),
    (r"\bSafari/", "Safari"),
    (r"^curl/", "curl"),
    (r"^python-httpx/|^python-requests/", "Python"),
)
_SYSTEMS: Final = (
    (r"\bAndroid\b", "Android"),
    (r"\biPhone\b", "iPhone"),
    (r"\biPad\b", "iPad"),
    (r"\bWindows\b", "Windows"),
    (r"\bMac OS X\b|\bMacintosh\b", "Mac"),
    (r"\bCrOS\b", "ChromeOS"),
    (r"\bLinux\b", "Linux"),
)
# "Android 14; Pixel 8)"; since Chrome 110 the model is "K" for everybody.
_ANDROID_MODEL: Final = re.compile(r"Android [\d.]+; ([A-Za-z0-9][A-Za-z0-9 _.()-]{1,40}?)(?: Build/|\)|;)")


def device_name(agent: str) -> str:
    """Return a name of at most 64 characters, for example "Chrome on Android (Pixel 8)"; never empty."""
    browser = _first(_BROWSERS, agent)
    system = _first(_SYSTEMS, agent)
    model = _ANDROID_MODEL.search(agent) if system == "Android" else None
    if system and model and model[1] not in ("K", "wv"):
        system = f"{system} ({model[1].strip()})"
    if browser and system:
        return f"{browser} on {system}"[:64]
    return browser or system or "Unknown device"


def _first(patterns: tuple[tuple[str, str], ...], agent: str) -> str | None:
    return next((name for pattern, name in patterns if re.search(pattern, agent)), None)
