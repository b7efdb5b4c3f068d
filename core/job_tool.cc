#include "core/job_tool.h"

#include <utility>

namespace catena {
namespace {

// Reads and writes JSON, all of it: results are what a program has printed. One byte is one character
// (LC_ALL=C).
constexpr std::string_view json_awk = R"awk('
# JSON: values are kept flat, by path: T type (s n t f z a o), V text, N number of items, B and E where they stand in
# the source X. A path is a prefix and a JSON pointer.
function fail(why) { if (FAILED == "") FAILED = why; return "" }
function bad() { BAD = 1; return "" }
function slurp(file,   line, buffer, text, got) {
  while ((got = (getline line < file)) > 0) {
    buffer = buffer line "\n"
    if (length(buffer) > 16384) { text = text buffer; buffer = "" }
  }
  if (got == 0) close(file)
  READ = (got == 0)
  return text buffer
}
function blanks(   c) { while ((c = substr(S, P, 1)) == " " || c == "\n" || c == "\t" || c == "\r") P++; return c }
function hex(text,   i, n, d) {
  for (i = 1; i <= 4; i++) {
    d = index("0123456789abcdef", tolower(substr(text, i, 1)))
    if (d == 0 || length(text) < 4) { bad(); return 0 }
    n = n * 16 + d - 1
  }
  return n
}
function utf8(n) {
  if (n < 128) return sprintf("%c", n)
  if (n < 2048) return sprintf("%c%c", 192 + int(n / 64), 128 + n % 64)
  if (n < 65536) return sprintf("%c%c%c", 224 + int(n / 4096), 128 + int(n / 64) % 64, 128 + n % 64)
  return sprintf("%c%c%c%c", 240 + int(n / 262144), 128 + int(n / 4096) % 64, 128 + int(n / 64) % 64, 128 + n % 64)
}
function escape(   c, n, m) {  # P is behind the backslash
  c = substr(S, P++, 1)
  if (c == "n") return "\n"
  if (c == "t") return "\t"
  if (c == "r") return "\r"
  if (c == "b") return "\b"
  if (c == "f") return "\f"
  if (c == "\"" || c == "\\" || c == "/") return c
  if (c != "u") return bad()
  n = hex(substr(S, P, 4)); P += 4
  if (n >= 55296 && n < 56320 && substr(S, P, 2) == "\\u") {
    m = hex(substr(S, P + 2, 4))
    if (m >= 56320 && m < 57344) { P += 6; return utf8(65536 + (n - 55296) * 1024 + m - 56320) }
  }
  if (n >= 55296 && n < 57344) n = 65533
  if (n == 0) { NUL = 1; return "" }
  return utf8(n)
}
function string(   chunk, text, buffer, c) {  # P is behind the quote
  while (!BAD) {
    chunk = substr(S, P, 512)
    if (chunk == "") return bad()
    if (!match(chunk, /["\\]/)) { c = ""; P += length(chunk) }
    else { c = substr(chunk, RSTART, 1); chunk = substr(chunk, 1, RSTART - 1); P += RSTART }
    if (chunk ~ /[\001-\037]/) return bad()
    buffer = buffer chunk
    if (c == "\\") buffer = buffer escape()
    if (length(buffer) > 8192) { text = text buffer; buffer = "" }
    if (c == "\"") return text buffer
  }
}
function pointer(key) { if (key ~ /[~\/]/) { gsub(/~/, "~0", key); gsub(/\//, "~1", key) } return key }
function value(path, deep,   c, key, n, text) {
  c = blanks()
  if (BAD || path in T || deep > 200) return bad()
  B[path] = P; X[path] = SOURCE
  if (c == "\"") { P++; T[path] = "s"; NUL = 0; V[path] = string(); if (NUL) NULS[path] = 1 }
  else if (c == "{") {
    T[path] = "o"; P++
    if (blanks() == "}") P++
    else while (!BAD) {
      if (blanks() != "\"") return bad()
      P++; key = string()
      if (blanks() != ":") return bad()
      P++
      value(path "/" pointer(key), deep + 1)
      c = blanks(); P++
      if (c == "}") break
      if (c != ",") return bad()
    }
  } else if (c == "[") {
    T[path] = "a"; N[path] = 0; P++
    if (blanks() == "]") P++
    else while (!BAD) {
      value(path "/" (N[path]++), deep + 1)
      c = blanks(); P++
      if (c == "]") break
      if (c != ",") return bad()
    }
  } else if (substr(S, P, 4) == "true") { T[path] = "t"; V[path] = "true"; P += 4 }
  else if (substr(S, P, 5) == "false") { T[path] = "f"; V[path] = "false"; P += 5 }
  else if (substr(S, P, 4) == "null") { T[path] = "z"; V[path] = ""; P += 4 }
  else {
    text = substr(S, P, 400)
    if (!match(text, /^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?/) || RLENGTH > 390) return bad()
    T[path] = "n"; V[path] = substr(text, 1, RLENGTH); P += RLENGTH
  }
  E[path] = P - 1
}
# Whether the text is JSON as a whole.
function parse(text, path) {
  S = text; P = 1; BAD = 0; SOURCE = path; TEXT[path] = text
  value(path, 0)
  if (blanks() != "" || P <= length(S)) bad()
  return !BAD
}
function quoted(text,   i, c) {
  text = replaced(text, "\\", "\\\\"); text = replaced(text, "\"", "\\\"")
  if (text !~ /[\001-\037]/) return "\"" text "\""
  text = replaced(text, "\n", "\\n"); text = replaced(text, "\t", "\\t"); text = replaced(text, "\r", "\\r")
  for (i = 1; i < 32; i++) { c = sprintf("%c", i); if (index(text, c)) text = replaced(text, c, sprintf("\\u%04x", i)) }
  return "\"" text "\""
}
# Every `from`, one character, as `to`.
function replaced(text, from, to,   all, piece, part, i, at) {
  if (!index(text, from)) return text
  for (at = 1; at <= length(text); at += 2048) {
    piece = substr(text, at, 2048); part = ""
    while ((i = index(piece, from)) > 0) { part = part substr(piece, 1, i - 1) to; piece = substr(piece, i + 1) }
    all = all part piece
  }
  return all
}
function json(path,   i, text) {
  if (T[path] == "s") return quoted(V[path])
  if (T[path] == "z") return "null"
  if (T[path] == "n" && V[path] !~ /^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?$/) return quoted(V[path])
  if (T[path] == "a") {
    for (i = 0; i < N[path]; i++) text = text (i ? "," : "") json(item(path, i))
    return "[" text "]"
  }
  if (T[path] == "o") { text = substr(TEXT[X[path]], B[path], E[path] - B[path] + 1); gsub(/[\n\r\t]/, " ", text); return text }
  return V[path]
}
function item(path, i) { return (path, i) in ITEM ? ITEM[path, i] : path "/" i }
function plain(path,   i, text) {
  if (T[path] == "o") return json(path)
  if (T[path] != "a") return V[path]
  for (i = 0; i < N[path]; i++) text = text (i ? " " : "") plain(item(path, i))
  return text
}
function number(text) { return text ~ /^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$/ }
# Strings of digits stay the digits that were written, as catena keeps them.
function record(path,   i, text) {
  if (T[path] == "n") return "\"" V[path] "\""
  if (T[path] == "o") return quoted(json(path))
  if (T[path] != "a") return json(path)
  for (i = 0; i < N[path]; i++) text = text (i ? "," : "") (T[path "/" i] ~ /[ao]/ ? quoted(json(path "/" i)) : record(path "/" i))
  return "[" text "]"
}
# The results/NODE.json of a node.
function loaded(node,   file) {
  if (!(node in LOADED)) {
    file = ENVIRON["CATENA_RUN_DIR"] "/results/" node ".json"
    LOADED[node] = slurp(file)
    if (!READ) LOADED[node] = ""
    else if (!parse(LOADED[node], "@" node)) fail(file " is not JSON")
  }
  return "@" node
}
function typed(text, path) {
  if (number(text)) { T[path] = "n"; V[path] = text }
  else if (text == "true" || text == "false") { T[path] = substr(text, 1, 1); V[path] = text }
  else { T[path] = "s"; V[path] = text }
}
')awk";

constexpr std::string_view fill_awk = R"awk('
# The steps of core/late.h on a stack of paths; "" is a value that is missing, and MISSING says why.
function push(path) { STACK[++TOP] = path }
function fresh(type, text) { T["#" ++COUNT] = type; V["#" COUNT] = text; return "#" COUNT }
function given(node, part, name, label,   path) {
  path = loaded(node) "/" part "/" name
  if (path in T && T[path] != "z") return path
  if (MISSING == "") MISSING = "needs " label ", which " node " did not give"
  return ""
}
function of_all(node, count, part, name,   i, path, list, missing) {
  list = fresh("a", ""); N[list] = count
  for (i = 1; i <= count; i++) {
    path = given(node "." i, part, name, "nodes." node "." part "." name)
    ITEM[list, i - 1] = path
    if (path == "") missing = 1
  }
  return missing ? "" : list
}
function operand(path,   text) {
  if (path == "") return 0
  if (T[path] == "a") { fail("a list cannot be calculated with"); return 0 }
  text = V[path]
  if (T[path] !~ /[sn]/ || !number(text)) { fail(quoted(text) " is not a number to calculate with"); return 0 }
  return text + 0
}
function calculated(x,   text) {
  text = sprintf("%.15g", x)  # mawk compares NaN as equal to everything
  if (!number(text)) return fail("the calculation gives no finite number")
  return fresh("n", text + 0 == 0 ? "0" : text)
}
function formatted(path, how,   list, i, text) {
  if (T[path] == "a") {
    list = fresh("a", ""); N[list] = N[path]
    for (i = 0; i < N[path]; i++) ITEM[list, i] = formatted(item(path, i), how)
    return list
  }
  if (how ~ /s$/ || how ~ /%[-+ 0#]*[0-9]*([.][0-9]+)?s/) return fresh("s", sprintf(how, plain(path)))
  text = sprintf(how, operand(path))
  return fresh(number(text) ? "n" : "s", text)
}
function step(line,   op, rest, a, b, f, n, i) {
  op = line; sub(/ .*/, "", op)
  rest = substr(line, length(op) + 2)
  n = split(rest, f, " ")
  if (op == "number") push(fresh("n", rest))
  else if (op == "true" || op == "false") push(fresh(substr(op, 1, 1), op))
  else if (op == "string") { COUNT++; parse(rest, "#" COUNT); push("#" COUNT) }
  else if (op == "result") push(given(f[1], "results", f[2], "nodes." f[1] ".results." f[2]))
  else if (op == "param") push(given(f[1], "params", f[2], "nodes." f[1] ".params." f[2]))
  else if (op == "results") push(of_all(f[1], f[2], "results", f[3]))
  else if (op == "params") push(of_all(f[1], f[2], "params", f[3]))
  else if (op == "address") {
    a = slurp(ENVIRON["CATENA_RUN_DIR"] "/.catena/ready/" rest)
    sub(/^[^\n]*\n/, "", a); sub(/\n$/, "", a)
    push(fresh("s", a))
  } else if (op == "list" || op == "join") {
    a = fresh(op == "list" ? "a" : "s", ""); N[a] = rest; b = 0
    for (i = rest - 1; i >= 0; i--) { ITEM[a, i] = STACK[TOP - rest + 1 + i]; if (ITEM[a, i] == "") b = 1 }
    if (op == "join" && !b) for (i = 0; i < rest; i++) V[a] = V[a] plain(ITEM[a, i])
    TOP -= rest
    push(b ? "" : a)
  } else if (op == "default") { b = STACK[TOP--]; if (STACK[TOP] == "") { STACK[TOP] = b; if (b != "") MISSING = "" } }
  else if (STACK[TOP] == "" || (op ~ /^(add|subtract|multiply|divide)$/ && STACK[TOP - 1] == "")) {
    if (op ~ /^(add|subtract|multiply|divide)$/) TOP--
    STACK[TOP] = ""
  } else if (op == "json") STACK[TOP] = fresh("s", json(STACK[TOP]))
  else if (op == "format") {
    COUNT++; parse(rest, "#" COUNT)
    STACK[TOP] = formatted(STACK[TOP], V["#" COUNT])
  } else if (op == "negate") STACK[TOP] = calculated(-operand(STACK[TOP]))
  else {
    b = operand(STACK[TOP--]); a = operand(STACK[TOP])
    if (op == "divide" && b == 0) { fail("the calculation divides by 0"); b = 1 }
    STACK[TOP] = calculated(op == "add" ? a + b : op == "subtract" ? a - b : op == "multiply" ? a * b : a / b)
  }
}
function defined(use) {
  if (use == "" || FAILED != "") return
  if (STACK[TOP] == "") fail(MISSING)
  USE[use] = STACK[TOP]
}
# One line of definitions. `use` N PLACE begins a use.
function define(line,   f) {
  if (line ~ /^#/ || FAILED != "") return
  split(line, f, " ")
  if (f[1] == "mark") MARK = f[2]
  else if (f[1] == "use") { defined(NOW); NOW = f[2]; TOP = 0; MISSING = ""; PLACE[NOW] = substr(line, length(f[2]) + 6) }
  else step(line)
}
function refuse(text, why) { return fail("the value " quoted(substr(text, 1, 60)) " cannot stand where it is used: " why) }
# The same quoting as core/shell_value.cc, for the same places.
function one(text, how, flags,   c) {
  if (flags ~ / nocontrol/ && text ~ /[\001\177]/) return refuse(text, "it has control characters, inside ( ) or ${ }")
  if (flags ~ / oneline/ && text ~ /[\n\\]/) return refuse(text, "it has a newline or a backslash, in an expansion in a here-document")
  if (flags ~ / notabs/ && text ~ /\n\t/) return refuse(text, "<<- would take its tabs away")
  if (flags ~ / notab( |$)/ && text ~ /^\t/) return refuse(text, "<<- would take its tabs away")
  if (how == "text") return text
  if (how == "line") { gsub(/\n/, " ", text); return text }
  if (how ~ /^(single|word|words)$/) return replaced(text, APOSTROPHE, flags ~ / paren/ ? APOSTROPHE "\"" APOSTROPHE "\"" APOSTROPHE : APOSTROPHE "\\" APOSTROPHE APOSTROPHE)
  if (how == "ansi") return replaced(replaced(text, "\\", "\\\\"), APOSTROPHE, "\\" APOSTROPHE)
  if (how == "dquote" || how == "heredoc") {
    text = replaced(replaced(replaced(text, "\\", "\\\\"), "$", "\\$"), "`", "\\`")
    return how == "dquote" ? replaced(text, "\"", "\\\"") : text
  }
  if (how == "safe") return text ~ /^[A-Za-z0-9_@%+:,.\/-]+$/ ? text : refuse(text, "it needs quoting, inside backquotes")
  if (how == "name") return text ~ /^[A-Za-z0-9_]+$/ ? text : refuse(text, "it would be (part of) a variable name")
  if (how == "plain") return text ~ /^[A-Za-z0-9_.]+$/ ? text : refuse(text, "it needs quoting, inside ${ } in double quotes")
  if (how == "harmless") return text ~ /^[A-Za-z0-9_ .,\/:@%+=-]*$/ ? text : refuse(text, "it needs quoting, inside ${ } in double quotes")
  if (how == "digits") return text ~ /^[0-9]+$/ ? text : refuse(text, "it is not a whole number")
  if (how == "integer") {
    if (text !~ /^[-+]?([0-9]+|0[xX][0-9a-fA-F]+)$/) return refuse(text, "it is not a whole number, and the arithmetic of the shell knows no other")
    if (text ~ /^[-+]?0[0-9]/) return refuse(text, "the shell would read it as an octal number")
    return (flags ~ / signed/ ? " " : "") text
  }
  return fail("unknown place " how)
}
function each(path, how, flags,   i, text) {
  if (T[path] != "a") return " " APOSTROPHE one(plain(path), how, flags) APOSTROPHE
  for (i = 0; i < N[path]; i++) text = text each(item(path, i), how, flags)
  return text
}
function nul(path,   i) {
  if (path in NULS) return 1
  if (T[path] == "a") for (i = 0; i < N[path]; i++) if (nul(item(path, i))) return 1
  return 0
}
# A line with its marks filled in.
function filled(line,   out, rest, at, use, path, how, flags) {
  rest = line
  while ((at = index(rest, MARK)) > 0) {
    out = out substr(rest, 1, at - 1); rest = substr(rest, at + length(MARK))
    use = rest; sub(/_.*/, "", use)
    rest = substr(rest, length(use) + 2)
    if (!(use in USE)) { fail("use " use " is not defined"); break }
    path = USE[use]; flags = PLACE[use]; how = flags; sub(/ .*/, "", how); flags = substr(flags, length(how) + 1)
    if (nul(path)) { fail("a value has a NUL character"); break }
    if (how == "json") out = out json(path)
    else if (how == "words" && T[path] == "a") {
      # Its quotes go: each item has its own.
      out = substr(out, 1, length(out) - 1)
      rest = substr(rest, 2)
      at = each(path, how, flags)
      out = out substr(at, 2)
    } else if (T[path] == "a" && how == "word" && N[path] != 1) refuse(plain(path), "a list is not one word, and would end the assignment")
    else if (T[path] == "a" && how == "integer") refuse(plain(path), "a list cannot stand in arithmetic")
    else out = out one(plain(path), how, flags)
    if (flags ~ / eof(tabs)? /) CHECK[++CHECKS] = flags
  }
  out = out rest
  while (CHECKS > 0) ends(out, CHECK[CHECKS--])
  return out
}
# Whether a line that holds a value would end a here-document: " … eof \"EOF\" eoftabs \"END\"".
function ends(out, flags,   lines, n, i, strip, word) {
  n = split(out, lines, "\n")
  while (match(flags, / eof(tabs)? "/)) {
    strip = substr(flags, RSTART, RLENGTH) ~ /tabs/
    S = substr(flags, RSTART + RLENGTH); P = 1; BAD = 0
    word = string()
    flags = substr(S, P)
    for (i = 1; i <= n; i++) {
      if (strip) sub(/^\t+/, "", lines[i])
      if (lines[i] == word) refuse(word, "one of its lines would end the here-document")
    }
  }
}
function finish(status) {
  if (FAILED != "") { print FAILED > "/dev/stderr"; status = 1 }
  exit status
}
')awk";

constexpr std::string_view program = R"sh(#!/bin/sh
# catena for the jobs of this run: a program for any language, which works where catena is not installed.
LC_ALL=C
export LC_ALL
set -f

usage() { printf 'catena: %s\n' "$1" >&2; exit 2; }
stop() { printf 'catena: %s\n' "$1" >&2; exit 1; }

json=@JSON@
fill=@FILL@

# What it needs comes in by the environment: -v would read backslashes.
run_awk() { awk "$json $1"; }

write() {  # FILE: what is on standard input, whole or not at all
  cat > "$1.$$.part" && mv -f "$1.$$.part" "$1" && return
  rm -f "$1.$$.part"
  stop "cannot write $1"
}
quote() { C_TEXT=$1 run_awk 'BEGIN { print quoted(ENVIRON["C_TEXT"]) }' < /dev/null; }
single() { printf '%s\n' "$1" | sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/"; }
# Microseconds, to tell what was said later; where date knows no %N, seconds.
now() { C_NOW=$(date +%s%N); case $C_NOW in *[!0-9]*) C_NOW=$(date +%s)000000 ;; *) C_NOW=${C_NOW%???} ;; esac; }
name_of() {  # WORD VERB
  case $1 in '' | [0-9]* | *[!A-Za-z0-9_]*) usage "$2: '$1' is not a name: letters, digits and _, no digit first" ;; esac
}
in_job() {
  [ -n "${CATENA_TOKEN-}" ] && [ -n "${CATENA_NODE-}" ] && [ -n "${CATENA_RUN_DIR-}" ] ||
    usage "$verb: this is not a job of catena: CATENA_TOKEN, CATENA_NODE and CATENA_RUN_DIR are not all set"
  [ -d "$CATENA_RUN_DIR/.catena/spool" ] || stop "the run's folder $CATENA_RUN_DIR is not here: is it on a file system that this host shares?"
  spool=$CATENA_RUN_DIR/.catena/spool
  said=$CATENA_RUN_DIR/.catena/said/$CATENA_TOKEN
}
speak() { mkdir -p "$said" || stop "cannot make $said"; }
say() {  # KIND NAME MEMBERS: a record in the spool
  printf '{"v":1,"kind":"%s","token":"%s","node":"%s","file":"%s","time":%s,"seq":%s%s}\n' \
    "$1" "$CATENA_TOKEN" "$CATENA_NODE" "$CATENA_TOKEN.said.$2" "${C_NOW%??????}" "$C_NOW" "$3" | write "$spool/$CATENA_TOKEN.said.$2"
}
)sh"
                                     R"sh(
put() {
  as=text
  if [ "${1-}" = --json ]; then as=json; shift; fi
  [ $# -gt 0 ] || usage 'put: write catena put NAME=VALUE'
  for word; do
    case $word in *=*) name_of "${word%%=*}" put ;; *) usage "put: '$word' is not NAME=VALUE" ;; esac
  done
  speak
  for word; do
    name=${word%%=*}
    # The value, and behind it the value as a record has it.
    both=$(C_TEXT=${word#*=} C_AS=$as run_awk 'BEGIN {
      text = ENVIRON["C_TEXT"]
      if (ENVIRON["C_AS"] == "text" && text !~ /^(-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?|true|false|null)$/) text = quoted(text)
      if (!parse(text, "")) exit 3
      print json(""); print record("") }' < /dev/null) || usage "put: the value of $name is not JSON"
    value=${both%%
*}
    [ "$(cat "$said/result.$name" 2> /dev/null)" != "$value" ] || continue
    now
    say put "put-$name-$C_NOW-$$" ",\"name\":\"$name\",\"value\":${both#*
}"
    printf '%s\n' "${both#*
}" | write "$said/record.$name"
    printf '%s\n' "$value" | write "$said/result.$name"
  done
}

get() {
  as=plain
  if [ "${1-}" = --json ]; then as=json; shift; fi
  [ $# -eq 1 ] || usage 'get: write catena get NODE.NAME, or NAME for a parameter of this node'
  case $1 in
    *.*) ;;
    *)
      name_of "$1" get
      C_NAME=CATENA_PARAM_$1 C_AS=$as run_awk 'BEGIN {
        if (!(ENVIRON["C_NAME"] in ENVIRON)) exit 4
        text = ENVIRON[ENVIRON["C_NAME"]]
        if (ENVIRON["C_AS"] == "json") { typed(text, ""); text = json("") }
        print text }' < /dev/null || stop "get: this node has no parameter $1"
      return ;;
  esac
  node=${1%.*} name=${1##*.}
  name_of "$name" get
  case $node in *[!A-Za-z0-9_.-]* | .*) usage "get: '$node' is not a node" ;; esac
  if [ ! -e "$CATENA_RUN_DIR/results/$node.json" ] && [ "$name" = address ] && [ -r "$CATENA_RUN_DIR/.catena/ready/$node" ]; then
    sed 1d "$CATENA_RUN_DIR/.catena/ready/$node"
    return
  fi
  nodes=$node
  if [ ! -e "$CATENA_RUN_DIR/results/$node.json" ]; then
    nodes=$(cd "$CATENA_RUN_DIR/results" && ls | sed -n "s/^\\($node\\.[0-9][0-9]*\\)\\.json\$/\\1/p" | sort -t . -k 2n)
    [ -n "$nodes" ] || stop "get: $node has given no results"
  fi
  C_NODES=$nodes C_NODE=$node C_NAME=$name C_AS=$as run_awk 'BEGIN {
    n = split(ENVIRON["C_NODES"], nodes, "\n")
    for (i = 1; i <= n; i++) {
      path = loaded(nodes[i]) "/results/" ENVIRON["C_NAME"]
      if (FAILED == "" && !(path in T)) fail(nodes[i] " has no result " ENVIRON["C_NAME"])
      if (FAILED != "") { print "catena: get: " FAILED > "/dev/stderr"; exit 1 }
      if (ENVIRON["C_AS"] == "plain") text = text (i > 1 ? "\n" : "") plain(path)
      else text = text (i > 1 ? "," : "") json(path)
    }
    if (ENVIRON["C_AS"] == "json" && (n > 1 || nodes[1] != ENVIRON["C_NODE"])) text = "[" text "]"
    print text }' < /dev/null
}

event() {
  [ $# -eq 1 ] && [ -n "$1" ] || usage 'event: write catena event TEXT'
  key=$(printf %s "$1" | cksum | tr ' ' -)
  # The same text of the same attempt is one event.
  [ ! -e "$spool/$CATENA_TOKEN.said.event-$key" ] && [ ! -e "$spool/../taken/$CATENA_TOKEN.said.event-$key" ] || return 0
  now
  say event "event-$key" ",\"text\":$(quote "$1")"
}

progress() {
  [ $# -ge 1 ] && [ $# -le 2 ] || usage 'progress: write catena progress 0.4 TEXT'
  C_TEXT=$1 awk 'BEGIN { t = ENVIRON["C_TEXT"]; exit !(t ~ /^([0-9]+[.]?[0-9]*|[.][0-9]+)$/ && t + 0 <= 1) }' < /dev/null ||
    usage "progress: '$1' is not a number from 0 to 1"
  case $1 in .*) set -- "0$1" "${2-}" ;; *.) set -- "${1}0" "${2-}" ;; esac
  speak
  now
  say progress progress ",\"done\":\"$1\",\"text\":$(quote "${2-}")"
}

ready() {
  [ $# -le 1 ] || usage 'ready: write catena ready ADDRESS'
  address=${1:-$(uname -n)}
  case $address in *'
'*) usage 'ready: an address is one line' ;; esac
  speak
  folder=$CATENA_RUN_DIR/.catena/ready
  mkdir -p "$folder" || stop "cannot make $folder"
  now
  say ready ready ",\"text\":$(quote "$address")"
  printf '%s\n%s\n' "$CATENA_TOKEN" "$address" | write "$folder/$CATENA_NODE"
}

checkpoint() {
  [ $# -gt 0 ] || usage 'checkpoint: write catena checkpoint FILE…'
  cd "${CATENA_SCRATCH:-${CATENA_WORKDIR:-.}}" || exit 1
  for file; do
    case /$file/ in //* | */../*) usage "checkpoint: '$file' is not below the working directory" ;; esac
    [ -e "$file" ] || usage "checkpoint: there is no $file in $PWD"
  done
  folder=$CATENA_RUN_DIR/.catena/checkpoints/$CATENA_NODE
  now
  new=$C_NOW-$$
  mkdir -p "$folder/$new" || stop "cannot make $folder/$new"
  for file; do
    case $file in
      */*) mkdir -p "$folder/$new/${file%/*}" ;;
    esac
    cp -Rp -- "$file" "$folder/$new/$file" || { rm -rf "${folder:?}/$new"; stop "checkpoint: cannot copy $file: the files that were kept before stay"; }
  done
  printf '%s\n' "$new" | write "$folder/current"
  # Those of before, also of a copy that was killed in the middle.
  ls "$folder" | while IFS= read -r old; do
    case $old in current | *.part | "$new") ;; *) rm -rf "${folder:?}/$old" ;; esac
  done
  say checkpoint checkpoint ",\"text\":$(quote "$*")"
}

extend() {
  [ $# -eq 1 ] || usage 'extend: write catena extend FILE, or - for standard input'
  [ "$1" = - ] || [ -r "$1" ] || usage "extend: cannot read $1"
  speak
  kept=$said/extend.$$
  cat -- "$1" > "$kept" || { rm -f "$kept"; stop "extend: cannot keep $1 in $said"; }
  key=$(cksum < "$kept" | tr ' ' -)
  # The same text of the same attempt is one extension.
  [ ! -e "$spool/$CATENA_TOKEN.said.extend-$key" ] && [ ! -e "$spool/../taken/$CATENA_TOKEN.said.extend-$key" ] || { rm -f "$kept"; return 0; }
  now
  say extend "extend-$key" ",\"text\":$(C_FILE=$kept run_awk 'BEGIN { print quoted(slurp(ENVIRON["C_FILE"])) }' < /dev/null)"
  rm -f "$kept"
}

fail() {
  permanent=no
  if [ "${1-}" = --permanent ]; then permanent=yes; shift; fi
  [ $# -eq 1 ] && [ -n "$1" ] || usage 'fail: write catena fail REASON'
  speak
  printf '%s\n%s\n' "$permanent" "$(printf %s "$1" | tr '\n' ' ')" | write "$said/fail"
}

again() {  # bash text
  rm -f "$CATENA_RUN_DIR/results/$CATENA_NODE.json" "$CATENA_RUN_DIR/.catena/ready/$CATENA_NODE"
  folder=$CATENA_RUN_DIR/.catena/checkpoints/$CATENA_NODE
  [ -r "$folder/current" ] || return 0
  kept=$folder/$(cat "$folder/current")
  cp -Rp -- "$kept/." . && echo 'export CATENA_CHECKPOINT=yes' && return
  echo "c_end 1 'the files of its checkpoint cannot be restored'"
}

told() {  # [declared]: bash text
  for file in $(ls "$said" | sed -n 's/^result\.//p'); do
    printf "case \$c_plain in *',\"%s\":'*) ;; *) c_plain+=%s c_results+=%s ;; esac\n" "$file" \
      "$(single ",\"$file\":$(cat "$said/result.$file")")" "$(single ",\"$file\":$(cat "$said/record.$file")")"
  done
  ready=$CATENA_RUN_DIR/.catena/ready/$CATENA_NODE
  if [ -r "$ready" ] && read -r owner < "$ready" && [ "$owner" = "$CATENA_TOKEN" ]; then rm -f "$ready"; fi
  if [ -r "$said/fail" ]; then
    { IFS= read -r permanent; IFS= read -r reason; } < "$said/fail"
    [ "$permanent" = no ] || echo "c_files+=',\"permanent\":true'"
    printf '[ "$c_exit" -ne 0 ] || c_exit=1\nc_end "$c_exit" %s\n' "$(single "$reason")"
  fi
  [ "${1-}" = declared ] || [ -z "$(ls "$said" | sed -n 's/^result\.//p')" ] && return
  # The parameters by their texts: what looks like a number is one.
  params=$(run_awk 'BEGIN {
    for (name in ENVIRON) if (name ~ /^CATENA_PARAM_/) names[++n] = name
    for (i = 2; i <= n; i++) for (k = i; k > 1 && names[k] < names[k - 1]; k--) { t = names[k]; names[k] = names[k - 1]; names[k - 1] = t }
    for (i = 1; i <= n; i++) { typed(ENVIRON[names[i]], i); text = text (i > 1 ? "," : "") quoted(substr(names[i], 14)) ":" json(i) }
    print "{" text "}" }' < /dev/null)
  printf '[ "$c_exit" -ne 0 ] || c_write "$CATENA_RUN_DIR/results/$CATENA_NODE.json" %s"{${c_plain#,}}}"\n' \
    "$(single "{\"node\":\"$CATENA_NODE\",\"params\":$params,\"results\":")"
}

pointer() {  # FILE POINTER: the value as JSON, and below it as records have it
  C_FILE=$1 C_POINTER=$2 run_awk 'BEGIN {
    file = ENVIRON["C_FILE"]; path = ENVIRON["C_POINTER"]
    text = slurp(file)
    if (!READ) why = "cannot read " file
    else if (!parse(text, "")) why = file " is not JSON"
    else if (!(path in T)) why = file " has nothing at " path
    if (why != "") { print "catena: " why > "/dev/stderr"; exit 1 }
    print json(path); print record(path)
  }' < /dev/null
}

# Of definitions, "text", a text on standard input: the text with its late values.
filled() {
  run_awk "$fill
  BEGIN {
    APOSTROPHE = sprintf(\"%c\", 39)
    while ((getline line) > 0 && line !~ /^text( cut)?\$/) define(line)
    cut = line ~ /cut/
    defined(NOW)
    while (FAILED == \"\" && (getline line) > 0) {
      text = filled(line)
      if (lines++) printf \"\\n\"
      printf \"%s\", text
    }
    if (!cut && lines) printf \"\\n\"
    finish(0)
  }"
}
# A service says its address when it is up.
await() {  # FILE
  sed -n '/^text/q; s/^address //p' "$1" | sort -u | while IFS= read -r node; do
    left=${CATENA_READY_WAIT:-600}
    until [ -r "$CATENA_RUN_DIR/.catena/ready/$node" ]; do
      [ "$left" -gt 0 ] || { echo "needs nodes.$node.address, and $node has not called \`catena ready\` for ${CATENA_READY_WAIT:-600} s" >&2; exit 1; }
      sleep 1
      left=$((left - 1))
    done
  done
}
fill_file() {  # DEFINITIONS FILE
  await "$1" && { cat "$1"; echo text; cat; } | filled > "$2.$$.part" && mv -f "$2.$$.part" "$2" && return
  rm -f "$2.$$.part"
  exit 1
}
fill_inputs() {  # FOLDER
  cd "$CATENA_WORKDIR" || exit 1
  (cd "$1" && find . -type f) | while IFS= read -r file; do
    case $file in ./*/*) mkdir -p "${file%/*}" ;; esac
    await "$1/$file" && sed 1d "$1/$file" | filled > "$file.$$.part" ||
      { rm -f "$file.$$.part"; echo "its input ${file#./} cannot be filled in" >&2; exit 1; }
    [ ! -x "$1/$file" ] || chmod u+x "$file.$$.part"
    mv -f "$file.$$.part" "$file" || exit 1
  done
}

verb=${1-}
[ $# -eq 0 ] || shift
case $verb in
  put | get | event | progress | ready | checkpoint | extend | fail) in_job; $verb "$@" ;;
  _said) in_job; told "$@" ;;
  _again) in_job; again ;;
  _fill) in_job; fill_file "$@" ;;
  _pointer) pointer "$@" ;;
  _inputs) in_job; fill_inputs "$@" ;;
  *) usage "'$verb' is no verb that works in a job: put, get, event, progress, ready, checkpoint, extend, fail" ;;
esac
)sh";

std::string assembled() {
  std::string text(program);
  for (const auto& [mark, awk] : {std::pair("@JSON@", json_awk), std::pair("@FILL@", fill_awk)}) {
    const std::string_view word(mark);
    text.replace(text.find(word), word.size(), awk);
  }
  return text;
}

}  // namespace

std::string_view job_tool() {
  static const std::string text = assembled();
  return text;
}

}  // namespace catena
