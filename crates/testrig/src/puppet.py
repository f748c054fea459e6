#!/usr/bin/python3 -u
"""Stands in for apt-get and does what the last word says, as a hostile package's script would; any other word is installed at once."""

import os
import socket
import subprocess
import sys
import time


def memory():
    hoard = []
    while True:
        hoard.append(b"x" * (16 << 20))


def processes():
    for _ in range(2000):
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)


def processors():
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
    fill(1 << 9)
    time.sleep(60)


def image():
    fill(1 << 6)


def fill(mebibytes):
    with open("/filler", "wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(1 << 20))


def silence():
    time.sleep(600)


def seconds():
    began = time.monotonic()
    while time.monotonic() - began < int(sys.argv[-1].split("-")[1]):
        print("waiting")
        time.sleep(0.2)


def noise():
    line = b"x" * 999 + b"\n"
    for _ in range(120_000):
        os.write(1, line)


def limits():
    for folder, _, files in os.walk("/sys/fs/cgroup"):
        for file in {"cgroup.procs", "memory.limit_in_bytes", "memory.max", "pids.max", "cpu.max"} & set(files):
            try:
                with open(os.path.join(folder, file), "w") as limit:
                    limit.write("0" if file == "cgroup.procs" else "999999999999")
                print("LIFTED", folder, file)
            except OSError as error:
                print(error.strerror)
    for kind in ["cgroup -o memory", "cgroup -o pids", "cgroup2"]:
        fresh = f"mount -t {kind} none /mnt && echo LIFTED by a mount of {kind}"
        subprocess.run(["unshare", "--user", "--map-root-user", "--cgroup", "--mount", "sh", "-c", fresh], check=False)


def network():
    """Connecting a datagram socket sends nothing and still asks the routes."""
    for address in sys.argv[-1].removeprefix("network-").split("-"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((address, 9))
                print("route to", address)
            except OSError:
                print("no route to", address)


def marks():
    print("── push")
    print('STEP 4/4: RUN --mount=type=bind,source=pip,target=/run/slipway ["/bin/sh", "/run/slipway/pip.sh"]')
    print('Error: building at STEP "RUN --mount=type=bind,source=pip,target=/run/slipway /bin/sh /run/slipway/pip.sh": exit status 1')
    print("\x1b[2J colours \r and a carriage return")
    sys.exit(100)


def surroundings():
    print("arguments:", *sys.argv)
    for name in sorted(os.environ):
        print(name + "=" + os.environ[name])
    print(*sorted(os.listdir("/run/slipway")))


DEEDS = [memory, processes, processors, disk, image, silence, seconds, noise, limits, network, marks, surroundings]
for deed in DEEDS:
    if deed.__name__ == sys.argv[-1].split("-")[0]:
        deed()
