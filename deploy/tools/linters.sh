#!/bin/sh
# Says where the linters of deploy/ are: a virtual environment in the folder $1, made with the interpreter under that of
# $2 and filled from the lock $3. Made anew when the lock is another one or when its interpreter no longer runs.
# Scripts in it are given to its interpreter: their own first lines hold the path that the folder had when it was made.
set -e
folder=${1:?the folder} python=${2:?an interpreter} lock=${3:?the lock}
if ! cmp -s "$lock" "$folder/installed.txt" || ! "$folder/venv/bin/python" -c '' 2>/dev/null; then
    rm -rf "$folder/venv" "$folder/installed.txt"
    "$("$python" -c 'import sys; print(sys._base_executable)')" -m venv "$folder/venv"
    "$folder/venv/bin/python" -m pip install -q --disable-pip-version-check --no-input --no-deps --require-hashes -r "$lock" >&2
    cp "$lock" "$folder/installed.txt"
fi
echo "$folder/venv/bin"
