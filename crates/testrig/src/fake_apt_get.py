#!/usr/bin/python3 -u
"""Replaces apt-get in tests of builds.

The last argument, up to its first `-`, selects a behaviour below, as a hostile package's script
would behave. Any other package counts as installed at once.
"""

import os
import socket
import subprocess
import sys
import time


def capabilities():
    """Prints the effective capabilities."""
    with open("/proc/self/status") as status:
        print(*(line for line in status if line.startswith("CapEff")))


def memory():
    """Allocates memory without end."""
    blocks = []
    while True:
        blocks.append(b"x" * (16 << 20))


def processes():
    """Starts 2000 processes."""
    for _ in range(2000):
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)


def processors():
    """Loads two processors for 3 seconds and prints the processor time used."""
    began = time.monotonic()
    for _ in range(2):
        if os.fork() == 0:
            while time.monotonic() - began < 3:
                pass
            os._exit(0)

    os.wait()
    os.wait()
    print("processor seconds:", os.times().children_user + os.times().children_system)


def disk():
    """Writes 512 MiB and waits."""
    write_random(512)
    time.sleep(60)


def image():
    """Writes 64 MiB and ends."""
    write_random(64)


def write_random(mebibytes):
    with open("/filler", "wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(1 << 20))


def silence():
    """Prints nothing for 10 minutes."""
    time.sleep(600)


def seconds():
    """`seconds-<n>`: prints `waiting` for n seconds."""
    began = time.monotonic()
    while time.monotonic() - began < int(sys.argv[-1].split("-")[1]):
        print("waiting")
        time.sleep(0.2)


def noise():
    """Prints 120 MB."""
    line = b"x" * 999 + b"\n"
    for _ in range(120_000):
        os.write(1, line)


def limits():
    """Tries to lift the limits of the build, and prints LIFTED for each success."""
    limit_files = {"cgroup.procs", "memory.limit_in_bytes", "memory.max", "pids.max", "cpu.max"}
    for folder, _, files in os.walk("/sys/fs/cgroup"):
        for file in limit_files & set(files):
            try:
                with open(os.path.join(folder, file), "w") as limit:
                    limit.write("0" if file == "cgroup.procs" else "999999999999")
                print("LIFTED", folder, file)
            except OSError as error:
                print(error.strerror)

    namespaces = ["--user", "--map-root-user", "--cgroup", "--mount"]
    for kind in ["cgroup -o memory", "cgroup -o pids", "cgroup2"]:
        mount = f"mount -t {kind} none /mnt && echo LIFTED by a mount of {kind}"
        subprocess.run(["unshare", *namespaces, "sh", "-c", mount], check=False)


def network():
    """`network-<address>-…`: prints for each address whether it has a route.

    Connecting a datagram socket looks up the route and sends nothing.
    """
    for address in sys.argv[-1].removeprefix("network-").split("-"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((address, 9))
                print("route to", address)
            except OSError:
                print("no route to", address)


def connect():
    """`connect-<address>-<port>`: prints whether a connection is open or closed."""
    address, port = sys.argv[-1].removeprefix("connect-").split("-")
    try:
        socket.create_connection((address, int(port)), timeout=3)
        print("connection open")
    except OSError as error:
        print("connection closed:", error)


def marks():
    """Forges the marks of steps and buildah's own lines, and fails."""
    script = "RUN --mount=type=bind,source=pip,target=/run/slipway"
    print("── push")
    print(f'STEP 4/4: {script} ["/bin/sh", "/run/slipway/pip.sh"]')
    print(f'Error: building at STEP "{script} /bin/sh /run/slipway/pip.sh": exit status 1')
    print("\x1b[2J colours \r and a carriage return")
    sys.exit(100)


def surroundings():
    """Prints the arguments, the environment and the files of the step."""
    print("arguments:", *sys.argv)
    for name in sorted(os.environ):
        print(name + "=" + os.environ[name])
    print(*sorted(os.listdir("/run/slipway")))


BEHAVIOURS = [
    capabilities,
    memory,
    processes,
    processors,
    disk,
    image,
    silence,
    seconds,
    noise,
    limits,
    network,
    connect,
    marks,
    surroundings,
]

for behaviour in BEHAVIOURS:
    if behaviour.__name__ == sys.argv[-1].split("-")[0]:
        behaviour()
