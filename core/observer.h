// What a person is shown while something is going on.
#pragma once

#include <string_view>

#include "core/store.h"

namespace catena {

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void event(const RunRow& run, std::string_view node,
                     const Event& event) = 0;  // node: its name, or empty
  // Bytes that have gone over while files are moved: "staging in", "staging out". May be called often.
  virtual void progress(std::string_view what, std::uintmax_t done, std::uintmax_t all) = 0;
  virtual void trouble(std::string_view text) = 0;  // the site could not be asked; nothing has changed
};

}  // namespace catena
