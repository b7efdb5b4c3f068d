// Memory for one line of JSON: what is made in it costs no allocation a value, and goes with it in one piece.
#pragma once

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/storage_ptr.hpp>

namespace catena {

class JsonMemory {
 public:
  // Valid while this is there.
  boost::json::storage_ptr get() { return &resource_; }

 private:
  unsigned char first_[4096];  // most lines need no more
  boost::json::monotonic_resource resource_{first_, sizeof first_};
};

}  // namespace catena
