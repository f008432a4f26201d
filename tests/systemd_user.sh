#!/usr/bin/env bash
# Runs `latent-bridge service` on a systemd of its own. For a container, as root: it says to systemd that the machine was
# booted with it. Needs systemd and dbus. Not part of `make test`.
set -euo pipefail
bridge=$(cd "$(dirname "$0")/.." && pwd)/.venv/bin/latent-bridge
port=${1:-9133}
if [ -e /run/systemd/system ]; then
    echo "a systemd runs here already: use it, and latent-bridge service"
    exit 1
fi
home=$(mktemp -d)
export HOME=$home XDG_RUNTIME_DIR=$home DBUS_SESSION_BUS_ADDRESS=unix:path=$home/bus
mkdir -p /run/systemd/system /sys/fs/cgroup/systemd/user.slice/latent-bridge
ends() {
    kill "${systemd:-}" "${bus:-}" 2>/dev/null || true
    rmdir /run/systemd/system
}
trap ends EXIT
dbus-daemon --session --address="$DBUS_SESSION_BUS_ADDRESS" --nofork 2>/dev/null &
bus=$!
bash -c 'echo $$ > /sys/fs/cgroup/systemd/user.slice/latent-bridge/cgroup.procs; exec /lib/systemd/systemd --user' &
systemd=$!
until systemctl --user is-system-running 2>/dev/null | grep -q running; do sleep 0.2; done
state() { systemctl --user show -p "$1" --value latent-bridge; }

"$bridge" service install --port "$port"
until "$bridge" service install --port "$port" >/dev/null && [ "$(state ActiveState)" = active ]; do sleep 0.2; done
first=$(state MainPID)
echo "it runs, as process $first"
kill -9 "$first"
until [ "$(state ActiveState)" = active ] && [ "$(state MainPID)" != "$first" ]; do sleep 0.2; done
echo "killed, it runs again, as process $(state MainPID)"
"$bridge" service remove
[ -z "$(ls "$home/.config/systemd/user"/*.service 2>/dev/null)" ]
echo "nothing is left of it"
