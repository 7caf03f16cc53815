# Sourced by tools/demo and tools/test: Bazel for people who wait, and nothing left running afterwards.
#
# FLYOVER_BAZEL_STARTUP, FLYOVER_BAZEL_FLAGS: more startup options and command options, e.g. --output_base=DIR.

flyover_bazel() {
  local command=$1
  shift
  # shellcheck disable=SC2086
  bazel ${FLYOVER_BAZEL_STARTUP:-} "$command" ${FLYOVER_BAZEL_FLAGS:-} "$@"
}

# The pid file of the Bazel server of this directory, where Bazel puts it unless told otherwise.
flyover_bazel_pid_file() {
  local hash
  hash=$(printf %s "$(pwd -P)" | md5sum | cut -d' ' -f1)
  echo "${TEST_TMPDIR:-${XDG_CACHE_HOME:-$HOME/.cache}/bazel}/_bazel_$(id -un)/$hash/server/server.pid.txt"
}

flyover_bazel_server_runs() {
  local file pid
  file=$(flyover_bazel_pid_file)
  pid=$(cat "$file" 2>/dev/null) && [[ -n $pid && -d /proc/$pid ]]
}

# Builds the programs with progress, and sets FLYOVER_BIN to where they are.
flyover_build() {
  local server_was_there=0
  if flyover_bazel_server_runs; then server_was_there=1; fi
  echo "-- building with Bazel"
  if ! flyover_bazel build --show_progress --curses=no --show_progress_rate_limit=5 "$@" 2>&1 |
    grep --line-buffered -vE 'linux-sandbox|^INFO: |^$'; then
    echo "-- the build failed" >&2
    return 1
  fi
  FLYOVER_BIN=$(flyover_bazel info bazel-bin 2>/dev/null) || return 1
  export FLYOVER_BIN
  if ((!server_was_there)) && [[ -z ${FLYOVER_BAZEL_STARTUP:-} ]]; then flyover_bazel_leave=1; fi
}

# Ends the Bazel server if flyover_build started it.
flyover_bazel_done() {
  if ((${flyover_bazel_leave:-0})); then bazel shutdown >/dev/null 2>&1 || true; fi
}
