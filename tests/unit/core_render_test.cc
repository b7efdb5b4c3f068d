#include <fcntl.h>
#include <gmock/gmock.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/job_tool.h"
#include "core/quote.h"
#include "core/render.h"

namespace catena {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Outcome {
  std::string text;
  std::vector<RenderProblem> problems;
  std::string messages() const {
    std::string all;
    for (const RenderProblem& problem : problems) all += problem.message + " (" + problem.hint + ")\n";
    return all;
  }
};

Outcome render_with(std::string_view text, const Params& params, Quoting quoting = Quoting::shell) {
  Outcome outcome;
  std::vector<std::string> names;
  for (const auto& [name, value] : params) names.push_back(name);
  outcome.text = render(
      text, quoting, [&](std::string_view name) { return find(params, name); }, names, outcome.problems);
  return outcome;
}

Outcome render_x(std::string_view text, std::string value, Value::Kind kind = Value::Kind::string) {
  return render_with(text, {{"x", Value::of(std::move(value), kind)}});
}

Value list_of(std::vector<std::string> texts) {
  Value list{Value::Kind::list, {}, {}};
  for (std::string& text : texts) list.items.push_back(Value::of(std::move(text)));
  return list;
}

// Runs programs with bash in a folder where a glob would match and a stray command would leave a file.
class Bash : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "catena-render-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    old_ = std::filesystem::current_path();
    std::filesystem::current_path(folder_);
    std::ofstream("a");
    std::ofstream("ab");
  }
  void TearDown() override {
    EXPECT_FALSE(std::filesystem::exists("hacked")) << "a value was run as a command";
    std::filesystem::current_path(old_);
    std::filesystem::remove_all(folder_);
  }
  // Standard output and error together: a complaint of bash is a difference too.
  static std::string run(const std::string& program, const std::string& value) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return "no pipe";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    std::string text = program;
    std::string variable = "V=" + value;
    std::string path = "PATH=/usr/bin:/bin";
    std::string home = "HOME=/nowhere";
    char bash[] = "bash", option[] = "-c";
    char* argv[] = {bash, option, text.data(), nullptr};
    char* env[] = {variable.data(), path.data(), home.data(), nullptr};
    pid_t child = -1;
    const int fault = ::posix_spawnp(&child, "bash", &actions, nullptr, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    std::string out;
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
      out.append(buffer, static_cast<std::size_t>(n));
    ::close(ends[0]);
    if (fault != 0) return "bash cannot be run";
    int status = 0;
    ::waitpid(child, &status, 0);
    return out;
  }

 private:
  std::filesystem::path folder_, old_;
};

const std::vector<std::string>& nasty_values() {
  static const std::vector<std::string> values{
      "",
      "plain",
      "10.50",
      "two words",
      "  blanks  ",
      "it's",
      "'",
      "''",
      "\"",
      "say \"hi\"",
      "$HOME",
      "$(touch hacked)",
      "(touch hacked)",
      "`touch hacked`",
      "${HOME}",
      "$",
      "\\",
      "\\\\",
      "\\n",
      "end\\",
      "a\\\nb",
      "\\'",
      "\\$(touch hacked)",
      "'; touch hacked; '",
      "\"; touch hacked; \"",
      "; touch hacked",
      "& touch hacked &",
      "| touch hacked",
      "\ntouch hacked\n",
      "line1\nline2",
      "\n",
      "trailing\n",
      "*",
      "a*",
      "?",
      "[ab]",
      "{a,b}",
      "{1..3}",
      "~",
      "~root",
      "-n",
      "--help",
      "-",
      "!",
      "!!",
      "#",
      "# no comment",
      "a#b",
      ">hacked",
      "<nowhere",
      "2",
      "A=b",
      "a=(touch hacked)",
      "done",
      "\t",
      "\ttab",
      "a\n\tb",
      "EOF",
      "a\nEOF\nb",
      "EOF\ntouch hacked",
      "a\nEOF",
      "E2",
      "caf\xc3\xa9 \xe2\x82\xac \xe6\xbc\xa2",
      "\xff\xfe",
      "\x01\x7f\r",
      "}",
      "a}b",
      ")",
      "a)) touch hacked",
      "((",
      "%s%n",
      "{{ x }}",
      "x]",
      "/a/b:c",
  };
  return values;
}

struct Place {
  const char* name;
  std::string text;
  std::function<std::string(const std::string&)> expected;
  bool may_refuse = false;  // a problem instead of an output is right too
};

std::string itself(const std::string& value) {
  return value;
}
std::string yes(const std::string&) {
  return "yes";
}

