#include "core/program.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/quote.h"
#include "core/script.h"

namespace catena {
namespace {

std::string patterns(const std::vector<std::string>& texts) {
  std::string result;
  for (const auto& text : texts) result += (result.empty() ? "*" : "|*") + shell_quote(text) + "*";
  return result;
}

// The command's words go through a file without a name, which is read on from where the last job's ended: for
// $(…) a shell would copy itself first (of 300 jobs' time: a twentieth).
std::string functions(const SubmitText& text, const std::string& run_directory) {
  std::string program = text.preamble;
  program += fmt::format(
      R"sh(said=$(mktemp "${{TMPDIR:-/tmp}}/catena.XXXXXX" 2> /dev/null) || said={}/.catena/said.$$
exec 3> "$said" 4< "$said"
rm -f "$said"
stop=
catena_submit() {{  # PLACE TOKEN :PARENTS: COMMAND…; what the scheduler gets is on standard input
  place=$1 token=$2 parents=$3
  shift 3
  [ -z "$stop" ] || return 0
  case $parents in *::*) printf 'SKIP %s\n' "$token"; return 0 ;; esac
  "$@" >&3 2>&3 3>&- 4<&-
  status=$? id= text=
  while IFS= read -r out <&4 || [ -n "$out" ]; do
    [ -n "$out" ] || continue
    text="$text${{text:+ | }}$out"
    [ -z "$id" ] || continue
    case $out in {}) [ $status -ne 0 ] || id={} ;; esac
    case $id in *[!][0-9A-Za-z._-]*) id= ;; esac
  done
  if [ -n "$id" ]; then
    eval "J$place=\$id"
    printf 'OK %s %s\n' "$token" "$id"
    return 0
  fi
  word=ERR
  [ $status -gt 0 ] && [ $status -lt 128 ] || word=UNSURE stop=yes
)sh",
      shell_quote(run_directory), text.id_filter, text.id_from_output);
  if (!text.refused.empty()) {
    auto understood = text.refused;
    understood.insert(understood.end(), text.unavailable.begin(), text.unavailable.end());
    program += fmt::format("  case $text in {}) ;; *) word=UNSURE stop=yes ;; esac\n", patterns(understood));
  }
  program += "  case $text in\n";
  if (!text.unsure.empty())
    program += fmt::format("    {}) word=UNSURE stop=yes ;;\n", patterns(text.unsure));
  if (!text.limited.empty()) program += fmt::format("    {}) stop=yes ;;\n", patterns(text.limited));
  if (!text.unavailable.empty()) program += fmt::format("    {}) stop=yes ;;\n", patterns(text.unavailable));
  program += "  esac\n  printf '%s %s %s %s\\n' \"$word\" \"$token\" \"$status\" \"$text\"\n}\n";
  return program;
}

// A submission's jobs by the arrays that they are in.
class Arrays {
 public:
  explicit Arrays(const Submission& submission) : submission_(submission), of_(submission.jobs.size()) {
    for (const auto& array : submission.arrays)
      std::fill_n(of_.begin() + static_cast<std::ptrdiff_t>(array.first), array.count, &array);
  }
  const JobArray* of(std::size_t place) const { return of_[place]; }
  std::string variable(std::size_t place) const {
    return fmt::format("$J{}", (of_[place] ? of_[place]->first : place) + 1);
  }
  std::string id(const SubmitText& text, std::size_t place) const {
    if (!of_[place]) return variable(place);
    return text.element_id(fmt::format("${{J{}}}", of_[place]->first + 1),
                           submission_.jobs[place].array->index);
  }

 private:
  const Submission& submission_;
  std::vector<const JobArray*> of_;
};

std::string script_path(const Submission& submission, const Job& job) {
  return fmt::format("{}/{}/{}.sh", submission.run_directory, script_folder, job.token);
}

std::string submit_line(const Dialect& dialect, const SubmitText& text, const Submission& submission,
                        const Arrays& arrays, std::size_t place) {
  const auto& job = submission.jobs[place];
  std::vector<std::pair<On, std::string>> parents;
  std::vector<std::string> each;
  std::set<std::string> seen;
  std::string needed;  // ":$J1:$J2:": an empty one shows as "::"
  // An array of which the job waits for all elements is one parent.
  std::map<std::pair<const JobArray*, On>, std::size_t> waited_for;
  const auto whole = [](On on) { return on == On::ok || on == On::any; };
  for (const auto& dependency : job.dependencies) {
    if (!dependency.in_submission || dependency.each) continue;
    if (const auto* array = arrays.of(*dependency.in_submission)) ++waited_for[{array, dependency.on}];
  }
  for (const auto& dependency : job.dependencies) {
    if (!dependency.in_submission) {
      if (dependency.each) {
        each.push_back(dependency.native_id);
      } else {
        parents.emplace_back(dependency.on, dependency.native_id);
      }
      continue;
    }
    const auto parent = *dependency.in_submission;
    const auto variable = arrays.variable(parent);
    if (seen.insert(variable).second) needed += ":" + variable;
    if (dependency.each) {
      each.push_back(variable);
      continue;
    }
    const auto* array = arrays.of(parent);
    if (array && whole(dependency.on) && waited_for[{array, dependency.on}] == array->count) {
      if (parent == array->first) parents.emplace_back(dependency.on, variable);
    } else {
      parents.emplace_back(dependency.on, arrays.id(text, parent));
    }
  }
  std::string line =
      fmt::format("catena_submit {} {} \"{}:\" {}", place + 1, job.token, needed, text.command);
  if (job.held) line += " " + text.hold;
  if (const auto* array = arrays.of(place)) line += " " + text.array + array->indices;
  if (const auto words = dialect.submit_words(job, parents, each); !words.empty()) line += " " + words;
  return line;
}

