# Shared by start, stop, status and ctl: where things are, who is alive, how to wait.
# shellcheck shell=bash disable=SC2034 # the scripts use what is set here
set -eu

cluster_home=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
MARKER=.catena-cluster
CLUSTER=catena-test
NODE=node1
DAEMONS='munged mariadbd slurmdbd slurmctld slurmd' # in the order of starting
MUNGE_USER=catena-munge
MYSQL_USER=catena-mysql
TEST_USERS='catena-alice catena-bob'
# Without it a login shell's PATH may lack the daemons.
PATH=$PATH:/usr/sbin:/sbin
# A setting of the caller's own cluster must not leak into the commands here.
for variable in "${!SLURM_@}" "${!SBATCH_@}" "${!SACCT_@}" "${!SQUEUE_@}" "${!SCANCEL_@}" "${!SINFO_@}"; do
  unset "$variable"
done

say() { printf 'cluster: %s\n' "$*"; }

# fail TEXT [DAEMON]: one error, with the end of what the daemon had to say.
fail() {
  printf 'cluster: error: %s\n' "$1" >&2
  if [ $# -gt 1 ]; then
    for log in "$DIR/log/$2.out" "$DIR/log/$2.log" "$DIR/log/$2.probe"; do
      [ ! -s "$log" ] || { printf -- '--- %s\n' "$log"; tail -n 15 "$log"; } >&2
    done
  fi
  exit 1
}

# use_dir [DIR]: the cluster's directory, as an absolute path in DIR.
use_dir() {
  DIR=${1:-${CATENA_CLUSTER_DIR:-/tmp/catena-cluster}}
  DIR=$(realpath -m -- "$DIR")
  # The path is written into configuration files that cannot quote, and into socket addresses of at most 107 bytes.
  case $DIR in
    / | *[!A-Za-z0-9._/-]*) fail "unusable directory '$DIR': only letters, digits and ._/- please" ;;
  esac
  [ ${#DIR} -le 80 ] || fail "directory '$DIR' is too long: 80 characters at most"
  [ "$(id -u)" = 0 ] || fail 'this needs root: the daemons start jobs as any user'
  export SLURM_CONF=$DIR/conf/slurm.conf
  if [ -e "$DIR/ports" ]; then use_ports "$(cat "$DIR/ports")"; fi
}

use_ports() {
  PORT_SLURMCTLD=$1 PORT_SLURMD=$(($1 + 1)) PORT_SLURMDBD=$(($1 + 2)) PORT_MARIADBD=$(($1 + 3))
}

# One start or stop at a time on a machine: they choose ports and create users.
# The daemons must not inherit file 9: they would hold the lock for ever.
take_lock() {
  exec 9>/run/lock/catena-cluster.lock
  flock -w 180 9 || fail 'another start or stop has been at work for three minutes'
}

pid_file() {
  case $1 in
    munged) echo "$DIR/munge/munged.pid" ;;
    mariadbd) echo "$DIR/mysql/mariadbd.pid" ;;
    *) echo "$DIR/run/$1.pid" ;;
  esac
}

# state_of PID: the letter of /proc (R, S, T, Z...), nothing when there is no such process.
state_of() { sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null || true; }

# gone PID: a zombie counts, since a container's first process may never reap it.
gone() { case $(state_of "$1") in '' | Z | X) return 0 ;; *) return 1 ;; esac; }

# pid_of DAEMON: its process id, if it lives. A pid file may be stale and its number in use by another process by now, so
# the process must also have the name and carry the mark that launch gave it.
pid_of() {
  local pid
  pid=$(cat "$(pid_file "$1")" 2>/dev/null) || return 1
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  ! gone "$pid" || return 1
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ] || return 1
  grep -qsz "^CATENA_CLUSTER_DAEMON=$DIR\$" "/proc/$pid/environ" || return 1
  echo "$pid"
}

alive() { pid_of "$1" >/dev/null; }

# listening PORT: read from /proc, since a trial connection would show up in the daemon's log as an error.
listening() {
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port="$(printf ':%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }'
}

# answers DAEMON: it does its work, not only exists.
answers() {
  case $1 in
    munged) munge --no-input --socket="$DIR/munge/socket" | unmunge --socket="$DIR/munge/socket" ;;
    mariadbd) mariadb-admin --no-defaults --socket="$DIR/mysql/socket" ping ;;
    # The commands retry for seconds when nobody listens, hence the look at the port.
    slurmdbd) listening "$PORT_SLURMDBD" && timeout 10 sacctmgr -nP show cluster ;;
    slurmctld) listening "$PORT_SLURMCTLD" && timeout 10 scontrol ping | grep -q 'is UP' ;;
    slurmd) listening "$PORT_SLURMD" && { ! alive slurmctld || node_ready; } ;;
  esac >"$DIR/log/$1.probe" 2>&1 # what it complains of, should it never answer
}