const std::vector<Place>& places() {
  static const std::vector<Place> list{
      {"word", "printf %s {{x}}", itself},
      {"joined word", "printf %s pre{{ x }}post", [](auto& v) { return "pre" + v + "post"; }},
      {"two in a word", "printf %s {{x}}{{x}}", [](auto& v) { return v + v; }},
      {"before a redirection", "printf %s {{x}}>&1", itself},
      {"before a redirection, apart", "printf '<%s>' {{x}}</dev/null", [](auto& v) { return "<" + v + ">"; }},
      {"brace", "printf '%s ' p{1,{{x}}}", [](auto& v) { return "p1 p" + v + " "; }},
      {"assignment", "v={{x}}; printf %s \"$v\"", itself},
      {"export", "export v={{x}}; printf %s \"$v\"", itself},
      {"array", "a=({{x}} {{x}}); printf %s \"${a[1]}${#a[@]}\"", [](auto& v) { return v + "2"; }},
      {"array in $( )", "printf %s \"$(a=({{x}} b); printf %s. \"${a[0]}\")\"",
       [](auto& v) { return v + "."; }},
      {"single quotes in an array in $( )", "printf %s \"$(a=(b '{{x}}'); printf %s. \"${a[1]}\")\"",
       [](auto& v) { return v + "."; }},
      {"double quotes in an array in $( )", "printf %s \"$(a=(b \"{{x}}\"); printf %s. \"${a[1]}\")\"",
       [](auto& v) { return v + "."; }},
      {"ansi quotes in an array in $( )", "printf %s \"$(a=(b $'{{x}}'); printf %s. \"${a[1]}\")\"",
       [](auto& v) { return v + "."; }},
      {"default in an array in $( )", "printf %s \"$(a=(b ${none:-{{x}}}); printf %s. \"${a[1]}\")\"",
       [](auto& v) { return v + "."; }},
      {"$( ) in an array in $( )", "printf %s \"$(a=(b \"$(printf %s. {{x}})\"); printf %s. \"${a[1]}\")\"",
       [](auto& v) { return v + ".."; }},
      {"subshell in $( )", "printf %s \"$( (printf %s. \"{{x}}\"; printf %s {{x}}. ) )\"",
       [](auto& v) { return v + "." + v + "."; }},
      {"pattern in $( )", "printf %s \"$(shopt -s extglob; [[ $V == @({{x}}) ]] && printf yes)\"", yes},
      {"function in $( )", "printf %s \"$(f() { printf %s. $'{{x}}' {{x}} \"{{x}}\"; }; f)\"",
       [](auto& v) { return v + "." + v + "." + v + "."; }},
      {"here-document in a function in $( )", "printf %s \"$(f() {\ncat <<EOF\n{{x}}.\nEOF\n}; f)\"",
       [](auto& v) { return v + "."; }, true},
      {"test in $( )",
       "printf %s \"$([[ $V == {{x}} && $V == \"{{x}}\" && $V == $'{{x}}' ]] && printf yes)\"", yes},
      {"arithmetic in $( )", "printf %s \"$(printf %s. $(( {{x}} )))\"", [](auto& v) { return v + "."; },
       true},
      {"case words in $( )", "printf %s \"$(case {{x}} in \"{{x}}\") printf yes;; esac)\"", yes},
      {"in $( ) in $( )", "printf %s \"$(printf %s. \"$(printf %s. \"{{x}}\" $'{{x}}' {{x}})\")\"",
       [](auto& v) { return v + "." + v + "." + v + ".."; }},
      {"here-string", "cat <<< {{x}}", [](auto& v) { return v + "\n"; }},
      {"process substitution", "cat <(printf %s {{x}})", itself},
      {"for", "for i in {{x}} b; do printf '%s.' \"$i\"; done", [](auto& v) { return v + ".b."; }},
      {"test", "[[ $V == {{x}} ]] && printf yes", yes},
      {"regular expression", "[[ $V =~ ^{{x}}$ ]] && printf yes", yes},
      {"case pattern", "case $V in {{x}}) printf yes;; *) printf no;; esac", yes},
      {"case in $( )", "printf %s \"$(case $V in (q) ;; {{x}}) printf yes;; esac; : {{x}})\"", yes},
      {"subshell", "( printf %s {{x}} )", itself},
      {"two subshells", "((printf %s {{x}}); (printf %s {{x}}))", [](auto& v) { return v + v; }},
      {"behind two subshells", "((:); (:)); printf %s {{x}}", itself},
      {"line continuation", "printf %s \\\n{{x}}", itself},
      {"function", "f() { printf %s {{x}}; }\nf", itself},
      {"single quotes", "printf %s '{{x}}'", itself},
      {"within single quotes", "printf %s '\"$a{{x}}`\\'", [](auto& v) { return "\"$a" + v + "`\\"; }},
      {"double quotes", "printf %s \"{{x}}\"", itself},
      {"within double quotes", "printf %s \"it's {{x}} # \\\" {{x}}\"",
       [](auto& v) { return "it's " + v + " # \" " + v; }},
      {"localised quotes", "printf %s $\"{{x}}\"", itself},
      {"ansi quotes", "printf %s $'a\\t{{x}}\\'b'", [](auto& v) { return "a\t" + v + "'b"; }},
      {"$( )", "printf %s $(printf %s. {{x}}) >/dev/null; printf %s {{x}}", itself},
      {"$( ) in double quotes", "printf %s \"$(printf %s. {{x}})\"", [](auto& v) { return v + "."; }},
      {"quotes in $( ) in quotes", "printf %s \"a$(printf %s. \"{{x}}\" '{{x}}')b\"",
       [](auto& v) { return "a" + v + "." + v + ".b"; }},
      {"here-document", "cat <<EOF\n[{{x}}]\nEOF\n", [](auto& v) { return "[" + v + "]\n"; }, true},
      {"here-document, whole line", "cat <<EOF\n{{x}}\nEOF\n", [](auto& v) { return v + "\n"; }, true},
      {"here-document, quoted", "cat <<'EOF'\n{{x}}\nEOF\n", [](auto& v) { return v + "\n"; }, true},
      {"here-document, escaped delimiter", "cat <<\\EOF\n\\{{x}}$\nEOF\n",
       [](auto& v) { return "\\" + v + "$\n"; }, true},
      {"here-document, tabs", "cat <<-EOF\n\t{{x}}\n\tEOF\n", [](auto& v) { return v + "\n"; }, true},
      {"here-document, tabs, quoted", "cat <<-\"EOF\"\n\t{{x}}\n\tEOF\n", [](auto& v) { return v + "\n"; },
       true},
      {"two here-documents", "cat <<EOF /dev/fd/3 3<<'E2'\nunused {{x}}\nEOF\n{{x}}\nE2\nprintf %s {{x}}",
       [](auto& v) { return v + "\n" + v; }, true},
      {"here-document in $( )", "printf %s \"$(cat <<EOF\n{{x}}.\nEOF\n)\"{{x}}",
       [](auto& v) { return v + "." + v; }, true},
      {"$( ) in a here-document", "cat <<EOF\n$(printf %s. {{x}})\nEOF\n", [](auto& v) { return v + ".\n"; },
       true},
      {"quotes in $( ) in a here-document", "cat <<EOF\n\"'$(printf %s. \"{{x}}\")\nEOF\n",
       [](auto& v) { return "\"'" + v + ".\n"; }, true},
      {"after a here-document", "cat <<EOF >/dev/null\nit's `echo` \"\nEOF\nprintf %s {{x}}", itself},
      {"pipe behind a here-document", "cat <<EOF | cat - <(printf %s {{x}})\n{{x}}.\nEOF\n",
       [](auto& v) { return v + ".\n" + v; }, true},
      {"comment", "# it's {{x}}\nprintf %s {{x}} # {{x}} \"\nprintf .", [](auto& v) { return v + "."; }},
      {"comment in $( )", "printf %s \"$( # it's ) {{x}}\nprintf %s. {{x}})\"",
       [](auto& v) { return v + "."; }},
      {"no comment", "printf %s a#'b{{x}}' $# ${#V}{{x}} >/dev/null; printf %s {{x}}", itself},
      {"backquotes", "printf %s `printf %s {{x}}`", itself, true},
      {"quoted backquotes", "printf %s \"`printf %s \"{{x}}\"`\"", itself, true},
      {"after backquotes", "printf %s \"`echo it\\'s`{{x}}\"", [](auto& v) { return "it's" + v; }},
      {"default in a word", "printf %s ${none:-{{x}}}", itself},
      {"default in double quotes", "printf %s \"${none:-{{x}}}\"", itself, true},
      {"default in a here-document", "cat <<EOF\n${none:-{{x}}}\nEOF\n", [](auto& v) { return v + "\n"; },
       true},
      {"quotes in a default", "printf %s ${none:-\"{{x}}\"}${none:-'{{x}}'}", [](auto& v) { return v + v; }},
      {"quotes in a default in quotes", "printf %s \"${none:-\"{{x}}\"}\"", itself, true},
      {"prefix pattern", "printf '%s.' \"$V\" >/dev/null; v=\"$V.\"; printf %s \"${v#{{x}}}\"",
       [](auto&) { return "."; }, true},
      {"prefix pattern in a word", "v=\"$V.\"; v=${v#{{x}}}; printf %s \"$v\"", [](auto&) { return "."; }},
      {"replacement", "v=a/q; v=${v/a/{{x}}}; printf %s \"$v\"", [](auto& v) { return v + "/q"; }},
      {"replaced", "v=$V.; v=${v/{{x}}/}; [[ $V == '' ]] || printf %s \"$v\"",
       [](auto& v) { return v.empty() ? "" : "."; }},
      {"arithmetic", "printf %s $(( {{x}} ))", itself, true},
      {"arithmetic command", "(( v = {{x}} )); printf %s $v", itself, true},
      {"arithmetic in quotes", "printf %s \"$((0+{{x}}))$[0-{{x}}]\"", [](auto& v) { return v + "-" + v; },
       true},
      {"shifts are no here-documents", "((v = 1<<2)); w=$[1<<2]; printf %s \"$((1<<2))\"{{x}}",
       [](auto& v) { return "4" + v; }},
      {"behind two dollars", "[[ $${{x}} == $$\"$V\" ]] && printf yes", yes},
      {"behind two dollars in a here-document", "sed -z s/^$$// <<EOF\n$${{x}}\nEOF\n",
       [](auto& v) { return v + "\n"; }, true},
      {"straight behind a variable", "v=1; v1=x; printf %s \"$v{{x}}\"", [](auto& v) { return "1" + v; },
       true},
      {"behind a braced variable", "v=1; printf %s \"${v}{{x}}\"", [](auto& v) { return "1" + v; }},
      {"behind a number's escape", "printf %s $'\\x4{{x}}'", [](auto& v) { return "\x04" + v; }, true},
  };
  return list;
}

