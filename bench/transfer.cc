// Puts a directory's files to a host and gets them back, as catena stages them; prints the seconds of each,
// and of a second put, which finds all there. bench/ssh runs it beside scp, tar, sftp and rsync.
//   transfer_bench HOST SSH_CONFIG DIRECTORY REMOTE_DIRECTORY KIND
#include <fmt/core.h>

#include <chrono>
#include <filesystem>

#include "adapters/ssh/ssh_transport.h"
#include "core/error.h"

namespace {

namespace fs = std::filesystem;

double seconds(const std::function<void()>& action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

int measure(char** argv) {
  catena::SshOptions options;
  options.hosts = {argv[1]};
  options.config_file = argv[2];
  options.kind = argv[5];
  const fs::path source = argv[3];
  const std::string remote = argv[4];
  const auto transport = catena::make_ssh_transport(options);
  catena::Command hello;
  hello.argv = {"true"};
  const double connected = seconds([&] { transport->run(hello); });
  const double command = seconds([&] { transport->run(hello); });

  std::vector<catena::FileToPut> files;
  for (const auto& entry : fs::recursive_directory_iterator(source)) {
    if (entry.is_regular_file())
      files.push_back(
          {{}, entry.path(), remote + "/" + entry.path().lexically_relative(source).string(), 0600});
  }
  const double up = seconds([&] { transport->put(files, remote); });
  const double again = seconds([&] { transport->put(files, remote); });
  const catena::FilesToGet set{remote, {"*"}, source.string() + ".back"};
  const double down = seconds([&] { transport->get({&set, 1}); });
  fmt::print("{:.3f} {:.3f} {:.3f} {:.4f} {:.4f}\n", up, down, again, connected, command);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    fmt::print(stderr, "transfer_bench HOST SSH_CONFIG DIRECTORY REMOTE_DIRECTORY KIND\n");
    return 2;
  }
  try {
    return measure(argv);
  } catch (const catena::Error& error) {
    fmt::print(stderr, "transfer_bench: {}\n", error.what());
    return 1;
  }
}
