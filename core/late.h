// Values that are known only when other nodes have run: {{ nodes.relax.results.energy }}. They are written
// into the job as steps, which the job's own tool (core/job_tool.h) carries out at its start.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace catena {

// nodes.NODE.results.NAME, nodes.NODE.3.results.NAME, nodes.NODE.params.NAME, nodes.NODE.address
struct LateReference {
  enum class Kind { result, param, address };
  Kind kind = Kind::result;
  std::string_view node;
  std::uint32_t element = 0;  // 0: none is named
  std::string_view name;      // empty for an address
  std::string_view text;      // as written
};

// An expression's steps, in the order of their doing: each takes its operands from a stack and leaves its
// value there. One line each, without its newline:
//   number TEXT · string JSON · true · false · result NODE NAME · results NODE COUNT NAME (of all elements,
//   as a list) · param, params likewise · address NODE · list COUNT · join COUNT (texts, one behind the
//   other) · add subtract multiply divide negate · default (takes the second where the first is missing) ·
//   format JSON · json
using LateSteps = std::vector<std::string>;

// What a name or a reference stands for; `problem` is not empty where it stands for nothing.
struct LateAnswer {
  LateSteps steps;
  std::string problem, hint;
};
struct LateNames {
  std::function<LateAnswer(const LateReference&)> reference;
  std::function<LateAnswer(std::string_view name)> parameter;
};

// Whether what stands between {{ and }} is for the job to find out, or looks as if it was meant to be: it
// names `nodes.`, calculates, or has one of the filters default, format and json.
bool is_late(std::string_view content);

// The grammar:
//   expression: sum { "|" filter }      filter: default(sum) · format('%.4f') · json
//   sum: product { ("+"|"-") product }  product: operand { ("*"|"/") operand }
//   operand: "-" operand · "(" expression ")" · number · 'text' · reference · name
LateAnswer read_late(std::string_view content, const LateNames& names);

// The late values of one node, as they are found: each use has a mark in the text, by which the tool finds
// it.
class LateValues {
 public:
  // `mark`: what all marks begin with: letters, digits and '_', found nowhere else in the texts.
  explicit LateValues(std::string mark) : mark_(std::move(mark)) {}
  // `place`: see LatePlace in core/shell_value.h, or "text", "single" (in single quotes), "json".
  std::string add(std::string_view written, const LateSteps& steps, std::string_view place);
  bool empty() const { return uses_ == 0; }
  const std::string& mark() const { return mark_; }
  // What the tool reads: the mark, and each use with its steps.
  std::string definitions() const;

 private:
  std::string mark_;
  std::string text_;
  std::size_t uses_ = 0;
};

}  // namespace catena