TEST_F(Bash, PrintsEveryValueAsItIsFromEveryPlace) {
  for (const Place& place : places()) {
    int printed = 0;
    for (const std::string& value : nasty_values()) {
      SCOPED_TRACE(std::string(place.name) + " with <" + value + ">");
      const Outcome outcome = render_x(place.text, value);
      if (!outcome.problems.empty()) {
        const bool control =
            value.find('\x01') != std::string::npos && place.text.find_first_of("({") < place.text.find("{{");
        EXPECT_TRUE(place.may_refuse || control) << outcome.messages();
        continue;
      }
      ++printed;
      EXPECT_EQ(run(outcome.text, value), place.expected(value)) << "rendered as: " << outcome.text;
    }
    EXPECT_GT(printed, 0) << place.name << " refuses everything";
  }
}

// What stands before a value must not deceive us about where it stands.
TEST_F(Bash, KeepsItsBearingsBehindOddPrograms) {
  const std::vector<std::string> before{
      ": 'it'\\''s' \"a'b\" \\' \\\"",
      ": $'it\\'s' \"$'\"",
      ": \"$(echo \")\" ')' \\) # )\n)\"",
      ": \"${v:-\"a'b\"}\" ${v:-'}'} ${v:-\\}} ${#v} ${v##*\\'}",
      ": $(case a in a) : ;; (b) : ;; esac)",
      ": $(if true; then case a in a|b) : ;; esac; fi; echo case in esac)",
      ": `echo \\`echo it\\\\\\'s\\``",
      ": $((1<<2)) $(( (1+2) * 3 )) $((16#ff))",
      ": $((echo a) | cat)",
      "for ((i=0; i<1<<1; i++)); do :; done",
      ": <<EOF\nit's \"\n  EOF\nEOF",
      ": <<-EOF\n\t\tit's\n\t\tEOF",
      ": << 'E F' \nit's $(\nE F",
      ": <<A <<\"B\"\nit's\nA\n`$(\nB",
      ": <<E\\\nOF\nit's\nEOF",
      ": <<EOF\nE\\\nOF",
      ": <<EOF\na\\\nEOF\nEOF",
      ": <<EOF\na\\\\\nEOF",
      ": <<EOF; : 'a\nb'\nEOF",
      "((: 'it'); (: 1))",
      ": <<EOF \"a\nb\"\nEOF",
      ": \"$(cat <<EOF\nit's )\nEOF\n)\"",
      ": $(cat <<EOF\n\"\nEOF\n) '#'",
      "# it's a comment with \" and ` and $(",
      ": a#b' # c' # it's",
      ": a;# it's\n: b&&# it's\n:",
      "x=(a ')'\n b) # it's",
      "[[ a =~ ^(a|b)$ ]]",
      "case a in (a) : ;; esac",
      "case a in a) : ;& b) : ;; esac # it's",
      "f() { :; }; f; g () ( : )",
      ": $$ $# $? $! \"$$\" \"$\" \"$ \" $ ",
      ": {a,b}'{' \"}\" ${v-}}",
      ": >&1 2>&1 <<< \"it's\" 3<<<'\"'",
      "! : <(echo ')') >(cat)",
      "shopt -s extglob\n: @(a|'b)') !(*)",
      "if ((1)); then : $(( $(echo \"1\" | tr -d '2') )); fi",
      "while false; do case x in *) esac; done",
      ": a\\\n'b # c' \\\n# it's",
      ": \"a\\\"b\" \"\\\\\" '\\'",
  };
  const std::string value = "it's $(touch hacked) \"\\`*";
  for (const std::string& text : before) {
    SCOPED_TRACE(text);
    const Outcome word = render_x(text + "\nprintf '<%s>' {{x}}", value);
    ASSERT_THAT(word.problems, IsEmpty()) << word.messages();
    EXPECT_THAT(run(word.text, value), ::testing::EndsWith("<" + value + ">"));
    const Outcome quoted =
        render_x(text + "\nprintf '<%s>' \"{{x}}\" '{{x}}' && cat <<END\n{{x}}\nEND", value);
    ASSERT_THAT(quoted.problems, IsEmpty()) << quoted.messages();
    EXPECT_THAT(run(quoted.text, value),
                ::testing::EndsWith("<" + value + "><" + value + ">" + value + "\n"));
    if (text.find("shopt") != std::string::npos) continue;  // $( ) is parsed before it has run
    const Outcome inside = render_x("printf '<%s>' \"$(" + text + "\nprintf %s {{x}})\"", value);
    ASSERT_THAT(inside.problems, IsEmpty()) << inside.messages();
    EXPECT_THAT(run(inside.text, value), ::testing::EndsWith(value + ">"));
  }
}

