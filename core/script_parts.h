// Shell functions of those job scripts that need them (core/script.cc puts the scripts together): services,
// and bodies that run in scratch.
#pragma once

#include <string_view>

namespace catena {

// A service: stops itself when its users have completed. Its watcher waits without a process of its own: one
// that were left behind would hold the job's output open.
inline constexpr std::string_view service_functions = R"sh(
c_tree() {  # PID: it and all that descends from it, in c_all
  local pid
  c_all+=" $1"
  for pid in $(cat "/proc/$1/task/$1/children" 2> /dev/null); do c_tree "$pid"; done
}
c_to_tree() { c_all=; c_tree "$c_pid"; kill -s "$1" $c_all; }
c_unused() {  # NODE ATTEMPT…: waits until these have completed, then ends the body and all its processes
  local number left=30 never
  exec {never}<> <(:)
  while [ $# -gt 0 ]; do
    until read -r number < "$CATENA_RUN_DIR/.catena/done/$1" && [ "$number" -ge "$2" ]; do read -rt 2 -u "$never"; done
    shift 2
  done
  trap '' TERM
  c_to_tree TERM
  while kill -0 "$c_pid"; do
    [ $((left -= 1)) -ne 0 ] || c_to_tree KILL
    read -rt 1 -u "$never"
  done
  exit 0
}
)sh";

// Of what another node may share by a hard link nothing is written in place, and a file that is cut short by
// a KILL does not take the place of a whole one: each comes under its name by a rename.
inline constexpr std::string_view scratch_functions = R"sh(
c_copy_back() {  # what is new or changed; what went wrong, in REPLY
  REPLY=$(
    exec 2>&1
    back=$CATENA_WORKDIR/.catena-back.$CATENA_NODE
    trap 'rm -rf "$back"' EXIT
    rm -rf "$back" && mkdir -m 700 "$back" && cd "$CATENA_SCRATCH" || exit 1
    find . -mindepth 1 ! -type s ! -type p -cnewer ../stamp -print0 | tar --null --no-recursion -T - -cf - |
      tar --no-same-owner -xpf - -C "$back"
    all=("${PIPESTATUS[@]}")
    [ "${all[0]}" -eq 0 ] && [ "${all[1]}" -le 1 ] && [ "${all[2]}" -eq 0 ] && cd "$back" || exit 1  # 1: a file grew meanwhile
    while IFS= read -rd '' folder; do
      mkdir -p "$CATENA_WORKDIR/$folder" &&
        find "$folder" -mindepth 1 -maxdepth 1 ! -type d -exec mv -f -t "$CATENA_WORKDIR/$folder" -- {} + || exit 1
    done < <(find . -type d -print0)
  )
}
c_back() {  # empties the scratch directory; where that fails it stays, as all that there is of the results
  local caught
  c_leave=
  trap '' HUP INT QUIT TERM XCPU
  cd -- "$CATENA_WORKDIR"
  if [ ! -e "$c_scratch/stamp" ] || c_copy_back; then rm -rf "$c_scratch"
  else
    REPLY="what is new in $CATENA_SCRATCH on $HOSTNAME could not be brought to $CATENA_WORKDIR: ${REPLY%%$'\n'*}"
    [ "$c_exit" -eq 0 ] || REPLY="${c_reason:-exit $c_exit}; $REPLY"
    c_reason=$REPLY c_exit=$((c_exit ? c_exit : 1))
  fi
  for caught in HUP:1 INT:2 QUIT:3 TERM:15 XCPU:24; do trap "c_caught ${caught/:/ } yes" "${caught%:*}"; done
}
)sh";

// The stamp is older than all that the body does: on file systems that count time in steps, it waits for the
// next.
inline constexpr std::string_view enter_scratch =
    R"sh([[ $c_base == /* ]] && c_scratch=$(mktemp -d "$c_base/catena-$CATENA_TOKEN.XXXXXX") ||
  c_end 1 "cannot make a directory in '$c_base' on $HOSTNAME, the site's node_scratch"
c_leave=c_back
export CATENA_SCRATCH=$c_scratch/work
rm -rf "$CATENA_WORKDIR/.catena-back.$CATENA_NODE"
mkdir "$CATENA_SCRATCH" && cp -Rp -- "$CATENA_WORKDIR/." "$CATENA_SCRATCH" ||
  c_end 1 "cannot copy the working directory to $CATENA_SCRATCH on $HOSTNAME"
: > "$c_scratch/stamp" || c_end 1 "cannot write to $c_scratch on $HOSTNAME"
until [ "$c_scratch/tick" -nt "$c_scratch/stamp" ]; do : > "$c_scratch/tick" || c_end 1 "cannot write to $c_scratch on $HOSTNAME"; done
)sh";

}  // namespace catena
