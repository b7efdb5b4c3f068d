#include "slurm_liar.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace catena {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds tick_length{10}, strikes_after{150}, requeue_delay{2500}, kill_wait{1000};

constexpr std::string_view noise = "502 Bad Gateway\n\x7f\x45\x4c\x46 <html>\n|||\n17|RUN\xff\n";
constexpr std::string_view connect_failure = "Unable to contact slurm controller (connect failure)";
constexpr std::string_view authentication = "Protocol authentication error";
constexpr std::string_view timed_out = "Socket timed out on send/recv operation";

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

bool ended(const std::string& state) {
  return state != "PENDING" && state != "RUNNING";
}

// "--NAME=VALUE" of an #SBATCH line.
std::string directive(const std::string& script, const std::string& name) {
  const auto key = "#SBATCH --" + name + "=";
  const auto at = script.find(key);
  if (at == std::string::npos) return {};
  return script.substr(at + key.size(), script.find('\n', at) - at - key.size());
}

std::string time_text(std::time_t time, const char* none) {
  return time == 0 ? none : std::to_string(time);
}

}  // namespace

SlurmLiar::SlurmLiar(std::filesystem::path folder, const Settings& settings)
    : folder_(std::move(folder)), settings_(settings) {
  std::filesystem::create_directories(folder_ / "doomed");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = (folder_ / "socket").string();
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("too long for a socket: " + path);
  std::strcpy(address.sun_path, path.c_str());
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener_, 64) != 0)
    throw std::runtime_error("cannot listen on " + path);
  thread_ = std::thread([this] { serve(); });
}

SlurmLiar::~SlurmLiar() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  thread_.join();
  close(listener_);
  for (const auto& job : jobs_) {
    if (job.pid == 0) continue;
    kill(-job.pid, SIGKILL);
    waitpid(job.pid, nullptr, 0);
  }
}

std::string SlurmLiar::environment() const {
  return fmt::format("PATH='{}':\"$PATH\" CATENA_LIAR='{}'", CATENA_LIAR_COMMANDS,
                     (folder_ / "socket").string());
}

void SlurmLiar::next(const std::string& command, std::vector<Lie> lies) {
  const std::lock_guard lock(mutex_);
  for (const auto lie : lies) lies_[command].push_back(lie);
}

void SlurmLiar::always(const std::string& command, Lie lie) {
  const std::lock_guard lock(mutex_);
  always_[command] = lie;
}

void SlurmLiar::next_fate(Fate fate) {
  const std::lock_guard lock(mutex_);
  fates_.push_back(fate);
}

void SlurmLiar::tell_the_truth() {
  const std::lock_guard lock(mutex_);
  truthful_ = true;
  outage_ = Lie::none;
  lies_.clear();
  always_.clear();
}

void SlurmLiar::change(const Settings& settings) {
  const std::lock_guard lock(mutex_);
  settings_ = settings;
}

void SlurmLiar::crash() {
  const std::lock_guard lock(mutex_);
  for (auto& job : jobs_) {
    if (ended(job.state) || job.starts > 0 || job.lost) continue;
    if (Steady::now() - job.accepted > std::chrono::seconds(3)) continue;
    job.lost = true;
    job.rows.clear();  // as on 22.05; 24.11 keeps a row that is pending for ever
    next_id_ = std::min(next_id_, std::stoi(job.id));
  }
}

std::vector<SlurmLiar::Job> SlurmLiar::jobs() const {
  const std::lock_guard lock(mutex_);
  return {jobs_.begin(), jobs_.end()};
}

std::vector<SlurmLiar::Job> SlurmLiar::jobs(const std::string& node) const {
  auto list = jobs();
  std::erase_if(list, [&](const Job& job) { return job.node != node; });
  return list;
}

std::vector<std::string> SlurmLiar::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::vector<std::string> SlurmLiar::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

bool SlurmLiar::idle() const {
  const std::lock_guard lock(mutex_);
  return on_their_way_.empty() &&
         std::ranges::all_of(jobs_, [](const Job& job) { return job.lost || ended(job.state); });
}

// --- the commands