TEST_F(Bash, TakesAnAssignmentOrAReservedWordForACommandsName) {
  for (const std::string value : {"PATH=nowhere", "A+=b", "if", "done", "case"}) {
    const Outcome outcome = render_x("{{x}} 2>/dev/null; printf $?", value);
    ASSERT_THAT(outcome.problems, IsEmpty());
    EXPECT_EQ(run(outcome.text, value), "127") << outcome.text;
  }
  EXPECT_EQ(render_with("{{a}}{{b}}", {{"a", Value::of("A")}, {"b", Value::of("=b")}}).text, "A'=b'");
  EXPECT_EQ(render_x("i{{x}}", "f").text, "i'f'");
}

TEST_F(Bash, AListGivesOneWordForEachItem) {
  const Params params{{"x", list_of({"a b", "", "$HOME", "3"})}};
  EXPECT_EQ(render_with("run {{x}}", params).text, "run 'a b' '' '$HOME' 3");
  EXPECT_EQ(run(render_with("printf '<%s>' {{x}}", params).text, ""), "<a b><><$HOME><3>");
  EXPECT_EQ(run(render_with("a=({{x}}); printf %s ${#a[@]}", params).text, ""), "4");
  EXPECT_EQ(run(render_with("printf %s \"{{x}}\"", params).text, ""), "a b  $HOME 3");
  EXPECT_EQ(render_with("for i in {{x}}; do", {{"x", list_of({})}}).text, "for i in ; do");
  const Outcome assignment = render_with("a={{x}}", params);
  ASSERT_EQ(assignment.problems.size(), 1u);
  EXPECT_THAT(assignment.problems[0].hint, HasSubstr("NAME=({{"));
  EXPECT_THAT(render_with("a={{x}}", {{"x", list_of({"b c"})}}).text, "a='b c'");
}

