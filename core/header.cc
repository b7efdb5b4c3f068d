#include "core/header.h"

namespace catena {

std::vector<std::string> comma_parts(std::string_view list) {
  std::vector<std::string> parts(1);
  char quote = 0;
  for (char c : list) {
    if (quote != 0 ? c == quote : c == '\'' || c == '"') {
      quote = quote != 0 ? 0 : c;
    } else if (c == ',' && quote == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string comma_part(std::string_view variable) {
  if (variable.find_first_of("'\"") != variable.npos) return {};
  if (variable.find_first_of(", ") == variable.npos) return std::string(variable);
  const auto value = variable.find('=') + 1;
  return std::string(variable.substr(0, value)).append("'").append(variable.substr(value)).append("'");
}

}  // namespace catena
