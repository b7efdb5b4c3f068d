// What a job asks for, in portable terms. Every field is optional: absent means "the scheduler's default".
// A dialect turns them into its directives; nothing else knows a scheduler's words for them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace catena {

using Bytes = std::int64_t;
using Seconds = std::chrono::seconds;

struct Resources {
  std::optional<int> nodes;
  std::optional<int> tasks;  // MPI ranks in all
  std::optional<int> tasks_per_node;
  std::optional<int> cpus_per_task;
  std::optional<int> gpus;  // per node
  std::string gpu_type;
  std::optional<Bytes> memory;  // per node; not together with memory_per_cpu
  std::optional<Bytes> memory_per_cpu;
  std::optional<Seconds> walltime;
  std::string queue;  // SLURM: partition
  std::string account;
  std::string qos;
  std::string reservation;
  std::string constraint;
  std::optional<bool> exclusive;
  std::string licenses;          // "matlab:2,ansys:1"
  std::optional<Bytes> scratch;  // node-local disk, per node
  std::string begin;             // "+SECONDS" or "YYYY-MM-DDThh:mm:ss" (the cluster's local time), normalised
  std::optional<int> priority;   // -1024 … 1023; above 0 needs rights on most sites

  bool operator==(const Resources&) const = default;
};

// The names of the fields, as a workflow file spells them, in this order.
std::span<const std::string_view> resource_names();

// Sets the field `name` from the text a person wrote. Returns what is wrong with it, or empty on success.
// Sizes: 500M, 4G, 1.5T, 1024K (binary multiples; a bare number is MiB, as in SLURM). Times: 90 (minutes, as
// in SLURM), 30s, 10m, 2h, 1d, MM:SS, HH:MM:SS, D-HH, D-HH:MM, D-HH:MM:SS.
std::string set_resource(Resources& resources, std::string_view name, std::string_view text);

// The text of a field that set_resource reads back to the same value; empty if the field is absent.
std::string get_resource(const Resources& resources, std::string_view name);

// Lays `over` on `base`: a field that is set in `over` wins. memory and memory_per_cpu replace each other.
Resources merge(Resources base, const Resources& over);

// Contradictions between fields (memory with memory_per_cpu, tasks < nodes, …), each one sentence; empty if
// sound.
std::string check(const Resources& resources);

// CPUs and memory that the job takes on one machine, for the local backend's slots. At least 1 CPU.
int cpus(const Resources& resources);
Bytes memory_in_all(const Resources& resources);

std::optional<Seconds> parse_duration(std::string_view text);  // the forms above
std::optional<Bytes> parse_size(std::string_view text);
std::string format_walltime(Seconds duration);  // HH:MM:SS, hours may pass 24
std::string format_size(Bytes size);            // the shortest exact form: 1G, 1536M, 100K, 17 (bytes: "17B")

}  // namespace catena