TEST(Render, NumbersAndPlainWordsLookAsTyped) {
  EXPECT_EQ(render_x("pw.x -in {{x}}", "si.in").text, "pw.x -in si.in");
  EXPECT_EQ(render_x("a={{ x }}", "10.0", Value::Kind::number).text, "a=10.0");
  EXPECT_EQ(render_x("--mail={{x}}", "me@site.org").text, "--mail=me@site.org");
  EXPECT_EQ(render_x("echo {1..{{x}}}", "10").text, "echo {1..10}");
  EXPECT_EQ(render_x("a {{x}}", "").text, "a ''");
}

TEST(Render, PlainTextIsNotQuoted) {
  EXPECT_EQ(render_with("it's {{x}}, $({{ x | raw }}", {{"x", Value::of("a 'b'")}}, Quoting::none).text,
            "it's a 'b', $(a 'b'");
  EXPECT_EQ(render_with("[{{x}}]", {{"x", list_of({"a", "b c"})}}, Quoting::none).text, "[a b c]");
}

TEST(Render, RawIsNeverQuotedAndIsReadOn) {
  EXPECT_EQ(render_x("{{ x | raw }} b", "srun -n 4 | tee").text, "srun -n 4 | tee b");
  const Params params{{"x", Value::of("it's")}, {"open", Value::of("echo '")}};
  EXPECT_EQ(render_with("{{open|raw}}{{x}}'", params).text, "echo 'it'\\''s'");
}

TEST(Render, BracesAreWrittenLiterally) {
  EXPECT_EQ(render_x("print(f'{{ '{{' }}x}}')", "1").text, "print(f'{{x}}')");
  EXPECT_EQ(render_x("{{ \"it's\" }}", "1", Value::Kind::number).problems.size(),
            1u);  // an open quote of the author's own
  EXPECT_EQ(render_with("{{ '}}' }}", {}, Quoting::none).text, "}}");
  EXPECT_EQ(render_x("echo ${{{x}}}", "HOME").text, "echo ${HOME}");
  EXPECT_EQ(render_with("a }} b", {}).text, "a }} b");
  EXPECT_TRUE(has_template("a {{"));
  EXPECT_FALSE(has_template("${a} { { }}"));
}

TEST(Render, TellsEveryMistakeWithItsPlace) {
  const Params params{{"alat", Value::of("10")}, {"node.name", Value::of("scf")}};
  const Outcome outcome =
      render_with("a {{ elat }}\n {{alat | upper}} {{ 1+1 }}\n{{ alat\n{{ alat | }} {{ 'a' 'b' }}", params);
  ASSERT_EQ(outcome.problems.size(), 6u) << outcome.messages();
  EXPECT_EQ(outcome.problems[0].message, "unknown parameter 'elat'");
  EXPECT_EQ(outcome.problems[0].hint, "did you mean 'alat'?");
  EXPECT_EQ(outcome.problems[0].at.line, 1);
  EXPECT_EQ(outcome.problems[0].at.column, 3);
  EXPECT_EQ(outcome.problems[1].message, "unknown filter 'upper'");
  EXPECT_EQ(outcome.problems[1].at.line, 2);
  EXPECT_EQ(outcome.problems[1].at.column, 2);
  EXPECT_THAT(outcome.problems[2].hint, HasSubstr("{{ '{{' }}"));
  EXPECT_THAT(outcome.problems[3].message, HasSubstr("not closed"));
  EXPECT_EQ(outcome.problems[3].at.line, 3);
  EXPECT_THAT(outcome.problems[4].message, HasSubstr("filter"));
  EXPECT_THAT(outcome.problems[5].message, HasSubstr("only one quoted text"));
}

TEST(Render, AnUnknownNameTellsHowBracesAreWritten) {
  const Outcome outcome = render_with("awk '{{print $1}}'", {{"ecut", Value::of("18")}});
  ASSERT_EQ(outcome.problems.size(), 1u);
  EXPECT_THAT(outcome.problems[0].hint, HasSubstr("{{ '{{' }}"));
}

TEST(Render, AnotherNodesResultIsRefusedWhereItIsNeededBeforeTheJobStarts) {
  const Outcome outcome = render_with("{{ nodes.scf.results.energy }}", {}, Quoting::none);
  ASSERT_EQ(outcome.problems.size(), 1u);
  EXPECT_THAT(outcome.problems[0].message, HasSubstr("'nodes.scf.results.energy' is found out by the job"));
}

