set -eu
while [ "$1" != -- ]; do
    echo $$ >"$1"
    shift
done
shift
exec "$@"
