# Runs a command in a network namespace that reaches the internet through slirp4netns.
# $1: address ranges that stay reachable although they are private; the rest: the command.
set -eu
allowed=$1
shift

# A process that holds the new network namespace until the end of the step. It begins in the old
# one, and needs a few milliseconds to enter the new one.
unshare --net sleep infinity &
holder=$!
while [ "$(readlink /proc/$holder/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.005; done

# slirp4netns writes to the pipe when the interface is ready, and closes it when it fails.
ready=$XDG_RUNTIME_DIR/network-ready
rm -f "$ready"
mkfifo "$ready"
slirp4netns --configure --mtu=65520 --disable-host-loopback --ready-fd=3 $holder tap0 \
    3>"$ready" >"$XDG_RUNTIME_DIR/network.log" 2>&1 &
read -r _ <"$ready" || true
if ! nsenter --net=/proc/$holder/ns/net -- ip link show tap0 >/dev/null 2>&1; then
    cat "$XDG_RUNTIME_DIR/network.log" >&2
    echo "SLIPWAY: slirp4netns could not create the network of the step" >&2
    exit 70 # EX_SOFTWARE of sysexits.h
fi

# Private and link-local ranges are unreachable, except the allowed ones.
inside="nsenter --net=/proc/$holder/ns/net --"
for range in 10.0.0.0/8 100.64.0.0/10 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16; do
    $inside ip route add blackhole $range
done
# 10.0.2.2 is the gateway of slirp4netns.
for range in $allowed; do
    $inside ip route add "$range" via 10.0.2.2
done
exec $inside "$@"
