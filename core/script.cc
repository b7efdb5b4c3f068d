#include "core/script.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/job_tool.h"
#include "core/posix_regex.h"
#include "core/quote.h"
#include "core/script_parts.h"
#include "core/split.h"

namespace catena {
namespace {

// Single quotes where needed, so that the text is safe in the script, whatever it holds.
std::string q(std::string_view text) {
  return shell_quote(text);
}

std::string head(const std::vector<std::string>& directives) {
  std::string text = "#!/bin/bash\n";
  for (const auto& line : directives) text += line + "\n";
  return text;
}

std::string exported(std::string_view name, std::string_view value) {
  return fmt::format("export {}={}\n", name, q(value));
}

// The functions that every script carries. Only bash's own means where that is possible: each process costs a
// millisecond.
constexpr std::string_view functions = R"sh(
c_spool=$CATENA_RUN_DIR/.catena/spool
c_start=$EPOCHSECONDS c_exit= c_signal= c_reason= c_results= c_pid= c_recorded= c_files= c_plain= c_again= c_leave= c_default=

c_json() {  # TEXT: as a JSON string, in REPLY
  REPLY=${1//\\/\\\\}; REPLY=${REPLY//\"/\\\"}; REPLY=${REPLY//$'\n'/\\n}; REPLY=${REPLY//$'\t'/\\t}; REPLY=${REPLY//$'\r'/\\r}
  REPLY=\"${REPLY//[[:cntrl:]]/}\"
}
c_write() {  # FILE TEXT: whole or not at all
  printf '%s\n' "$2" > "$1.part" && mv -f "$1.part" "$1"
}
c_record() {  # writes TOKEN.exit, once
  [ -z "$c_recorded" ] || return 0
  c_recorded=yes
  c_json "$c_reason"
  local record="{\"v\":1,\"kind\":\"exit\",\"token\":\"$CATENA_TOKEN\",\"node\":\"$CATENA_NODE\",\"job\":\"$CATENA_JOB_ID\""
  record+=",\"host\":\"$HOSTNAME\",\"start\":$c_start,\"time\":$EPOCHSECONDS,\"exit\":$c_exit,\"reason\":$REPLY"
  [ -z "$c_signal" ] || record+=",\"signal\":$c_signal"
  [ -z "$c_results" ] || record+=",\"results\":{${c_results#,}}"
  c_write "$c_spool/$CATENA_TOKEN.exit" "$record$c_files}"
}
c_end() {  # STATUS [REASON]: records how the node ended, and ends
  c_exit=$1 c_reason=${2:-$c_reason}
  $c_leave
  c_record
  trap - EXIT
  exit "$c_exit"
}
c_caught() {  # NAME NUMBER ENDS: passes a signal on to the body
  c_woken=yes
  [ -z "$3" ] || c_signal=$2
  if [ -n "$c_pid" ]; then kill -s "$1" "$c_pid" 2>/dev/null
  elif [ -n "$3" ]; then c_end $((128 + $2)) "ended by SIG$1 before the body started"; fi
}
trap 'c_status=$?; c_end "$((c_status ? c_status : 1))" "the script ended before the body did"' EXIT
for c_old in HUP:1 INT:2 QUIT:3 TERM:15 XCPU:24; do trap "c_caught ${c_old/:/ } yes" "${c_old%:*}"; done
trap 'c_caught USR1 10 ""' USR1
trap 'c_caught USR2 12 ""' USR2
)sh";

constexpr std::string_view claim = R"sh(
# One job an attempt: a second one with this token, queued by a lost reply, runs nothing; nor does a requeue after success.
c_claim=$CATENA_RUN_DIR/.catena/claims/$CATENA_TOKEN
set -C
if { printf '%s\n' "$CATENA_JOB_ID" > "$c_claim"; } 2>/dev/null; then set +C; else
  set +C
  if [ ! -r "$c_claim" ]; then
    trap - EXIT; echo "catena: cannot write to $CATENA_RUN_DIR on $HOSTNAME: is it on a file system that this host shares?" >&2; exit 74
  fi
  read -r c_owner < "$c_claim"
  if [ "$c_owner" != "$CATENA_JOB_ID" ]; then
    trap - EXIT; echo "catena: job $c_owner runs this attempt already" >&2; exit 75
  fi
  for c_old in "$c_spool/$CATENA_TOKEN.exit" "$CATENA_RUN_DIR/.catena/taken/$CATENA_TOKEN.exit"; do
    if [ -r "$c_old" ] && read -r REPLY < "$c_old" && [[ $REPLY == *'"exit":0,'* ]]; then trap - EXIT; exit 0; fi
  done
  c_again=yes
fi
)sh";

constexpr std::string_view again_functions = R"sh(
c_tries=$CATENA_RUN_DIR/.catena/claims/$CATENA_TOKEN.tries c_tried=() c_ran=
[ ! -r "$c_tries" ] || mapfile -t c_tried < "$c_tries"
export CATENA_TRY=$((${#c_tried[@]} + 1))
printf -v c_files '%s,' "${c_tried[@]}"
c_files=",\"tries\":[${c_files%,}]"
c_try_again() {  # begins anew, if the body has failed and may be tried again in this job
  [ -n "$c_ran" ] && [ "$c_exit" -ne 0 ] && [ -z "$c_signal" ] && [ "${#c_tried[@]}" -lt "${#c_delays[@]}" ] || return 0
  # Above 128 a signal may have come from the scheduler, and this script not have heard it yet.
  [[ $c_exit -le 128 && $c_files != *'"permanent":true'* && $c_permanent != *" $c_exit "* && -r $0 ]] || return 0
  c_ran=
  c_json "$c_reason"
  printf '{"exit":%s,"reason":%s,"time":%s}\n' "$c_exit" "$REPLY" "$EPOCHSECONDS" >> "$c_tries" || return 0
  echo "catena: exit $c_exit${c_reason:+ ($c_reason)}: tried again in this job" >&2
  rm -rf "$CATENA_RUN_DIR/.catena/said/$CATENA_TOKEN"
  c_once_more
  : > "$c_tries"
  [ "${#c_tried[@]}" -eq 0 ] || printf '%s\n' "${c_tried[@]}" > "$c_tries"
}
c_end() {  # STATUS [REASON]
  c_exit=$1 c_reason=${2:-$c_reason}
  $c_leave
  c_try_again
  c_record
  trap - EXIT
  exit "$c_exit"
}
)sh";

constexpr std::string_view in_place_function = R"sh(c_once_more() {
  sleep "${c_delays[${#c_tried[@]}]}" & wait "$!"
  exec "$BASH" "$0"
}
)sh";

// The scheduler kills the script for the requeue: that is not the job's end.
constexpr std::string_view requeue_function = R"sh(c_once_more() {{
  trap '' HUP INT QUIT TERM XCPU USR1 USR2
  {} && sleep 600
}}
)sh";

