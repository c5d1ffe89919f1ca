# Sourced by the launchers beside it: which Python has Pulumi's SDK. Sets `python`, or ends the plugin with an explanation.
# The engine starts a plugin before it says which project it is for, so the nearest virtual environment above the working
# directory (the project's, or a policy pack's) is taken; SIDERO_AIRGAP_VENV names another one.

nearest_venv() {
    directory=$PWD
    while :; do
        if [ -x "$directory/.venv/bin/python" ]; then
            printf '%s\n' "$directory/.venv"
            return 0
        fi
        [ -n "$directory" ] || return 1
        directory=${directory%/*}
    done
}

venv=${SIDERO_AIRGAP_VENV:-}
[ -n "$venv" ] || venv=$(nearest_venv) || venv=${VIRTUAL_ENV:-}
python=$venv/bin/python
if [ -z "$venv" ] || [ ! -x "$python" ]; then
    echo "${0##*/}: no Python with Pulumi's SDK: looked at SIDERO_AIRGAP_VENV (${SIDERO_AIRGAP_VENV:-not set})," \
        "for .venv in $PWD and above it, and at VIRTUAL_ENV (${VIRTUAL_ENV:-not set}). \`make\` in the checkout makes .venv." >&2
    exit 1
fi
