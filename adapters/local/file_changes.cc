#include "adapters/local/file_changes.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>

namespace catena::local {

FileChanges::FileChanges(boost::asio::io_context& io, std::function<void()> on_change)
    : events_(io), on_change_(std::move(on_change)) {}

bool FileChanges::watch(std::initializer_list<std::string> paths) {
  const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return false;
  events_.assign(fd);
  for (const auto& path : paths) inotify_add_watch(fd, path.c_str(), IN_MODIFY);
  wait();
  return true;
}

void FileChanges::wait() {
  events_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                     [this](const boost::system::error_code& error) {
                       if (error) return;
                       std::array<char, 4096> events;
                       while (read(events_.native_handle(), events.data(), events.size()) > 0) {
                       }
                       on_change_();
                       wait();
                     });
}

}  // namespace catena::local