// Takes the variables that stand for a resource away from a job that names it, and gives them back to the
// next that does not.
class EnvironmentDefaults {
 public:
  explicit EnvironmentDefaults(const SubmitText& text)
      : text_(text), taken_(text.environment_defaults.size()) {}
  std::string lines_before(const Job& job) {
    std::string lines;
    for (std::size_t i = 0; i < taken_.size(); ++i) {
      const auto& [resource, variable] = text_.environment_defaults[i];
      const bool take = !get_resource(job.resources, resource).empty();
      if (take == taken_[i]) continue;
      taken_[i] = take;
      lines += take ? fmt::format("catena_{0}=${{{0}-}}; unset {0}\n", variable)
                    : fmt::format("[ -z \"$catena_{0}\" ] || export {0}=\"$catena_{0}\"\n", variable);
    }
    return lines;
  }

 private:
  const SubmitText& text_;
  std::vector<bool> taken_;
};

}  // namespace

std::string submission_program(const Dialect& dialect, const Submission& submission) {
  const auto text = dialect.submit_text();
  std::string program = fmt::format("# The submission of run {}: {} job{}, by catena\n", submission.run_id,
                                    submission.jobs.size(), submission.jobs.size() == 1 ? "" : "s");
  program += "{\n" + functions(text, submission.run_directory);
  EnvironmentDefaults defaults(text);
  const Arrays arrays(submission);
  for (std::size_t place = 0; place < submission.jobs.size(); ++place) {
    const auto* array = arrays.of(place);
    if (array && place != array->first) continue;
    const auto& job = submission.jobs[place];
    const auto script = array ? array_script(dialect.directives(job), job.array->token, array->scripts.target,
                                             text.array_index)
                              : submitted_script(dialect.directives(job), script_path(submission, job));
    const auto delimiter = delimiter_for("CATENA_JOB", script);
    program += "\n" + defaults.lines_before(job);
    program += fmt::format("{} <<'{}'\n{}{}\n", submit_line(dialect, text, submission, arrays, place),
                           delimiter, script, delimiter);
  }
  return program + "\n[ -n \"$stop\" ] && echo STOP || echo END\n}\n";
}

std::vector<FileToPut> take_scripts(Submission& submission) {
  std::vector<FileToPut> files;
  for (auto& job : submission.jobs) {
    if (!job.array) files.push_back({std::move(job.script), {}, script_path(submission, job), 0600});
  }
  for (auto& array : submission.arrays)
    files.push_back({std::move(array.scripts.content), {}, array.scripts.target, 0600});
  return files;
}

ProgramAnswers::ProgramAnswers(const Dialect& dialect, const Submission& submission)
    : submission_(submission), text_(dialect.submit_text()), answered_(submission.jobs.size()) {
  for (std::size_t i = 0; i < submission.jobs.size(); ++i) places_.emplace(submission.jobs[i].token, i);
}

std::vector<Answer> ProgramAnswers::read(std::string_view line) {
  if (line == "END" || line == "STOP") {
    ended_ = true;
    return {};
  }
  auto word = [&line] {
    const auto end = std::min(line.find(' '), line.size());
    const auto result = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return result;
  };
  const auto kind = word();
  if (kind != "OK" && kind != "ERR" && kind != "SKIP" && kind != "UNSURE") return {};
  const auto place = places_.find(word());
  if (place == places_.end() || answered_[place->second]) return {};
  Answer answer;
  answer.job = place->second;
  if (kind == "OK") {
    answer.kind = Answer::Kind::accepted;
    answer.native_id = line;
  } else if (kind == "SKIP") {
    answer.kind = Answer::Kind::skipped;
  } else {
    const auto status = word();  // part of the program's own decision
    answer.text =
        line.empty() ? fmt::format("it said nothing, and ended with status {}", status) : std::string(line);
    const auto says_one_of = [&](const std::vector<std::string>& texts) {
      return std::ranges::any_of(texts,
                                 [&](const auto& t) { return line.find(t) != std::string_view::npos; });
    };
    answer.kind = kind == "UNSURE"                 ? Answer::Kind::unsure
                  : says_one_of(text_.limited)     ? Answer::Kind::limited
                  : says_one_of(text_.parent_gone) ? Answer::Kind::parent_gone
                  : says_one_of(text_.unavailable) ? Answer::Kind::unavailable
                                                   : Answer::Kind::refused;
  }
  const auto array = std::ranges::find(submission_.arrays, answer.job, &JobArray::first);
  std::vector<Answer> answers(array == submission_.arrays.end() ? 1 : array->count, answer);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    auto& each = answers[i];
    each.job += i;
    each.more = i + 1 < answers.size();
    if (array != submission_.arrays.end() && each.kind == Answer::Kind::accepted)
      each.native_id = text_.element_id(answer.native_id, submission_.jobs[each.job].array->index);
    answered_[each.job] = true;
  }
  return answers;
}

std::vector<std::size_t> ProgramAnswers::unanswered() const {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < answered_.size(); ++i) {
    if (!answered_[i]) places.push_back(i);
  }
  return places;
}

}  // namespace catena
