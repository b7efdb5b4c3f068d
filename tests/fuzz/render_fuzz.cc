// A shell program with {{ }} and the value that fills them, split at the first NUL: rendered without a crash;
// and where there was no problem, the value must leave the program as it found it: closed, and the same when
// it is read in one piece.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/render.h"
#include "core/shell_context.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace catena;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = std::min(input.find('\0'), input.size());
  const std::string_view text = input.substr(0, cut);
  const Value value = Value::of(std::string(input.substr(std::min(cut + 1, size))));
  const Lookup lookup = [&](std::string_view name) { return name == "x" ? &value : nullptr; };
  const std::vector<std::string> names{"x"};

  std::vector<RenderProblem> plain_problems;
  const std::string plain = render(text, Quoting::none, lookup, names, plain_problems);
  require(has_template(text) || (plain_problems.empty() && plain == text));

  std::vector<RenderProblem> problems;
  const std::string program = render(text, Quoting::shell, lookup, names, problems);
  for (const RenderProblem& problem : problems)
    require(problem.at.line > 0 && problem.at.column > 0 && !problem.message.empty());
  require(problems.size() >= plain_problems.size());
  // A raw value is the author's, and a parenthesis in a value can make (( mean something else.
  if (!problems.empty() || names_in(text).empty() || text.find('|') != std::string_view::npos ||
      value.text.find_first_of("()") != std::string::npos) {
    return 0;
  }
  ShellContext context;
  context.read(program, {});
  require(!context.finish());
  return 0;
}
