#!/bin/sh
# Installs what the tests and the tools need besides Python's packages: from Debian 12 real clients to test against, and
# from npm what tests/peers/npm lists. Says nothing when all is there. Runs as root, or by sudo where there is one.
set -eu

# baresip-core, linphone-cli, sip-tester: SIP clients; with baresip-ffmpeg and mediastreamer2-plugin-openh264 they have
# cameras and H.264.  chromium, firefox-esr: browsers.  coturn: a TURN server.
# libatomic1: for the node that comes with playwright.  fonts-dejavu-core: browsers show boxes without any fonts.
# openssl: certificates.  util-linux: setpriv.
# Not kamailio, for tests/e2e/test_proxy.py: its package starts a service on port 5060. Where it is, it is tested with.
# espeak-ng is wanted only where the prompts are made anew (tools/prompts.py).
needed="baresip-core baresip-ffmpeg linphone-cli mediastreamer2-plugin-openh264 sip-tester chromium firefox-esr coturn"
needed="$needed fonts-dejavu-core libatomic1 openssl util-linux"
npm_folder="$(dirname "$0")/../tests/peers/npm"

# A machine may have a node of its own, which Debian's npm would quarrel with.
missing=""
for program in nodejs:node npm:npm; do
    command -v "${program#*:}" >/dev/null 2>&1 || missing="$missing ${program%:*}"
done
for package in $needed; do
    if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "install ok installed"; then
        missing="$missing $package"
    fi
done

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        exit 1
    fi
}

if [ -n "$missing" ]; then
    as_root=""
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            echo "The tests need these packages:$missing. Please install them as root." >&2
            exit 1
        fi
        as_root="sudo"
    fi
    echo "Installing for the tests:$missing"
    # No service may start, and no question may be asked.
    quiet_apt="$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get"
    # shellcheck disable=SC2086  # lists of words
    quietly $quiet_apt update -q
    # shellcheck disable=SC2086
    quietly $quiet_apt install -q -y --no-install-recommends $missing
fi

installed="$npm_folder/node_modules/installed"
if [ ! "$installed" -nt "$npm_folder/package-lock.json" ]; then
    echo "Installing for the tests: npm packages"
    # Nobody's install scripts run.
    quietly npm --prefix "$npm_folder" ci --ignore-scripts --no-audit --no-fund
    touch "$installed"
fi
