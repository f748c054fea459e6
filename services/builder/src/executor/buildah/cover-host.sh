# Hides folders of the host: `$1` and all others before `--`. Then executes the rest.
set -eu
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then mount -t tmpfs -o size=64k,mode=0755 tmpfs "$1"; fi
    shift
done
shift
exec "$@"