// The job's own tool, and what it makes of programs with values that it reads from results/n.json.
class Filled : public Bash {
 protected:
  void SetUp() override {
    Bash::SetUp();
    for (const char* folder : {"run/.catena/spool", "run/results"})
      std::filesystem::create_directories(folder);
    std::ofstream("tool", std::ios::binary) << job_tool();
    setenv("CATENA_TOKEN", "k3f9q2m8xd", 1);
    setenv("CATENA_NODE", "fit", 1);
    setenv("CATENA_RUN_DIR", (std::filesystem::current_path() / "run").c_str(), 1);
  }
  static void result(const std::string& json) {
    std::ofstream("run/results/n.json", std::ios::binary)
        << "{\"node\":\"n\",\"params\":{},\"results\":{\"x\":" << json << "}}\n";
  }
  struct Fill {
    std::string text;
    std::vector<RenderProblem> problems;
    std::string refused;
  };
  // {{ x }} is the result x of node n.
  static Fill fill(const std::string& source, Quoting quoting = Quoting::shell) {
    Fill done;
    LateValues values("LATE_k3f9q2m8xd_");
    LateSource late;
    late.names.parameter = [](std::string_view) { return LateAnswer{{"result n x"}, {}, {}}; };
    late.names.reference = [](const LateReference& r) {
      return LateAnswer{{"result n " + std::string(r.name)}, {}, {}};
    };
    late.is_late = [](std::string_view name) { return name == "x"; };
    late.values = &values;
    const auto text = render(
        source, quoting, [](std::string_view) { return nullptr; }, {"x"}, done.problems, &late);
    if (!done.problems.empty()) return done;
    std::ofstream("definitions", std::ios::binary) << values.definitions();
    std::ofstream("text", std::ios::binary) << text << "\n";
    const int status = std::system("sh tool _fill definitions filled < text 2> refused");
    const auto read = [](const char* file) {
      std::ifstream in(file, std::ios::binary);
      return std::string(std::istreambuf_iterator<char>(in), {});
    };
    done.refused = read("refused");
    if (status != 0) {
      EXPECT_NE(done.refused, "") << "no reason";
      return done;
    }
    EXPECT_EQ(done.refused, "");
    done.text = read("filled");
    done.text.pop_back();
    return done;
  }
};

// CATENA_TEST_ALL=1: every value in every place, for minutes; else one in sixteen.
TEST_F(Filled, ALateValueArrivesAsAnEarlyOneOrIsRefused) {
  const bool all = getenv("CATENA_TEST_ALL") != nullptr;
  for (std::size_t p = 0; p < places().size(); ++p) {
    const Place& place = places()[p];
    for (std::size_t v = 0; v < nasty_values().size(); ++v) {
      if (!all && (7 * p + v) % 16 != 0) continue;
      const std::string& value = nasty_values()[v];
      SCOPED_TRACE(std::string(place.name) + " with <" + value + ">");
      result(json_quote(value));
      const Fill filled = fill(place.text);
      if (!filled.problems.empty() || !filled.refused.empty()) {
        const bool control =
            value.find('\x01') != std::string::npos && place.text.find_first_of("({") < place.text.find("{{");
        EXPECT_TRUE(place.may_refuse || control) << filled.refused << filled.text;
        continue;
      }
      EXPECT_EQ(run(filled.text, value), place.expected(value)) << "filled as: " << filled.text;
    }
  }
}

