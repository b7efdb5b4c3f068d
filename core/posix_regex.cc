#include "core/posix_regex.h"

namespace catena {

std::string posix_regex(std::string_view regex) {
  std::string posix;
  for (std::size_t i = 0; i < regex.size(); ++i) {
    const bool escape = regex[i] == '\\' && i + 1 < regex.size();
    if (escape && (regex[i + 1] == 'd' || regex[i + 1] == 'D')) {
      posix += regex[++i] == 'd' ? "[0-9]" : "[^0-9]";
    } else {
      posix += regex[i];
      if (escape) posix += regex[++i];
    }
  }
  return posix;
}

}  // namespace catena
