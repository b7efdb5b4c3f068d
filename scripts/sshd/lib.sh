# Shared by start and stop: where things are, whose processes are ours, how to wait.
# shellcheck shell=bash disable=SC2034 # the scripts use what is set here
set -eu

MARKER=.catena-sshd
# Name of each server, in the order of the ports; README.md says what each is for.
SERVERS='default ed25519 rsa single interactive twofactor password inner rekey'
# The users of scripts/cluster, where it runs; made here otherwise.
MAIN_USERS='catena-alice catena-bob'
PASSWORD_USER=catena-carol
NOISY_USER=catena-noisy
CSH_USER=catena-csh
FISH_USER=catena-fish
PATH=$PATH:/usr/sbin:/sbin

say() { printf 'sshd: %s\n' "$*"; }

fail() {
  printf 'sshd: error: %s\n' "$1" >&2
  if [ $# -gt 1 ] && [ -s "$2" ]; then tail -n 15 "$2" >&2; fi
  exit 1
}

# use_dir [DIR]: the directory of these servers, as an absolute path in DIR.
use_dir() {
  DIR=$(realpath -m -- "${1:-${CATENA_SSHD_DIR:-/tmp/catena-sshd}}")
  # The path is written into configuration files and tests' command lines without quotes.
  case $DIR in
    / | *[!A-Za-z0-9._/-]*) fail "unusable directory '$DIR': only letters, digits and ._/- please" ;;
  esac
  [ "$(id -u)" = 0 ] || fail 'this needs root: the servers log in several users'
  [ ! -e "$DIR" ] || [ -e "$DIR/$MARKER" ] || [ -z "$(ls -A "$DIR")" ] ||
    fail "$DIR exists, is not empty and is not ours"
}

# One start or stop at a time on a machine: they choose ports and create users.
# The servers must not inherit file 9: they would hold the lock for ever.
take_lock() {
  exec 9>/run/lock/catena-sshd.lock
  flock -w 60 9 || fail 'another start or stop has been at work for a minute'
}

# ours: every process of these servers, sessions included. A server is told by its configuration in the command line, a session by its
# parent.
ours() {
  local pid file
  for file in "$DIR"/run/*.pid; do
    pid=$(cat "$file" 2>/dev/null) || continue
    [ "$(readlink "/proc/$pid/exe")" = /usr/sbin/sshd ] || continue
    # The number may be another sshd's by now.
    case $(tr '\0' ' ' <"/proc/$pid/cmdline") in *"$DIR/conf/"*) family "$pid" ;; esac
  done
}

# family PID: it and its descendants.
family() {
  local child
  echo "$1"
  # shellcheck disable=SC2013 # numbers
  for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do family "$child"; done
}

all_gone() {
  local pid
  for pid in "$@"; do
    case $(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null) in '' | Z | X) ;; *) return 1 ;; esac
  done
}

wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.02
  done
}

home_of() { getent passwd "$1" | cut -d: -f6; }
