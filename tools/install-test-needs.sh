#!/bin/sh
# Installs what the tests and the tools need from Debian 12: real SIP clients to test against. Says nothing when all
# is there. Runs as root, or by sudo where there is one.
set -eu

# baresip-core, linphone-cli, sip-tester: the clients.  openssl: their certificates.  util-linux: setpriv.
# Not kamailio, for tests/e2e/test_proxy.py: its package starts a service on port 5060. Where it is, it is tested with.
# espeak-ng is wanted only where the prompts are made anew (tools/prompts.py).
needed="baresip-core linphone-cli sip-tester openssl util-linux"

missing=""
for package in $needed; do
    if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "install ok installed"; then
        missing="$missing $package"
    fi
done
[ -n "$missing" ] || exit 0

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
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
    if ! $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 "$@" >"$log" 2>&1; then
        cat "$log" >&2
        exit 1
    fi
}
quietly apt-get update -q
# shellcheck disable=SC2086  # a list of words
quietly apt-get install -q -y --no-install-recommends $missing
