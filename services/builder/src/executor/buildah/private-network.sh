# Runs a command in a network namespace that reaches the internet through slirp4netns.
# $1: address ranges that stay reachable although they are closed below; the rest: the command.
set -eu
allowed=$1
shift

# The addresses of the host itself, while this still is the host's network.
local_routes=$(ip -4 -o route show table local type local)
own=$(echo "$local_routes" | while read -r _ address _; do echo "$address"; done)

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

# Unreachable: private and link-local ranges, all other special-purpose ranges of IANA's registry,
# 168.63.129.16 (the host of a virtual machine in Azure), and the host. The loopback stays the step's
# own, and 10.0.2.0/24 is the network of slirp4netns, with its gateway 10.0.2.2.
closed="0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
    192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24
    198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
inside="nsenter --net=/proc/$holder/ns/net --"
{
    for range in $closed $own; do
        case $range in
        127.* | 10.0.2.*) ;;
        *) echo "route replace unreachable $range" ;;
        esac
    done
    for range in $allowed; do echo "route replace $range via 10.0.2.2"; done
} | $inside ip -batch -
exec $inside "$@"