# The state has a trailing * while the node has not registered.
node_ready() { timeout 10 sinfo -h -n "$NODE" -o %T | grep -qE '^(idle|mixed|allocated|completing|drain(ed|ing))$'; }

# wait_until SECONDS COMMAND...: false when it did not come true in time.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.05
  done
}

# marked: every process that launch started for this cluster, and what those started (slurmstepd).
marked() { grep -lsz "^CATENA_CLUSTER_DAEMON=$DIR\$" /proc/[0-9]*/environ | cut -d/ -f3 || true; }

# launch DAEMON: start it and wait until it answers. The mark in its environment tells it from any other instance.
launch() {
  local program=("$1") stray
  # One without its pid file, as when the directory was removed under it, would go on with what no longer exists.
  for stray in $(marked); do
    if [ "$(cat "/proc/$stray/comm" 2>/dev/null)" = "$1" ]; then
      kill -KILL "$stray" 2>/dev/null || true
      wait_until 10 gone "$stray" || fail "$1 (process $stray) cannot be killed"
    fi
  done
  case $1 in
    munged)
      program=(setpriv --reuid="$MUNGE_USER" --regid="$MUNGE_USER" --clear-groups
        munged --key-file="$DIR/munge/key" --socket="$DIR/munge/socket" --seed-file="$DIR/munge/seed"
        --pid-file="$DIR/munge/munged.pid" --log-file="$DIR/log/munged.log" --num-threads=10) ;;
    mariadbd) program=(setsid mariadbd --defaults-file="$DIR/conf/mariadb.cnf") ;;
    slurmctld | slurmd) program+=(-f "$SLURM_CONF") ;;
  esac
  # A stale pid file may make a daemon believe that it runs already.
  rm -f "$(pid_file "$1")"
  # A known environment: what the caller happens to have set would reach every job.
  program=(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 SLURM_CONF="$SLURM_CONF"
    CATENA_CLUSTER_DAEMON="$DIR" "${program[@]}")
  if [ "$1" = mariadbd ]; then
    # The only one that does not go to the background by itself.
    "${program[@]}" </dev/null >"$DIR/log/$1.out" 2>&1 9>&- &
  else
    "${program[@]}" </dev/null >"$DIR/log/$1.out" 2>&1 9>&- || fail "$1 could not be started" "$1"
  fi
  wait_until 5 alive "$1" || fail "$1 ended at once" "$1"
  await "$1"
}

# await DAEMON: until it answers; one that ends meanwhile is told at once.
await() {
  wait_until 30 answers_or_dead "$1" || fail "$1 does not answer after 30 s" "$1"
  alive "$1" || fail "$1 ended while starting" "$1"
}

answers_or_dead() { answers "$1" || ! alive "$1"; }

# halt DAEMON SECONDS: ask it to end, wait, kill it after the bound.
halt() {
  local pid
  pid=$(pid_of "$1") || return 0
  kill -TERM "$pid" 2>/dev/null || true
  kill -CONT "$pid" 2>/dev/null || true # a paused one cannot hear
  if ! wait_until "$2" gone "$pid"; then
    say "$1 did not end within $2 s: killed"
    kill -KILL "$pid" 2>/dev/null || true
    wait_until 10 gone "$pid" || fail "$1 (process $pid) cannot be killed" "$1"
  fi
}

# remnants: every process of this cluster by its mark (the daemons, slurmstepd) or by its job's environment.
remnants() {
  local file
  marked
  grep -lsz "^SLURM_CONF=$SLURM_CONF\$" /proc/[0-9]*/environ | while read -r file; do
    if grep -qsz '^SLURM_JOB_ID=' "$file"; then echo "$file" | cut -d/ -f3; fi
  done
}

all_gone() {
  local pid
  for pid in $(remnants); do gone "$pid" || return 1; done
}

halt_all() {
  halt slurmctld 20
  halt slurmd 10
  halt slurmdbd 20
  halt mariadbd 20
  halt munged 5
  if ! all_gone; then
    # shellcheck disable=SC2046 # one word a process
    kill -KILL $(remnants) 2>/dev/null || true
    wait_until 10 all_gone || fail "processes remain: $(remnants | tr '\n' ' ')"
  fi
}