constexpr std::string_view missing_function = R"sh(
c_missing() {  # NAME WHY: its default counts, or the node has failed
  [ -n "$c_default" ] || c_end 1 "result $1: $2"
  c_results+=",\"$1\":$c_default"
  c_plain+=",\"$1\":$c_plain_default"
}
)sh";

constexpr std::string_view result_functions = R"sh(
c_result() {  # NAME FILE REGEX first|last|all [GROUP]
  local lines line values=() text
  [ -r "$2" ] || { c_missing "$1" "cannot read $2"; return; }
  if [ -z "$3" ]; then values=("$(< "$2")")
  else
    mapfile -t lines < <(grep -aE -- "$3" "$2")
    case $4 in first) lines=("${lines[@]:0:1}") ;; last) lines=("${lines[@]: -1}") ;; esac
    for line in "${lines[@]}"; do
      [[ $line =~ $3 ]] && values+=("${BASH_REMATCH[${5:-1}]-${BASH_REMATCH[0]}}")
    done
  fi
  [ "${#values[@]}" -gt 0 ] || { c_missing "$1" "nothing in $2 matches"; return; }
  local strings= plain= number='^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?$'
  for text in "${values[@]}"; do
    c_json "$text"
    strings+=,$REPLY
    if [[ $text =~ $number ]]; then plain+=,$text; else plain+=,$REPLY; fi
  done
  if [ "$4" = all ]; then strings=",[${strings#,}]" plain=",[${plain#,}]"; fi
  c_results+=",\"$1\":${strings#,}"
  c_plain+=",\"$1\":${plain#,}"
}
)sh";

