set -eu

here=/run/slipway

set -a
. "$here/environment"
set +a
export DEBIAN_FRONTEND=noninteractive

set -- -o Dpkg::Use-Pty=0
if [ -f "$here/sources.list" ]; then
    set -- "$@" -o Dir::Etc::sourcelist="$here/sources.list" -o Dir::Etc::sourceparts=-
fi
if [ -f "$here/ca.pem" ]; then
    set -- "$@" -o Acquire::https::CaInfo="$here/ca.pem"
fi

if ! command -v apt-get >/dev/null; then
    echo "SLIPWAY: The base image has no apt-get." \
        "Choose a Debian or Ubuntu base, or remove the apt lines." >&2
    exit 40
fi

apt-get "$@" update

if [ -s "$here/relations" ]; then
    xargs --arg-file="$here/relations" --delimiter='\n' \
        apt-get "$@" satisfy --yes --no-install-recommends
fi

if [ -s "$here/from-suites" ]; then
    # apt-get install takes a name without a package for a pattern, so each name is checked first.
    while IFS= read -r package; do
        name=${package%%[:/]*}
        if ! apt-cache "$@" pkgnames -- "$name" | grep -q -x -F -- "$name"; then
            echo "E: Unable to locate package $name" >&2
            exit 100
        fi
    done <"$here/from-suites"

    xargs --arg-file="$here/from-suites" --delimiter='\n' \
        apt-get "$@" install --yes --no-install-recommends --
fi

apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
rm -rf /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