TEST_F(Filled, AListGivesOneWordForEachItem) {
  result(R"(["a b","","$HOME",3.50,"it's"])");
  EXPECT_EQ(run(fill("printf '<%s>' {{x}}").text, ""), "<a b><><$HOME><3.50><it's>");
  EXPECT_EQ(run(fill("a=({{x}}); printf %s ${#a[@]}").text, ""), "5");
  EXPECT_EQ(run(fill("printf %s \"{{x}}\"").text, ""), "a b  $HOME 3.50 it's");
  EXPECT_EQ(run(fill("printf %s {{ nodes.n.results.x | json }}").text, ""),
            R"(["a b","","$HOME",3.50,"it's"])");
  EXPECT_THAT(fill("a={{x}}").refused, HasSubstr("a list is not one word"));
  EXPECT_THAT(fill("echo $(({{x}}))").refused, HasSubstr("a list cannot stand in arithmetic"));
  result("[]");
  EXPECT_EQ(run(fill("for i in {{x}}; do echo no; done").text, ""), "");
}

TEST_F(Filled, CalculatesAndFormatsAndDefaults) {
  result("10.2631");
  const std::vector<std::pair<std::string, std::string>> cases{
      {"{{ nodes.n.results.x }}", "10.2631"},
      {"{{ nodes.n.results.x * 2 }}", "20.5262"},
      {"{{ (nodes.n.results.x - 0.2631) / 4 + 1 }}", "3.5"},
      {"{{ -nodes.n.results.x + 10.2631 }}", "0"},
      {"{{ 2 * -3 }}", "-6"},
      {"{{ 1 - 2 - 3 }}", "-4"},
      {"{{ 0.1 + 0.2 }}", "0.3"},
      {"{{ nodes.n.results.x | format('%.2f') }}", "10.26"},
      {"{{ nodes.n.results.x * 100 | format('%06d') }}", "001026"},
      {"{{ nodes.n.results.none | default(7) }}", "7"},
      {"{{ nodes.n.results.none * 2 + 1 | default('a }b') }}", "a }b"},
      {"{{ nodes.n.results.none | default(x) }}", "10.2631"},
      {"{{ nodes.n.results.none | default(nodes.n.results.x) | format('%.1f') }}", "10.3"},
  };
  for (const auto& [text, expected] : cases) {
    const auto filled = fill(text, Quoting::none);
    EXPECT_TRUE(filled.problems.empty())
        << text << (filled.problems.empty() ? "" : filled.problems[0].message);
    EXPECT_EQ(filled.text, expected) << text << filled.refused;
  }
  EXPECT_THAT(fill("{{ nodes.n.results.none }}").refused,
              HasSubstr("needs nodes.n.results.none, which n did not give"));
  EXPECT_THAT(fill("{{ nodes.n.results.none + 1 }}").refused, HasSubstr("which n did not give"));
  EXPECT_THAT(fill("{{ x / 0 }}").refused, HasSubstr("divides by 0"));
  EXPECT_THAT(fill("{{ 1e308 * 1e308 }}").refused, HasSubstr("no finite number"));
  result("null");
  EXPECT_THAT(fill("{{ nodes.n.results.x }}").refused, HasSubstr("which n did not give"));
  result("\"a\"");
  EXPECT_THAT(fill("{{ nodes.n.results.x * 2 }}").refused, HasSubstr("not a number"));
  result("\"a\\u0000b\"");
  EXPECT_THAT(fill("{{ x }}").refused, HasSubstr("NUL"));
  std::filesystem::remove("run/results/n.json");
  EXPECT_THAT(fill("{{ nodes.n.results.x }}").refused, HasSubstr("which n did not give"));
}

TEST_F(Filled, WhatIsNoExpressionIsAMistakeOfTheFile) {
  for (const char* wrong :
       {"{{ nodes.n.results.x + }}", "{{ nodes.n.results.x 2 }}", "{{ (nodes.n.results.x }}",
        "{{ nodes.n.result.x }}", "{{ nodes.n }}", "{{ nodes.n.0.results.x }}",
        "{{ nodes.n.results.x | format('%s%s') }}", "{{ nodes.n.results.x | format('%n') }}",
        "{{ nodes.n.results.x | format('%*d') }}", "{{ nodes.n.results.x | upper }}",
        "{{ nodes.n.results.x | raw }}", "{{ nodes.n.results.x | default }}", "{{ 1 + 'a }}",
        "{{ x | raw }}"}) {
    EXPECT_EQ(fill(wrong).problems.size(), 1u) << wrong;
  }
  std::string deep = "{{ nodes.n.results.x + ";
  for (int i = 0; i < 10000; ++i) deep += '(';
  EXPECT_EQ(fill(deep + " }}").problems.size(), 1u) << "and the stack holds";
}

TEST_F(Filled, ReadsEveryJsonAsItIsMeant) {
  const std::vector<std::pair<std::string, std::string>> good{
      {R"({"a":{"b":[1,{"c d":"x"}]}} /a/b/1/c d)", "\"x\"\n\"x\"\n"},
      {R"({"a/b":1,"m~n":2,"":3} /a~1b)", "1\n\"1\"\n"},
      {R"({"a/b":1,"m~n":2,"":3} /m~0n)", "2\n\"2\"\n"},
      {R"({"a/b":1,"m~n":2,"":3} /)", "3\n\"3\"\n"},
      {"[1.50,-0,2E+3] /2", "2E+3\n\"2E+3\"\n"},
      {"  [ true , false,null ]  /1", "false\nfalse\n"},
      {R"(["\u00e9\ud83d\ude00\"\\\/\b"] /0)", "\"\xc3\xa9\xf0\x9f\x98\x80\\\"\\\\/\\u0008\"\n"},
      {R"(["\ud83d"] /0)", "\"\xef\xbf\xbd\"\n"},
      {"{\"a\":\n [1,\n2]} /a", "[1,2]\n[\"1\",\"2\"]\n"},
      {R"({"a":{"b": 1}} /a)", "{\"b\": 1}\n\"{\\\"b\\\": 1}\"\n"},
  };
  for (const auto& [text, expected] : good) {
    const auto blank = text.find(" /");
    std::ofstream("file.json", std::ios::binary) << text.substr(0, blank);
    const auto command = "sh tool _pointer file.json '" + text.substr(blank + 1) + "' > out 2>&1";
    EXPECT_EQ(std::system(command.c_str()), 0) << text;
    std::ifstream in("out", std::ios::binary);
    const std::string out(std::istreambuf_iterator<char>(in), {});
    EXPECT_EQ(out.substr(0, expected.size()), expected) << text;
  }
  for (const char* wrong :
       {"", "{", "[1,]", "{\"a\":1,}", "[01]", "[1.]", "[.5]", "[+1]", "[NaN]", "[\"\\x\"]", "[\"a\nb\"]",
        "[1] 2", "{\"a\":1,\"a\":2}", "['a']", "[tru]", "[\"\\u12g4\"]", "{a:1}", "[1 2]"}) {
    std::ofstream("file.json", std::ios::binary) << wrong;
    EXPECT_NE(std::system("sh tool _pointer file.json '' > out 2>&1"), 0) << wrong;
  }
  EXPECT_NE(std::system("sh tool _pointer none.json '' > out 2>&1"), 0);
}

