// Calls hooks for the events of a run that they have not seen yet.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/hook.h"
#include "core/store.h"
#include "core/transport.h"

namespace catena::hooks {

// What a hook is called with for one event: all of it goes by the environment and standard input, nothing
// into a program's text.
struct Call {
  const RunRow& run;
  const Event& event;
  std::string node;  // its name; empty: of the run
};
// mail: the mailer and a message; webhook: curl and the JSON; else the command in the workflow file's folder,
// with CATENA_ variables and the JSON.
Command command_for(const Hook& hook, const Call& call, const std::string& mailer);
// {"run", "workflow", "site", "directory", "id", "time", "node", "attempt", "state", "from", "reason"}.
std::string json_of(const Call& call);

class Delivery {
 public:
  // `here` runs the commands. A pass starts no further call once its calls have taken `budget`; the next one
  // goes on.
  Delivery(Store& store, HookCursors& cursors, Transport& here, Clock& clock, Seconds budget = Seconds{120})
      : store_(store), cursors_(cursors), here_(here), clock_(clock), budget_(budget) {}

  // From now on the run's events are followed; before the run's first event. Does nothing for known runs.
  void begin(const std::string& run_id);

  // Calls the hooks for what is behind the run's cursor, which moves behind each event, after its calls: a
  // call that is cut short is made again. Every call is bounded by its hook's time; one that fails is
  // recorded as an event "hook failed" and not made again. Gives those events, for the observer. The caller
  // holds the run's lease.
  std::vector<Event> deliver(const std::string& run_id, const std::vector<Hook>& hooks,
                             const std::string& mailer);

 private:
  // What went wrong, or nothing.
  std::optional<std::string> call(const Hook& hook, const Call& call, const std::string& mailer);
  Store& store_;
  HookCursors& cursors_;
  Transport& here_;
  Clock& clock_;
  Seconds budget_;
};

}  // namespace catena::hooks