void SlurmLiar::serve() {
  while (true) {
    pollfd ready{listener_, POLLIN, 0};
    poll(&ready, 1, static_cast<int>(tick_length.count()));
    const std::lock_guard lock(mutex_);
    if (stop_) return;
    tick();
    if ((ready.revents & POLLIN) == 0) continue;
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    answer(connection);
    close(connection);
  }
}

void SlurmLiar::answer(int connection) {
  std::string text;
  std::array<char, 16384> buffer{};
  for (ssize_t n; (n = read(connection, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(n));
  Request request;
  std::size_t at = 0;
  auto word = [&] {
    const auto end = text.find('\0', at);
    auto result = text.substr(at, end - at);
    at = end == std::string::npos ? text.size() : end + 1;
    return result;
  };
  const auto first = word();
  if (first.empty()) return;  // its client was killed
  for (int count = std::stoi(first); count > 0; --count) request.words.push_back(word());
  request.input = text.substr(at);
  std::string call;
  for (const auto& each : request.words) call += (call.empty() ? "" : " ") + each;
  calls_.push_back(std::move(call));
  const auto reply = carry_out(request);
  text = fmt::format("{} {} {}\n{}{}", reply.status, reply.delay.count(), reply.out.size(), reply.out,
                     reply.err);
  for (at = 0; at < text.size();) {
    const auto n = send(connection, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return;
    at += static_cast<std::size_t>(n);
  }
}

Lie SlurmLiar::lie_for(const std::string& command) {
  const int count = ++counts_[command];
  if (auto& told = lies_[command]; !told.empty()) {
    const auto lie = told.front();
    told.pop_front();
    return lie;
  }
  if (const auto found = always_.find(command); found != always_.end()) return found->second;
  if (truthful_ || settings_.lying <= 0) return Lie::none;
  std::seed_seq words{settings_.seed, static_cast<std::uint64_t>(std::hash<std::string>()(command)),
                      static_cast<std::uint64_t>(count)};
  std::mt19937_64 random(words);
  if (command == "squeue") queue_denied_ = false;
  if (std::uniform_real_distribution<>(0, 1)(random) >= settings_.lying) return Lie::none;
  using enum Lie;
  std::vector<Lie> choice = {absent,  unauthorized,   hung_undone,   garbage,
                             silence, failed_garbage, failed_silence};
  if (command == "sbatch") {
    choice.insert(choice.end(), {hung, late, late, refused, refused_with_id});
  } else if (command == "squeue" || command == "sacct") {
    choice.insert(choice.end(), {overdue, truncated, partly});
    if (command == "sacct") choice.push_back(database_down);
  } else {
    choice.insert(choice.end(), {hung, overdue});
  }
  auto lie = choice[random() % choice.size()];
  const bool denies = lie == garbage || lie == silence || lie == truncated || lie == partly;
  if (command == "squeue") {
    const bool all_shown =
        on_their_way_.empty() && std::ranges::all_of(jobs_, [](const Job& job) { return job.shown; });
    if (denies && !all_shown) lie = none;
    queue_denied_ = denies && all_shown;
  } else if (command == "sacct" && denies && queue_denied_) {
    lie = none;
  }
  if (lie == absent || lie == unauthorized || lie == hung_undone || lie == database_down) {
    outage_ = lie;
    outage_ends_ = Steady::now() + milliseconds(random() % 800);
  }
  return lie;
}

SlurmLiar::Reply SlurmLiar::failure(const std::string& command, const std::string& text) const {
  Reply reply{1, "", "", {}};
  if (command == "sbatch") {
    reply.err = "sbatch: error: Batch job submission failed: " + text + "\n";
  } else if (command == "squeue") {
    reply.err = "slurm_load_jobs error: " + text + "\n";
  } else if (command == "sacct") {
    reply.err = "sacct: error: Problem talking to the database: " + text + "\n";
  } else if (command == "scancel") {
    reply.err = "scancel: error: Kill job error on job id 1: " + text + "\n";
    reply.status = text == connect_failure ? 8 : text == timed_out ? 140 : 239;
  } else {  // of release and hold; the captured words
    const std::string word = text == authentication ? text : "Unexpected message received";
    reply.err = word + " for job 1\nslurm_suspend error: " + word + "\n";
  }
  return reply;
}

std::optional<SlurmLiar::Reply> SlurmLiar::outage(const std::string& command) const {
  if (outage_ == Lie::none || Steady::now() > outage_ends_) return std::nullopt;
  const bool accounting = command == "sacct";
  if (outage_ == Lie::database_down) {
    return accounting ? std::optional(failure(command, "Connection refused")) : std::nullopt;
  }
  if (outage_ == Lie::unauthorized) return failure(command, std::string(authentication));
  if (accounting) return std::nullopt;
  return failure(command, std::string(outage_ == Lie::absent ? connect_failure : timed_out));
}

SlurmLiar::Reply SlurmLiar::carry_out(const Request& request) {
  const auto& command = request.words.front();
  if (auto reply = outage(command)) return *reply;
  const auto lie = lie_for(command);
  switch (lie) {
    case Lie::absent:
      return failure(command, std::string(command == "sacct" ? "Connection refused" : connect_failure));
    case Lie::database_down:
      return failure(command, "Connection refused");
    case Lie::unauthorized:
      return failure(command, std::string(authentication));
    case Lie::hung_undone: {
      auto reply = failure(command, std::string(timed_out));
      reply.delay = milliseconds(100);
      return reply;
    }
    default:
      break;
  }
  if (command == "sbatch") return sbatch(request, lie);
  if (command == "squeue") {
    if (lie == Lie::none) {
      for (auto& job : jobs_) job.shown = true;
    }
    return query(command, squeue(), lie);
  }
  if (command == "sacct") return query(command, sacct(request), lie);
  if (command == "scancel" || command == "scontrol") return control(command, request, lie);
  return {127, "", command + ": the liar does not know this command\n", {}};
}

SlurmLiar::Reply SlurmLiar::query(const std::string& command, Reply honest, Lie lie) {
  const auto rows = std::ranges::count(honest.out, '\n');
  switch (lie) {
    case Lie::hung:
      return failure(command, std::string(timed_out));
    case Lie::overdue:
      honest.delay = overdue_after;
      break;
    case Lie::garbage:
      return {0, std::string(noise), "", {}};
    case Lie::silence:
      return {0, "", "", {}};
    case Lie::failed_garbage:
      return {1, std::string(noise), "", {}};
    case Lie::failed_silence:
      return {1, "", "", {}};
    case Lie::truncated:
      honest.out.resize(honest.out.size() * static_cast<std::size_t>(1 + counts_[command] % 4) / 5);
      break;
    case Lie::partly: {
      std::string kept;
      auto row = static_cast<int>(rows);
      for (const auto& line : split(honest.out, '\n')) {
        if ((row-- + counts_[command]) % 2 == 0) kept += line + "\n";
      }
      honest.out = kept;
      break;
    }
    default:
      break;
  }
  return honest;
}

SlurmLiar::Reply SlurmLiar::control(const std::string& command, const Request& request, Lie lie) {
  if (lie == Lie::failed_garbage) return {1, "", std::string(noise), {}};
  if (lie == Lie::failed_silence) return {1, "", "", {}};
  auto reply = command == "scancel" ? scancel(request) : scontrol(request);
  if (lie == Lie::hung) return failure(command, std::string(timed_out));
  if (lie == Lie::overdue) reply.delay = overdue_after;
  if (lie == Lie::garbage) return {0, std::string(noise), "", {}};
  if (lie == Lie::silence) return {0, "", "", {}};
  return reply;
}

SlurmLiar::Reply SlurmLiar::sbatch(const Request& request, Lie lie) {
  Job job;
  job.script = request.input;
  job.name = directive(request.input, "job-name");
  job.node = job.name.substr(0, job.name.rfind('.'));
  job.token = job.name.substr(job.name.rfind('.') + 1);
  job.directory = directive(request.input, "chdir");
  job.out = directive(request.input, "output");
  job.err = directive(request.input, "error");
  job.begins = Steady::now();
  if (const auto begin = directive(request.input, "begin"); begin.starts_with("now+"))
    job.begins += std::chrono::seconds(std::stoi(begin.substr(4)));
  std::string parents;
  for (const auto& word : request.words) {
    if (word == "--hold") job.held = true;
    if (word.starts_with("--dependency=")) parents = word.substr(13);
  }
  depend(job, parents);
  if (job.never && settings_.refuses_unknown_parents) return failure("sbatch", "Job dependency problem");
  job.never = false;
  if (lie == Lie::refused_with_id) {
    job.state = "FAILED";
    job.exit = "1:0";
    job.submitted = job.ended = std::time(nullptr);
    job.left = Steady::now();
    job.refused = true;
    refused_.push_back(job.node);
    accept(std::move(job));
    return failure("sbatch", "Invalid account or account/partition combination specified");
  }
  if (lie == Lie::refused) {
    refused_.push_back(job.node);
    return failure("sbatch", "Invalid account or account/partition combination specified");
  }
  if (lie == Lie::late) {
    auto reply = failure("sbatch", std::string(timed_out));
    reply.delay = milliseconds(100);
    const auto share = 1 + counts_["sbatch"] % 4;
    on_their_way_.emplace_back(Steady::now() + latest_arrival * share / 4, std::move(job));
    return reply;
  }
  const auto id = accept(std::move(job));
  switch (lie) {
    case Lie::hung:
      return failure("sbatch", std::string(timed_out));
    case Lie::overdue:
      return {0, id + "\n", "", overdue_after};
    case Lie::garbage:
      return {0, std::string(noise.substr(0, 20)) + "\n", "", {}};
    case Lie::silence:
      return {0, "", "", {}};
    case Lie::failed_garbage:
      return {1, "", std::string(noise.substr(0, 20)) + "\n", {}};
    case Lie::failed_silence:
      return {1, "", "", {}};
    default:
      return {0, id + "\n", "", {}};
  }
}

const char* SlurmLiar::reason_of(const Job& job) {
  if (job.state != "PENDING") return "None";
  if (job.held) return "JobHeldUser";
  if (job.never) return "DependencyNeverSatisfied";
  if (!job.dependencies.empty()) return "Dependency";
  return Steady::now() < job.begins ? "BeginTime" : "Resources";
}

SlurmLiar::Reply SlurmLiar::squeue() {
  Reply reply;
  for (const auto& job : jobs_) {
    if (!in_memory(job)) continue;
    std::string waits;
    for (const auto& [kind, parent] : job.dependencies) {
      waits += fmt::format("{}{}:{}({})", waits.empty() ? "" : ",", kind, jobs_[parent].id,
                           job.never ? "failed" : "unfulfilled");
    }
    reply.out += fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}\n", job.id, job.state, job.submitted,
                             time_text(job.started, "N/A"), time_text(job.ended, "N/A"),
                             job.started == 0 ? "" : "node1", waits.empty() ? "(null)" : waits,
                             reason_of(job), job.name);
  }
  return reply;
}

SlurmLiar::Reply SlurmLiar::sacct(const Request& request) const {
  std::vector<std::string> ids, names;
  for (std::size_t i = 0; i + 1 < request.words.size(); ++i) {
    if (request.words[i] == "-j") ids = split(request.words[i + 1], ',');
    if (request.words[i] == "--name") names = split(request.words[i + 1], ',');
  }
  Reply reply;
  for (const auto& job : jobs_) {
    const Job::Row* row = nullptr;
    for (const auto& each : job.rows) {
      if (each.since + settings_.accounting_lag <= Steady::now()) row = &each;
    }
    if (!row) continue;
    if (names.empty() && std::ranges::find(ids, job.id) == ids.end()) continue;
    // By name within a time window: ended ones alone, and none that was never eligible.
    if (!names.empty() && (std::ranges::find(names, job.name) == names.end() || !catena::ended(row->state) ||
                           row->state == "REQUEUED" || (row->started == 0 && row->state == "CANCELLED")))
      continue;
    reply.out += fmt::format("{}|{}{}|{}|{}|{}|{}|{}|{}|{}\n", job.id, row->state,
                             row->state == "CANCELLED" ? " by 1003" : "", row->exit, job.submitted,
                             time_text(row->started, "Unknown"), time_text(row->ended, "Unknown"),
                             row->started == 0 ? "None assigned" : "node1", reason_of(job), job.name);
  }
  return reply;
}

SlurmLiar::Reply SlurmLiar::scancel(const Request& request) {
  for (std::size_t i = 1; i < request.words.size(); ++i) {
    auto* job = find(request.words[i]);
    if (!job || catena::ended(job->state)) continue;
    job->by_scancel = true;
    if (job->state == "PENDING") {
      end(*job, "CANCELLED", "0:0");
    } else {
      kill(-job->pid, SIGTERM);  // it has ended when its processes have
      job->killed = Steady::now() + kill_wait;
    }
  }
  return {};
}

SlurmLiar::Reply SlurmLiar::scontrol(const Request& request) {
  Reply reply;
  if (request.words.size() < 3) return {1, "", "too few words\n", {}};
  if (request.words[1] == "update") {
    auto* job = find(request.words[2].substr(std::strlen("JobId=")));
    if (!job) return {1, "", "slurm_update error: Invalid job id specified\n", {}};
    if (job->state != "PENDING") return {1, "", "Job is no longer pending execution\n", {}};
    job->never = false;
    depend(*job, request.words[3].substr(std::strlen("Dependency=")));
    job->never = false;
    return reply;
  }
  for (const auto& id : split(request.words[2], ',')) {
    auto* job = find(id);
    if (!job || catena::ended(job->state)) {
      reply.status = 1;
      reply.err +=
          (job ? "Job has already finished for job " : "Invalid job id specified for job ") + id + "\n";
    } else {
      job->held = request.words[1] == "hold";
    }
  }
  if (reply.status != 0) reply.err += "slurm_suspend error: Invalid job id specified\n";
  return reply;
}

// --- the controller

std::string SlurmLiar::accept(Job job) {
  job.id = std::to_string(next_id_++);
  job.accepted = Steady::now();
  if (job.submitted == 0) job.submitted = std::time(nullptr);
  if (!fates_.empty()) {
    job.fate = fates_.front();
    fates_.pop_front();
  } else if (settings_.lying > 0 && !truthful_) {
    std::seed_seq words{settings_.seed, std::uint64_t{77}, static_cast<std::uint64_t>(jobs_.size())};
    std::mt19937_64 random(words);
    if (std::uniform_real_distribution<>(0, 1)(random) < settings_.lying / 2)
      job.fate = static_cast<Fate>(1 + random() % 6);
  }
  jobs_.push_back(std::move(job));
  write_row(jobs_.back());
  return jobs_.back().id;
}

// Sets `never` where a parent is not known; otherwise the form decides, when it is looked at.
void SlurmLiar::depend(Job& job, const std::string& list) {
  job.dependencies.clear();
  for (const auto& group : split(list, ',')) {
    auto parts = split(group, ':');
    for (std::size_t i = 1; i < parts.size(); ++i) {
      if (const auto* parent = find(parts[i])) {
        const auto place = std::ranges::find_if(jobs_, [&](const Job& each) { return &each == parent; });
        job.dependencies.push_back({parts[0], static_cast<std::size_t>(place - jobs_.begin())});
      } else if (parts[0] == "afterok" || parts[0] == "afternotok") {
        job.never = true;
      }
    }
  }
}

SlurmLiar::Job* SlurmLiar::find(const std::string& id) {
  const auto found = std::find_if(jobs_.rbegin(), jobs_.rend(), [&](const Job& job) { return job.id == id; });
  return found == jobs_.rend() || !in_memory(*found) ? nullptr : &*found;
}

bool SlurmLiar::in_memory(const Job& job) const {
  return !job.lost && (!catena::ended(job.state) || Steady::now() - job.left < settings_.min_job_age);
}

void SlurmLiar::tick() {
  const auto now = Steady::now();
  for (std::size_t i = 0; i < on_their_way_.size();) {
    if (on_their_way_[i].first > now) {
      ++i;
      continue;
    }
    accept(std::move(on_their_way_[i].second));
    on_their_way_.erase(on_their_way_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  int running = 0;
  for (auto& job : jobs_) {
    if (job.pid == 0) continue;
    ++running;
    if (job.fate != Fate::by_itself && !job.struck && now >= job.strikes) strike(job);
    if (now >= job.killed) kill(-job.pid, SIGKILL);
    reap(job);
  }
  for (auto& job : jobs_) {
    if (job.state != "PENDING" || job.lost) continue;
    std::erase_if(job.dependencies, [&](const Job::Dependency& each) {
      const auto& parent = jobs_[each.parent];
      const bool over = ended(parent.state), good = parent.state == "COMPLETED";
      if (each.kind == "after") return parent.starts > 0 || over;
      if ((each.kind == "afterok" && over && !good) || (each.kind == "afternotok" && over && good))
        job.never = true;
      return each.kind == "afterany" ? over : each.kind == "afterok" ? good : over && !good;
    });
    if (job.held || job.never || !job.dependencies.empty() || now < job.begins) continue;
    if (running >= settings_.slots) continue;
    ++running;
    start(job);
  }
}

void SlurmLiar::start(Job& job) {
  const auto script = (folder_ / fmt::format("{}.{}.sh", job.id, job.token)).string();
  std::ofstream(script, std::ios::binary) << job.script;
  const auto doomed = folder_ / "doomed" / job.id;
  const bool dies = job.fate != Fate::by_itself && !job.struck;
  if (dies) {
    std::ofstream(doomed) << "";
  } else {
    std::filesystem::remove(doomed);
  }
  const std::string id = "SLURM_JOB_ID=" + job.id;
  const std::string restarts = "SLURM_RESTART_COUNT=" + std::to_string(job.starts);
  const std::string liar = "CATENA_LIAR_DOOMED=" + doomed.string();
  // The batch step outlives a TERM to its process group until the script has ended.
  const char* const words[] = {
      "env",
      id.c_str(),
      restarts.c_str(),
      liar.c_str(),
      "sh",
      "-c",
      "trap : TERM; cd -- \"$1\" || exit 1; bash \"$2\" > \"$3\" 2> \"$4\" < /dev/null",
      "sh",
      job.directory.c_str(),
      script.c_str(),
      job.out.c_str(),
      job.err.empty() ? job.out.c_str() : job.err.c_str(),
      nullptr};
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnp(&job.pid, "env", nullptr, &attributes, const_cast<char* const*>(words), environ);
  posix_spawnattr_destroy(&attributes);
  ++job.starts;
  job.state = "RUNNING";
  job.started = std::time(nullptr);
  job.strikes = Steady::now() + strikes_after;
  write_row(job);
}

void SlurmLiar::strike(Job& job) {
  job.struck = true;
  const bool with_a_word =
      job.fate == Fate::timeout || job.fate == Fate::preempted || job.fate == Fate::requeued_with_a_word;
  kill(-job.pid, with_a_word ? SIGTERM : SIGKILL);
  job.killed = Steady::now() + kill_wait;
}

void SlurmLiar::reap(Job& job) {
  int status = 0;
  if (waitpid(job.pid, &status, WNOHANG) != job.pid) return;
  kill(-job.pid, SIGKILL);  // what the script has left behind
  job.pid = 0;
  job.killed = Steady::time_point::max();
  if (job.by_scancel) return end(job, "CANCELLED", "0:0");
  if (job.struck && job.fate != Fate::by_itself) {
    const auto fate = std::exchange(job.fate, Fate::by_itself);
    switch (fate) {
      case Fate::timeout:
        return end(job, "TIMEOUT", "0:0");
      case Fate::out_of_memory:
        return end(job, "OUT_OF_MEMORY", "0:125");
      case Fate::node_fail:
        return end(job, "NODE_FAIL", "0:0");
      case Fate::preempted:
        return end(job, "PREEMPTED", "0:0");
      default:
        break;
    }
    job.state = "REQUEUED";
    job.ended = std::time(nullptr);
    write_row(job);
    job.state = "PENDING";
    job.started = job.ended = 0;
    job.begins = Steady::now() + requeue_delay;
    return;
  }
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (code == 0 && signal == 0) return end(job, "COMPLETED", "0:0");
  end(job, "FAILED", fmt::format("{}:{}", code % 128, signal));  // 22.05 and 24.11 lose 128
}

void SlurmLiar::end(Job& job, const std::string& state, const std::string& exit) {
  job.state = state;
  job.exit = exit;
  job.ended = std::time(nullptr);
  job.left = Steady::now();
  write_row(job);
}

void SlurmLiar::write_row(Job& job) {
  job.rows.push_back({Steady::now(), job.state, job.exit, job.started, job.ended});
}

}  // namespace catena