constexpr std::string_view command_function = R"sh(
c_command() {  # NAME COMMAND
  local text number='^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?$'
  text=$(bash -c "$2") || { c_missing "$1" "its command ended with status $?"; return; }
  c_json "$text"
  c_results+=",\"$1\":$REPLY"
  if [[ $text =~ $number ]]; then c_plain+=",\"$1\":$text"; else c_plain+=",\"$1\":$REPLY"; fi
}
)sh";

constexpr std::string_view pointer_function = R"sh(
c_pointer() {  # NAME FILE POINTER
  REPLY=$(sh "$CATENA_RUN_DIR/.catena/bin/catena" _pointer "$2" "$3" 2>&1) ||
    { c_missing "$1" "${REPLY#catena: }"; return; }
  c_plain+=",\"$1\":${REPLY%%$'\n'*}"
  c_results+=",\"$1\":${REPLY#*$'\n'}"
}
)sh";

constexpr std::string_view late_function = R"sh(
c_fill() {  # FILE: the text on standard input, with what only this job knows
  REPLY=$(sh "$CATENA_RUN_DIR/.catena/bin/catena" _fill "$c_body.late" "$1" 2>&1) || c_end 1 "${REPLY:-its late values cannot be filled in}"
}
)sh";

constexpr std::string_view output_file_function = R"sh(
c_file() {  # PATTERN: a file name with SLURM's % words filled in, in REPLY
  local rest=$1 word
  REPLY=
  while [[ $rest =~ ^([^%]*)%[0-9]*([%jJAaxuNns])(.*)$ ]]; do
    word=${BASH_REMATCH[2]} rest=${BASH_REMATCH[3]} REPLY+=${BASH_REMATCH[1]}
    case $word in
      j|J|A) REPLY+=$CATENA_JOB_ID ;; a|n|s) REPLY+=0 ;; x) REPLY+=$CATENA_NODE ;; u) REPLY+=$USER ;; N) REPLY+=$HOSTNAME ;; %) REPLY+=% ;;
    esac
  done
  REPLY+=$rest
  [[ $REPLY == /* ]] || REPLY=$CATENA_WORKDIR/$REPLY
}
)sh";

template <typename Words>
std::string quoted(const Words& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + q(word);
  return text;
}

using Variables = std::vector<std::pair<std::string, std::string>>;

bool is_late(const Rendered& node, const std::string& parameter) {
  return std::ranges::any_of(node.late_variables,
                             [&](const auto& entry) { return entry.first == "CATENA_PARAM_" + parameter; });
}

Variables variables(const ScriptInput& in) {
  Variables list{{"CATENA_RUN", in.run.id},
                 {"CATENA_RUN_DIR", in.run.directory},
                 {"CATENA_WORKFLOW", std::string(in.workflow)},
                 {"CATENA_SITE", in.site.name},
                 {"CATENA_NODE", in.node.name},
                 {"CATENA_ELEMENT", std::to_string(in.element)},
                 {"CATENA_ATTEMPT", std::to_string(in.job.attempt)},
                 {"CATENA_TOKEN", in.job.token},
                 {"CATENA_WORKDIR", in.node.workdir}};
  for (const auto& [name, value] : in.node.params) {
    if (!is_late(in.node, name)) list.emplace_back("CATENA_PARAM_" + name, to_text(value));
  }
  return list;
}

std::string exported(const Variables& list) {
  std::string text;
  for (const auto& [name, value] : list) text += exported(name, value);
  return text;
}

// In single quotes always: a late value in it is written for them.
std::string exported_late(const Variables& list) {
  std::string text;
  for (const auto& [name, value] : list) {
    text += "export " + name + "='";
    for (const char c : value) text += c == '\'' ? "'\\''" : std::string(1, c);
    text += "'\n";
  }
  return text;
}

// `command <<'WORD'`, with a word that the text does not end.
std::string here_document(std::string_view command, std::string_view word, const std::string& text) {
  const auto delimiter = delimiter_for(word, text);
  return fmt::format("{0} <<'{1}'\n{2}{1}\n", command, delimiter, text);
}

std::string body_of(const Rendered& node) {
  return node.body.empty() || node.body.back() != '\n' ? node.body + '\n' : node.body;
}

std::string site_prologue(const Site& site) {
  std::string text;
  for (const auto& module : site.modules) text += "module load " + q(module) + "\n";
  text += exported(site.environment);
  if (!site.prologue.empty()) text += site.prologue + "\n";
  return text.empty() ? text : "\n# The site's environment\n" + text;
}

std::string again(const TriesInJob& tries) {
  std::string text(again_functions), delays, permanent = " ";
  for (const auto delay : tries.delays) delays += (delays.empty() ? "" : " ") + std::to_string(delay.count());
  for (const int code : tries.permanent) permanent += std::to_string(code) + " ";
  text += fmt::format("c_delays=({}) c_permanent={}\n", delays, q(permanent));
  return text + (tries.requeue.empty() ? std::string(in_place_function)
                                       : fmt::format(requeue_function, tries.requeue));
}

std::string_view pick_name(Result::Pick pick) {
  return pick == Result::Pick::first ? "first" : pick == Result::Pick::all ? "all" : "last";
}

// As records hold it: a number as a string of its digits.
std::string as_recorded(Value value) {
  for (auto& item : value.items) {
    if (item.kind == Value::Kind::number) item.kind = Value::Kind::string;
  }
  if (value.kind == Value::Kind::number) value.kind = Value::Kind::string;
  return to_json_text(value);
}

std::string epilogue(const ScriptInput& in) {
  std::string text;
  for (const auto& output : in.node.outputs) {
    text +=
        fmt::format("compgen -G {0} > /dev/null || c_end 1 {1}\n", q(output), q("output missing: " + output));
  }
  const bool late_params = !in.node.late_params.empty();
  if (in.node.results.empty() && !late_params) return text;
  for (const auto& result : in.node.results) {
    if (result.otherwise)
      text += fmt::format("c_default={} c_plain_default={} ", q(as_recorded(*result.otherwise)),
                          q(to_json_text(*result.otherwise)));
    if (!result.command.empty()) {
      text += fmt::format("c_command {} {}\n", q(result.name), q(result.command));
    } else if (result.pointer) {
      text += fmt::format("c_pointer {} {} {}\n", q(result.name), q(result.file), q(*result.pointer));
    } else {
      text += fmt::format("c_result {} {} {} {}{}\n", q(result.name), q(result.file),
                          q(posix_regex(result.regex)), pick_name(result.pick),
                          result.group ? fmt::format(" {}", *result.group) : "");
    }
  }
  std::string params;
  for (const auto& [name, value] : in.node.params)
    params += (params.empty() ? "" : ",") + json_quote(name) + ":" + to_json_text(value);
  const auto node = json_quote(in.node.name);
  text += fmt::format("c_write \"$CATENA_RUN_DIR/results/$CATENA_NODE.json\" {}\"{{${{c_plain#,}}}}}}\"\n",
                      late_params
                          ? fmt::format("{}\"$(< \"$c_body.params\")\"{}",
                                        q(fmt::format("{{\"node\":{},\"params\":", node)), q(",\"results\":"))
                          : q(fmt::format("{{\"node\":{},\"params\":{{{}}},\"results\":", node, params)));
  return text;
}

// Where the body's output goes: the job's own, or the file that an unmodified batch script's header names.
std::string redirections(const ScriptInput& in, std::string& setup) {
  if (in.node.stdout_file.empty()) return {};
  setup += fmt::format("c_file {}\nc_out=$REPLY c_err=$REPLY\n", q(in.node.stdout_file));
  const bool joined = in.node.stderr_file.empty();
  if (!joined) setup += fmt::format("c_file {}\nc_err=$REPLY\n", q(in.node.stderr_file));
  setup +=
      "c_json \"$c_out\"; c_files+=,\\\"stdout\\\":$REPLY\n"
      "c_json \"$c_err\"; c_files+=,\\\"stderr\\\":$REPLY\n";
  return joined ? " > \"$c_out\" 2>&1" : " > \"$c_out\" 2> \"$c_err\"";
}

}  // namespace

std::vector<std::string> run_folders(const std::string& run_directory) {
  std::vector<std::string> folders;
  for (const auto folder :
       {spool_folder, taken_folder, body_folder, claim_folder, log_folder, result_folder}) {
    folders.push_back(fmt::format("{}/{}", run_directory, folder));
  }
  return folders;
}

std::string job_script(const ScriptInput& in) {
  auto text = fmt::format("#!/bin/bash\n# node {} of run {} ({}), attempt {}: written by catena\n\n",
                          in.node.name, in.run.id, in.workflow, in.job.attempt);
  text += in.job_setup;
  text += exported(variables(in));
  text += functions;
  if (in.tries) text += again(*in.tries);
  if (!in.node.results.empty()) text += missing_function;
  const auto any_result = [&in](auto&& is) { return std::ranges::any_of(in.node.results, is); };
  if (any_result([](const Result& r) { return r.command.empty() && !r.pointer; })) text += result_functions;
  if (any_result([](const Result& r) { return !r.command.empty(); })) text += command_function;
  if (any_result([](const Result& r) { return r.pointer.has_value(); })) text += pointer_function;
  if (!in.node.late.empty()) text += late_function;
  if (in.users) text += service_functions;
  if (in.in_scratch) text += scratch_functions;
  if (!in.node.stdout_file.empty()) text += output_file_function;
  text += claim;
  text +=
      "c_write \"$c_spool/$CATENA_TOKEN.start\" "
      "\"{\\\"v\\\":1,\\\"kind\\\":\\\"start\\\",\\\"token\\\":\\\"$CATENA_TOKEN\\\","
      "\\\"node\\\":\\\"$CATENA_NODE\\\",\\\"job\\\":\\\"$CATENA_JOB_ID\\\",\\\"host\\\":\\\"$HOSTNAME\\\","
      "\\\"time\\\":$c_start";
  text += in.tries ? "$c_files}\"\n" : "}\"\n";
  text += site_prologue(in.site);
  text += "\n[[ -d $CATENA_WORKDIR ]] || mkdir -m 700 -p -- \"$CATENA_WORKDIR\"\n";
  text += "cd -- \"$CATENA_WORKDIR\" || c_end 1 \"cannot enter the working directory $CATENA_WORKDIR\"\n";
  std::string setup;
  const auto redirected = redirections(in, setup);
  text += setup;

  // What a further attempt, or a job that was queued again, finds of the one before.
  text +=
      fmt::format("{}[ -z \"$c_again\" ] || eval \"$(sh \"$CATENA_RUN_DIR/.catena/bin/catena\" _again)\"\n",
                  in.job.attempt > 1 ? "c_again=yes\n" : "");

  const auto body = body_of(in.node);
  const bool late = !in.node.late.empty();
  if (late) {
    text += "c_body=$CATENA_RUN_DIR/.catena/bodies/$CATENA_TOKEN\n";
    text += here_document("cat > \"$c_body.late\"", "CATENA_LATE", in.node.late);
    text += here_document("c_fill \"$c_body.env\"", "CATENA_ENV",
                          exported_late(in.node.late_variables) + exported_late(in.node.env));
    if (!in.node.late_params.empty())
      text += here_document("c_fill \"$c_body.params\"", "CATENA_PARAMS", in.node.late_params + "\n");
    text += here_document("c_fill \"$c_body\"", "CATENA_BODY", body);
  } else {
    text += here_document("cat > \"$CATENA_RUN_DIR/.catena/bodies/$CATENA_TOKEN\"", "CATENA_BODY", body);
  }
  if (!in.node.late_inputs.empty()) {
    text += fmt::format(
        "[ ! -d {0} ] || REPLY=$(sh \"$CATENA_RUN_DIR/.catena/bin/catena\" _inputs {0} 2>&1) || c_end 1 "
        "\"$REPLY\"\n",
        q(in.node.late_inputs));
  }
  // The node's environment is the body's alone: a PATH of its own must not take mv and grep from the
  // epilogue.
  if (in.in_scratch) text += fmt::format("c_base=\"{}\"\n{}", in.site.node_scratch, enter_scratch);
  if (in.tries) text += "c_ran=yes\n";
  text += "(\n";
  if (in.in_scratch) text += "cd -- \"$CATENA_SCRATCH\" || exit 126\n";
  text += late ? ". \"$c_body.env\"\n" : exported(in.node.env);
  // At the end: a catena of the site's own is found before.
  text += "PATH=$PATH:$CATENA_RUN_DIR/.catena/bin\n";
  text += fmt::format("exec {} \"$CATENA_RUN_DIR/.catena/bodies/$CATENA_TOKEN\"{}\n) &\n",
                      quoted(split_words(in.node.shell)), redirected);
  text += "c_pid=$!\n";
  if (in.users) {
    text += "c_unused";
    for (const auto& [user, attempt] : *in.users) text += fmt::format(" {} {}", user, attempt);
    text += " < /dev/null > /dev/null 2>&1 &\nc_watcher=$!\n";
  }
  text += R"sh(while c_woken=; wait "$c_pid"; c_exit=$?; [ -n "$c_woken" ]; do :; done
c_pid=
# bash 5.2 gives -1 where a trapped signal and the body's end meet.
[ "$c_exit" -ge 0 ] || c_exit=$((128 + ${c_signal:-15}))
)sh";
  if (in.users) {
    text += R"sh(kill "$c_watcher" 2> /dev/null
while c_woken=; wait "$c_watcher" 2> /dev/null; c_watched=$?; [ -n "$c_woken" ]; do :; done
if [ "$c_watched" -eq 0 ]; then
  trap '' HUP INT QUIT TERM XCPU
  c_exit=0 c_signal= c_stopped=yes
fi
)sh";
  }
  if (in.in_scratch) text += "c_back\n";
  // Whatever program the body is may have called `catena put`: the folder says whether it has.
  text += fmt::format(
      "[ ! -d \"$CATENA_RUN_DIR/.catena/said/$CATENA_TOKEN\" ] || eval \"$(sh "
      "\"$CATENA_RUN_DIR/.catena/bin/catena\" _said{})\"\n",
      in.node.results.empty() && in.node.late_params.empty() ? "" : " declared");
  if (in.users) {
    text +=
        "[ -z \"$c_stopped\" ] || { c_files+=,\\\"state\\\":\\\"completed\\\"; c_end 0 "
        "'stopped: no node uses it any more'; }\n";
  }
  text += "[ \"$c_exit\" -eq 0 ] || c_end \"$c_exit\"\n";
  text += epilogue(in);
  if (in.uses_service) {
    text += R"sh(c_exit=0
c_record
[ -d "$CATENA_RUN_DIR/.catena/done" ] || mkdir -p "$CATENA_RUN_DIR/.catena/done"
c_write "$CATENA_RUN_DIR/.catena/done/$CATENA_NODE" "$CATENA_ATTEMPT"
)sh";
  }
  text += "c_end 0\n";
  return text;
}

std::string array_mark(std::string_view token) {
  return fmt::format("#{}\n", token);
}

std::string submitted_script(const std::vector<std::string>& directives, std::string_view path) {
  return head(directives) + fmt::format("c_script={}\n", q(std::string(path))) + R"sh([ -r "$c_script" ] ||
  { echo "catena: cannot read $c_script on $HOSTNAME: is it on a file system that this host shares?" >&2; exit 74; }
. "$c_script"
)sh";
}

std::string array_script(const std::vector<std::string>& directives, std::string_view array_token,
                         std::string_view file, std::string_view index) {
  auto text = head(directives);
  text += fmt::format("c_token={}_{} c_file={}\n", array_token, index, q(std::string(file)));
  return text + R"sh(c_job=${c_file%/arrays/*}/bodies/$c_token.job
awk -v mark="#$c_token" -v any="#${c_token%_*}_" 'index($0, any) == 1 { if (on) exit; on = $0 == mark; next } on' \
  "$c_file" > "$c_job.$$" && [ -s "$c_job.$$" ] && mv -f "$c_job.$$" "$c_job" ||
  { echo "catena: $c_file gives no script of $c_token" >&2; exit 1; }
exec "$BASH" "$c_job"
)sh";
}

std::optional<BareJob> bare_job(const ScriptInput& in) {
  const auto& node = in.node;
  if (!in.site.modules.empty() || !in.site.prologue.empty() || !node.stdout_file.empty() ||
      !node.results.empty() || !node.late.empty() || !node.late_inputs.empty() || in.job.attempt > 1 ||
      in.tries || in.users || in.uses_service || in.in_scratch || !in.job_setup.empty())
    return std::nullopt;
  const auto shell = split_words(node.shell);
  BareJob job{variables(in), {shell.begin(), shell.end()}, body_of(node), node.outputs};
  if (job.shell.empty()) return std::nullopt;
  for (const auto* more : {&in.site.environment, &node.env})
    job.environment.insert(job.environment.end(), more->begin(), more->end());
  return job;
}

std::string to_text(const BareJob& job) {
  std::string text = "#!/usr/bin/env " + quoted(job.shell) + "\n";
  for (const auto& [name, value] : job.environment) text += "# " + exported(name, value);
  for (const auto& output : job.outputs) text += "# output: " + q(output) + "\n";
  return text + "\n" + job.body;
}

}  // namespace catena
