#!/bin/sh
# make-venv.sh PYTHON FOLDER: a virtual environment, on Debian too, where python3-venv comes apart from python3.
set -e
python=$1
folder=$2
if ! command -v "$python" >/dev/null 2>&1 || ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    echo "Installing python3-venv (Debian package)"
    root=""
    [ "$(id -u)" = 0 ] || root="sudo"
    $root apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive $root apt-get install -q -y --no-install-recommends python3 python3-venv >/dev/null
fi
"$python" -c 'import sys; sys.exit("Samrom needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
[ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
