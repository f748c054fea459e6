set -eu

here=/run/slipway

set -a
. "$here/environment"
set +a

if [ -f "$here/ca.pem" ]; then
    export PIP_CERT="$here/ca.pem" SSL_CERT_FILE="$here/ca.pem" REQUESTS_CA_BUNDLE="$here/ca.pem"
fi
export PIP_BREAK_SYSTEM_PACKAGES=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
export PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1

python=$(command -v python3 || command -v python) || {
    echo "SLIPWAY: The base image has no Python." \
        "Add the apt line python3, or choose a base with Python." >&2
    exit 41
}

if "$python" -m pip --version >/dev/null 2>&1; then
    set -- "$python" -m pip
else
    set -- "$python" "$here/pip.whl/pip"
fi

exec "$@" install --requirement "$here/requirements"
