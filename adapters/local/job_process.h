// A job's process while it runs: started by this supervisor, or taken over from one that was killed.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/process/v2/process.hpp>  // process_handle.hpp alone does not compile in 1.81
#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "adapters/local/descriptor.h"
#include "adapters/local/records.h"

namespace catena::local {

class JobProcess {
 public:
  using Handle = boost::process::v2::basic_process_handle<boost::asio::io_context::executor_type>;
  enum class Kind { child, adopted };
  // `watch` is of open_process(pid). `grace`: between TERM and KILL. `on_end` is called once, from the event
  // loop, and may destroy this.
  JobProcess(boost::asio::io_context& io, pid_t pid, Descriptor watch, Kind kind, std::chrono::seconds grace,
             std::function<void()> on_end);

  // TERM to the group, KILL after the grace. Does nothing if it has ended or is being stopped already.
  void stop(Outcome why);
  // Stops it as timed out when that time has passed.
  void limit(std::chrono::seconds left);
  std::optional<Outcome> stopped_as() const { return stopped_as_; }

  // After the end: ends what is left of its group, and reaps it. The status as of waitpid(2); nullopt if it
  // was adopted.
  std::optional<int> reap();

 private:
  // A handler that is due already runs although its timer was destroyed: each one asks first.
  std::weak_ptr<const bool> alive() const { return alive_; }

  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  pid_t pid_;
  std::chrono::seconds grace_;
  boost::asio::posix::stream_descriptor watch_;
  boost::asio::steady_timer timer_;
  std::optional<Handle> handle_;  // of a child
  std::optional<Outcome> stopped_as_;
};

}  // namespace catena::local
