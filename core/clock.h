// Time as a part that tests replace.
#pragma once

#include <chrono>

#include "core/report.h"

namespace catena {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() = 0;  // UTC
  virtual void sleep(std::chrono::milliseconds duration) = 0;
};

}  // namespace catena
