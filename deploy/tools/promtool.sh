#!/bin/sh
# Says where promtool is: the one on the PATH, else Debian's, unpacked into the folder $1. Needs no root: apt keeps its
# lists and what it fetches in that folder, and dpkg-deb only unpacks.
set -e
folder=${1:?the folder for the program}
if found=$(command -v promtool); then echo "$found"; exit 0; fi
if ! "$folder/usr/bin/promtool" --version >/dev/null 2>&1; then
    command -v apt-get >/dev/null || { echo "promtool is not on the PATH, and there is no apt-get to fetch it with." >&2; exit 1; }
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
    own() { apt-get -qq -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User= -o Debug::NoLocking=1 "$@" >&2; }
    own update
    (cd "$folder" && own download prometheus)
    dpkg-deb -x "$folder"/prometheus_*.deb "$folder"
    rm -rf "$folder"/prometheus_*.deb "$folder/lists" "$folder/cache"
fi
echo "$folder/usr/bin/promtool"
