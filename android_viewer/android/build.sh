#!/usr/bin/env bash
# Builds the Android package from Debian's packages: build.sh FOLDER. Called by `make apk`, which README.md explains.
# GATEWAY_URL: the gateway's address, built in. LOCKED=1: never in a browser. KEY: a keystore; KEY_PASSWORD_FILE: its password.
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?"usage: build.sh FOLDER"}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
fail() { echo "apk: $*" >&2; exit 1; }

# Fetched once for a checkout; files that lie there already are taken when their sums are right.
packages=${APK_PACKAGES:-$here/build/packages}
mkdir -p "$packages"
packages=$(cd "$packages" && pwd)

MIN_SDK=26
TARGET_SDK=35
# From Debian 11, which had the last dx and the last android.jar. Both are data: java runs the one and reads the other.
PACKAGES=(
  "libandroid-23-java 6.0.1+r72-6 8af1b6df556971dda0a6da3536ea526a838e0c363afcdd454213d8bce94793e3"
  "dalvik-exchange 10.0.0+r36-1 8fc128db7c27253d963eb9b33de79b197162a4749d2ba69019b2fd0664cbd7fe"
)
RESOURCES=/usr/share/android-framework-res/framework-res.apk

for tool in javac java aapt zipalign apksigner dpkg-deb; do
  command -v "$tool" > /dev/null || fail "$tool is missing: run make apk, or install what requirements/debian-apk.txt lists"
done
[ -f "$RESOURCES" ] || fail "$RESOURCES is missing: install android-framework-res"

# Debian 11's packages from the mirror that this machine uses anyway, under the same keys.
older_sources() {
  local found=
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] && found+=$(awk 'BEGIN {RS=""} /(^|\n)Suites:[^\n]*bookworm( |\n|$)/ {sub(/Suites:[^\n]*/, "Suites: bullseye"); print $0 "\n"}' "$file")
  done
  printf '%s\n' "$found" > "$1/older.sources"
  sed -nE 's/^(deb( \[[^]]*\])? [^ ]+) bookworm (.*)/\1 bullseye \3/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
    2> /dev/null > "$1/older.list" || true
  [ -n "$found" ] || [ -s "$1/older.list" ] || fail "no source of Debian 12 in /etc/apt: put the packages into $packages by hand"
}
fetch() {
  local apt=$folder/apt list
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  older_sources "$apt"
  list=$apt/older.sources
  [ -s "$apt/older.list" ] && list=$apt/older.list
  local options=(-o "Dir::Etc::sourcelist=$list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$apt/lists"
    -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User= -o APT::Get::List-Cleanup=0)
  apt-get "${options[@]}" update -qq || fail "Debian 11's package lists can't be had: put $1_$2_all.deb into $packages by hand"
  (cd "$packages" && apt-get "${options[@]}" download -qq "$1=$2") || fail "$1 $2 can't be had: put $1_$2_all.deb into $packages by hand"
}
for line in "${PACKAGES[@]}"; do
  read -r name version sum <<< "$line"
  deb=$packages/${name}_${version}_all.deb
  [ -f "$deb" ] || fetch "$name" "$version"
  echo "$sum  $deb" | sha256sum --check --quiet || fail "$deb is not the file that was reviewed: delete it and run again"
  [ -d "$folder/older/usr/share/doc/$name" ] || dpkg-deb -x "$deb" "$folder/older"
done
android=$folder/older/usr/share/java/com.android.android-23.jar
dx=$folder/older/usr/share/java/com.android.dx-10.0.0.jar

work=$folder/work
rm -rf "$work"
mkdir -p "$work"/{classes,made}
cp -r "$here/res" "$work/res"

# The address is judged by the app's own rules before it is built in.
url=
statements='[]'
if [ -n "${GATEWAY_URL:-}" ]; then
  javac -nowarn -d "$work/rules" "$here/src/org/mammogate/viewer/GatewayAddress.java" "$here/ReadAddress.java"
  url=$(java -cp "$work/rules" ReadAddress "$GATEWAY_URL") || fail "GATEWAY_URL=$GATEWAY_URL is no address of a gateway: write https://gateway.hospital"
  statements="[{\\\"relation\\\":[\\\"delegate_permission/common.handle_all_urls\\\"],\\\"target\\\":{\\\"namespace\\\":\\\"web\\\",\\\"site\\\":\\\"$url\\\"}}]"
fi
mkdir "$work/res/mipmap-xxxhdpi"
cp "$here/../web/public/icon-192.png" "$work/res/mipmap-xxxhdpi/icon.png"
cat > "$work/res/values/site.xml" <<XML
<?xml version="1.0" encoding="utf-8"?>
<resources>
  <string name="gateway_url" translatable="false">$url</string>
  <string name="asset_statements" translatable="false">$statements</string>
  <bool name="always_locked">$([ "${LOCKED:-}" = 1 ] && echo true || echo false)</bool>
</resources>
XML

version=$(sed -nE 's/^version = "([0-9]+\.[0-9]+\.[0-9]+)"$/\1/p' "$here/../../pyproject.toml")
IFS=. read -r major minor patch <<< "$version"
aapt package -f -m --min-sdk-version $MIN_SDK --target-sdk-version $TARGET_SDK \
  --version-name "$version" --version-code $((major * 1000000 + minor * 1000 + patch)) \
  -M "$here/AndroidManifest.xml" -S "$work/res" -I "$RESOURCES" -J "$work/made" -F "$work/raw.apk"

mapfile -t sources < <(find "$here/src" "$here/later" "$work/made" -name '*.java' | sort)
javac -source 8 -target 8 -g:none -Xlint:all,-options,-deprecation -Werror -bootclasspath "$android" -d "$work/classes" "${sources[@]}"
# The platform's own, which a phone has.
rm -r "$work/classes/android"
(cd "$work/classes" && java -cp "$dx" com.android.dx.command.Main --dex --min-sdk-version=$MIN_SDK --output="$work/classes.dex" .)

touch -d 1980-01-01T00:00:00Z "$work/classes.dex"
(cd "$work" && aapt add -k raw.apk classes.dex > /dev/null)
zipalign -f -p 4 "$work/raw.apk" "$folder/mammogate-unsigned.apk"
echo "$folder/mammogate-unsigned.apk ($(stat -c %s "$folder/mammogate-unsigned.apk") bytes)"

if [ -n "${KEY:-}" ]; then
  [ -f "$KEY" ] || fail "KEY=$KEY is not there: see README.md for the command that makes one"
  password=stdin
  [ -z "${KEY_PASSWORD_FILE:-}" ] || password=file:$KEY_PASSWORD_FILE
  apksigner sign --ks "$KEY" --ks-pass "$password" --min-sdk-version $MIN_SDK \
    --out "$folder/mammogate.apk" "$folder/mammogate-unsigned.apk"
  rm -f "$folder/mammogate.apk.idsig"
  echo "$folder/mammogate.apk ($(stat -c %s "$folder/mammogate.apk") bytes)"
  apksigner verify --min-sdk-version $MIN_SDK --print-certs "$folder/mammogate.apk" | sed -n 's/.*certificate SHA-256 digest: /fingerprint for the settings: /p'
fi
