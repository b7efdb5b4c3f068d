// Tells when files grow, by inotify. What it cannot see (a write from another host) has to be looked for.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <initializer_list>
#include <string>

namespace catena::local {

class FileChanges {
 public:
  // `on_change` is called from the event loop, once for all that has happened since. The files must exist.
  FileChanges(boost::asio::io_context& io, std::function<void()> on_change);
  // False where the system has no inotify left.
  bool watch(std::initializer_list<std::string> paths);

 private:
  void wait();
  boost::asio::posix::stream_descriptor events_;
  std::function<void()> on_change_;
};

}  // namespace catena::local
