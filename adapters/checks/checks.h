// The checks of a workflow's nodes before anything is submitted: what is still on this machine is looked at
// here, all the rest by one program on the site.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/checks/program.h"
#include "core/diagnostic.h"
#include "core/expand.h"
#include "core/site.h"
#include "core/transport.h"

namespace catena::checks {

// {{ }} in the text of an input file. Throws Error(config).
using FillIn = std::function<std::string(const std::string& file, const std::string& text)>;

class Checks {
 public:
  // Looks at those checks of the node that concern its inputs, as they will be staged (rendered where they
  // are to be), and keeps the others for run(). An input that is not there is not told: missing_inputs() is.
  void add(const Rendered& node, const FillIn& fill_in);

  // Whether there is anything to look at on the site.
  bool empty() const { return questions_.empty(); }
  // The POSIX shell program for that: the site's modules, variables and prologue, then the checks, each with
  // its node's environment; the same check of many nodes once. It prints "NUMBER what is wrong" and at last
  // "end", each with a NUL behind it.
  std::string program(const Site& site) const;
  // Runs it, in one command. Throws Error(transport) if it did not get to its end.
  void run(Transport& transport, const Site& site);

  // Everything that failed so far, with the place of its check; elements with the same failure as one.
  void report(Diagnostics& diagnostics) const;

 private:
  // Whose check it is.
  struct Asker {
    std::string file;
    Position at;
    std::string node;  // its name; an element's without the number
    std::string hint;
    std::string first;     // its name, or its first element's
    std::size_t more = 0;  // further elements
  };
  // One line of the program.
  struct Question {
    std::string call;  // of the program's functions; its number is in $c_n
    std::size_t environment = 0;
    std::vector<Asker> askers;
  };
  struct Failure {
    Asker asker;
    std::string message;
  };
  static Asker asker_of(const Rendered& node, const NodeCheck& check);
  static void join(std::vector<Asker>& askers, Asker asker);
  // A call of a function of the program with a path, and further words, quoted. Where neither holds a
  // variable, the node's environment matters only to what says so.
  void ask(const Rendered& node, const NodeCheck& check, std::string_view function, const ShellPath& path,
           const std::string& more_words = {}, bool in_environment = false);
  void fail(Asker asker, std::string message);
  // The pseudopotential of a species: an input of the node, or on the site.
  void pseudopotential(const Rendered& node, const NodeCheck& check,
                       const std::optional<std::string>& directory, const std::string& label,
                       const std::string& name);
  void readable(const Rendered& node, const NodeCheck& check, const std::string& input);
  void content(const Rendered& node, const NodeCheck& check, const std::string& text);

  std::vector<Question> questions_;
  std::map<std::pair<std::size_t, std::string>, std::size_t> known_;  // environment and call: the question
  std::vector<std::vector<std::pair<std::string, std::string>>> environments_{{}};
  std::map<std::string, std::size_t> environment_places_;
  std::vector<Failure> failures_;
  std::map<std::string, std::size_t> failure_places_;
};

}  // namespace catena::checks