TEST(Render, ArithmeticTakesWholeNumbersOnly) {
  EXPECT_EQ(render_x("$(( 3-{{x}} ))", "-5").text, "$(( 3- -5 ))");
  EXPECT_EQ(render_x("$(({{x}}))", "0x1F").text, "$((0x1F))");
  EXPECT_EQ(render_x("$((10#{{x}}))", "007").text, "$((10#007))");
  for (const char* wrong : {"1.5", "", "a", "1e3", "010", "a[$(touch hacked)]", "1 2"}) {
    EXPECT_EQ(render_x("echo $(( {{x}} ))", wrong).problems.size(), 1u) << wrong;
    EXPECT_EQ(render_x("((v = \"{{x}}\"))", wrong).problems.size(), 1u) << wrong;
  }
}

TEST(Render, RefusesAPlaceWhereTheTextBeforeActsOnTheValue) {
  for (const char* text :
       {"echo \"${{x}}\"", "echo ${{x}}", "cat <<EOF\n${{x}}\nEOF", "echo \"$${{x}}\"", "echo \\{{x}}",
        "echo \"\\\\\\{{x}}\"", "cat <<{{x}}\nEOF\nEOF\n", "cat <<E{{x}}\n", "echo $'\\{{x}}'",
        "echo \"$HOME{{x}}\"", "echo $'\\c{{x}}'", "echo $'\\x{{x}}'"}) {
    for (const char* value : {"a", "cEOF"}) EXPECT_EQ(render_x(text, value).problems.size(), 1u) << text;
  }
  EXPECT_THAT(render_x("echo \"${{x}}\"", "(id)").problems[0].hint, HasSubstr("\\$"));
  EXPECT_THAT(render_x("echo '${{x}}' # ${{x}}", "a").problems, IsEmpty());
}

// bash skips quotes when it looks for the end of (( )), and then reads the quoted text as an expression.
TEST(Render, RefusesWhatNeedsQuotingWhereDoubleParenthesesAreNotClear) {
  for (const char* text : {"\"$(({{x}}$'>/dev/null <({{x}}# '&))\"", "echo $(( $(echo \")\") + {{x}} ))"}) {
    EXPECT_THAT(render_x(text, "}`touch hacked`").messages(), HasSubstr("needs quoting"));
  }
  EXPECT_THAT(render_x("echo $(( $(echo \")\") + {{x}} ))", "5").problems, IsEmpty());
}

TEST(Render, BackquotesRefuseWhatNeedsQuoting) {
  const Outcome outcome = render_x("a=`echo {{x}}`", "two words");
  ASSERT_EQ(outcome.problems.size(), 1u);
  EXPECT_THAT(outcome.problems[0].hint, HasSubstr("$( )"));
  EXPECT_EQ(render_x("a=`echo {{x}}`", "word").text, "a=`echo word`");
}

TEST(Render, AValueMayNotEndItsHereDocument) {
  for (const char* text :
       {"cat <<EOF\n{{x}}\nEOF\n", "cat <<'EOF'\n{{x}}\nEOF\n", "cat <<EOF\n$(echo {{x}})\nEOF\n"}) {
    EXPECT_EQ(render_x(text, "a\nEOF\nb").problems.size(), 1u) << text;
  }
  const Outcome joined = render_x("cat <<EOF\n\nEO{{x}}\nmore\nEOF\n", "F");
  ASSERT_EQ(joined.problems.size(), 1u);
  EXPECT_EQ(joined.problems[0].at.line, 3);
  EXPECT_EQ(render_x("cat <<EOF\nE\\\n{{x}}\nEOF\n", "OF").problems.size(), 1u);
  EXPECT_THAT(render_x("cat <<EOF\n{{x}}\nEOF\n", "EOFS").problems, IsEmpty());
}

TEST(Render, TellsOfQuotesThatNeverClose) {
  const Outcome outcome = render_x("echo {{x}}\necho 'it\n", "a");
  ASSERT_EQ(outcome.problems.size(), 1u);
  EXPECT_EQ(outcome.problems[0].at.line, 2);
  EXPECT_EQ(outcome.problems[0].at.column, 6);
  EXPECT_THAT(outcome.problems[0].message, HasSubstr("single quotes"));
  EXPECT_THAT(render_x("cat <<EOF\n{{x}}\n EOF\n", "a").problems[0].message,
              HasSubstr("here-document 'EOF'"));
  EXPECT_THAT(render_x("echo 'without a template", "a").problems, IsEmpty());
}

TEST(Render, ProblemsOfEarlierTextsChangeNothing) {
  std::vector<RenderProblem> problems{{{}, "earlier", ""}};
  const Value value = Value::of("a");
  render(
      "'{{x}}", Quoting::shell, [&](std::string_view) { return &value; }, {}, problems);
  EXPECT_EQ(problems.size(), 2u);
}

TEST(Render, NamesAreGivenInOrderOnce) {
  EXPECT_THAT(names_in("{{ b }} {{ a | raw }} {{b}} {{ '{{' }} {{ no closing"), ElementsAre("b", "a"));
  EXPECT_THAT(names_in("${{{ node.name }}}"), ElementsAre("node.name"));
}

}  // namespace
}  // namespace catena
