#include "core/error.h"

namespace catena {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return exit_usage;
    case ErrorKind::config:
      return exit_config;
    case ErrorKind::not_found:
      return exit_not_found;
    case ErrorKind::transport:
      return exit_transport;
    case ErrorKind::refused:
      return exit_refused;
    case ErrorKind::unavailable:
      return exit_unavailable;
    case ErrorKind::conflict:
      return exit_conflict;
    case ErrorKind::internal:
      break;
  }
  return exit_internal;
}

}  // namespace catena
