// SPDX-License-Identifier: MIT
#include "exo/bench_guest.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include "exo/bench_app.hpp"
#include "exo/bench_text.hpp"
#include "exo/cpio_writer.hpp"
#include "exo/run.hpp"
#include "exo/scratch_folder.hpp"
#include "exo/session.hpp"
#include "exo/size.hpp"

namespace exo {
namespace {

constexpr std::uint64_t guest_memory = 512 * mib;
constexpr int linux_limit_ms = 1'200'000;  // of a whole guest: its init ends rows that hang

// What a guest said and what the plugin wrote.
struct Output {
  SessionEnd end;
  std::string out, plugin;
};

std::string read_all(int file) {
  std::string text;
  char buffer[1 << 16];
  for (::off_t at = 0;;) {
    const ssize_t n = ::pread(file, buffer, sizeof buffer, at);
    if (n <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
    at += n;
  }
}

constexpr const char *rings_plugin = "bench/rings.so", *profile_plugin = "bench/profile.so";

Result<Output> run_machine(const Locations& at, MachinePlan machine, const BenchPlan& plan, int limit_ms, const char* plugin_name = rings_plugin) {
  const ScratchFolder scratch;
  const auto plugin = at.build / plugin_name;
  apply_plan(machine, plan, std::filesystem::exists(plugin) ? plugin.string() + ",out=" + scratch.file("shares") + machine.plugin : "");
  const Descriptor out{::memfd_create("exo-bench-out", MFD_CLOEXEC)}, null{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  if (!out || !null) return fail_errno("cannot make a memory file");
  Machine started = TRY(start_machine(machine));
  Session session{started, {.in = null.get(), .out = out.get(), .err = out.get(), .timeout_ms = limit_ms}};
  Output output{.end = session.run(), .out = read_all(out.get()), .plugin = contents_of(scratch.file("shares"))};
  if (output.end.kind == SessionEnd::Kind::signalled) return fail(128 + output.end.status, "interrupted");
  return output;
}

// So that both systems' words are read by one function.
std::string as_log(const BenchRow& row, const Output& output) {
  std::string log = "begin " + row.name + "\n" + output.out;
  if (!log.ends_with('\n')) log += "\n";
  if (output.end.kind == SessionEnd::Kind::exited) return log + "end " + row.name + " " + std::to_string(output.end.status) + "\n";
  if (output.end.kind == SessionEnd::Kind::timed_out) return log + "it took too long\n";
  return log + output.end.log + output.end.qemu_words;
}

Status add_folder(CpioWriter& writer, const char* name) { return writer.add_bytes(name, "", S_IFDIR | 0755); }

Status add_init(CpioWriter& writer, const Locations& at) {
  TRY_VOID(writer.add_device("dev/console", 5, 1));
  return writer.add_host_file("init", (at.build / "bench/drivers/init").string());
}

// init, the rows, and what the tree holds.
Result<Archive> make_initramfs(const Locations& at, const std::vector<BenchRow>& rows, const Tree* tree) {
  Archive archive{.file = Descriptor{::memfd_create("exo-initramfs", MFD_CLOEXEC)}};
  if (!archive.file) return fail_errno("cannot make a memory file");
  CpioWriter writer{archive.file.get(), CpioWriter::Data::packed};
  if (tree != nullptr) TRY_VOID(writer.add_tree(".", *tree));
  for (const char* folder : {"rows", "proc", "sys", "dev", "tmp"}) TRY_VOID(add_folder(writer, folder));
  TRY_VOID(add_init(writer, at));
  for (const BenchRow& row : rows) TRY_VOID(writer.add_host_file("rows/" + row.name, row.program.string()));
  TRY_VOID(writer.finish());
  archive.size = writer.size();
  return archive;
}

Result<Samples> run_linux_once(const Locations& at, const std::vector<BenchRow>& rows, const BenchPlan& plan, LinuxTuning tuning, const Tree* tree = nullptr) {
  const Archive archive = TRY(make_initramfs(at, rows, tree));
  MachinePlan machine{.qemu = TRY(find_qemu("")),
                      .console = Console::none,
                      .memory = guest_memory,
                      .kernel = TRY(find_linux_kernel(at)),
                      .command_line = linux_command_line(rows, tuning, plan.limit_s),
                      .archive = archive.file.get()};
  machine.without = features_without(tuning, plan);
  const Output output = TRY(run_machine(at, machine, plan, linux_limit_ms));
  Samples samples = read_samples(output.end.log, output.plugin);
  if (samples.empty()) return fail(own_failure, "Linux did not start:\n" + output.end.log + output.end.qemu_words);
  return samples;
}

constexpr const char* fixed_wall = "wall=1700000000000000000";  // the same in every run: so is what depends on it

RunOptions options_of(const BenchRow& row) {
  RunOptions options;
  options.acceleration = RunOptions::Acceleration::tcg;
  options.memory = guest_memory;
  options.swap = 0;
  options.folder = "/tmp";
  options.guard = row.guard;
  options.command = {row.program.string()};
  return options;
}

Result<Prepared> prepare_row(const Locations& at, const BenchRow& row) {
  Prepared ready = TRY(prepare(at, options_of(row)));
  ready.machine.command_line = fixed_wall;
  return ready;
}

// The scripts lie in a folder that the guest sees as /app; it must live until the tree has been read.
Result<Prepared> prepare_app(const Locations& at, const BenchApp& app, const ScratchFolder& scratch) {
  for (const auto& [name, text] : app.files) TRY_VOID(write_text(scratch.file(name.c_str()), text));
  RunOptions options = options_of(app.row);
  options.volumes = {Volume{.host = scratch.path(), .guest = "/app"}};
  options.copies = {"sh"};
  for (const std::string& copy : app.copies) options.copies.push_back(copy.starts_with('@') ? first_line_of(copy.substr(1)) : copy);
  Prepared ready = TRY(prepare(at, options));
  ready.machine.command_line = fixed_wall;
  return ready;
}

Result<ProfiledRow> profile_machine(const Locations& at, const BenchRow& row, MachinePlan machine, int skip, int take, int limit_s) {
  machine.plugin = ",skip=" + std::to_string(skip) + ",take=" + std::to_string(take);
  Output output = TRY(run_machine(at, machine, {}, limit_s * 1000, profile_plugin));
  return ProfiledRow{.sample = read_samples(as_log(row, output), "").at(row.name), .counts = std::move(output.plugin)};
}

}  // namespace

Result<Sample> run_row_on_exos(const Locations& at, const BenchRow& row, const BenchPlan& plan) {
  const Prepared ready = TRY(prepare_row(at, row));
  const Output output = TRY(run_machine(at, ready.machine, plan, plan.limit_s * 1000));
  return read_samples(as_log(row, output), output.plugin).at(row.name);
}

Result<Samples> run_app(const Locations& at, const BenchApp& app, const BenchPlan& plan, std::optional<LinuxTuning> tuning) {
  const ScratchFolder scratch;
  const Prepared ready = TRY(prepare_app(at, app, scratch));
  if (tuning) {
    auto samples = run_linux_once(at, {app.row}, plan, *tuning, &ready.packer.tree());
    return samples.has_value() ? *samples : Samples{{app.row.name, Sample{.failure = samples.error().text}}};
  }
  const Output output = TRY(run_machine(at, ready.machine, plan, plan.limit_s * 1000));
  return read_samples(as_log(app.row, output), output.plugin);
}

Result<ProfiledRow> profile_app_on_exos(const Locations& at, const BenchApp& app) {
  const ScratchFolder scratch;
  const Prepared ready = TRY(prepare_app(at, app, scratch));
  const AppMarks marks = marks_of(app);
  constexpr int limit_s = 600;  // counting by address takes its time
  return profile_machine(at, app.row, ready.machine, marks.skip, marks.take, limit_s);
}

Result<ProfiledRow> profile_row_on_exos(const Locations& at, const BenchRow& row) {
  const Prepared ready = TRY(prepare_row(at, row));
  // All batches of nothing, and the first of the work, are warm-up.
  return profile_machine(at, row, ready.machine, 2 * row_warm_up + row_batches, row_batches, BenchPlan{}.limit_s);
}

void apply_plan(MachinePlan& machine, const BenchPlan& plan, const std::string& plugin) {
  machine.icount = machine.repeats = plan.icount;
  machine.accelerator = plan.icount ? Accelerator::tcg : plan.timed_with;
  machine.plugin = plan.icount ? plugin : "";
}

// Repeated string instructions count once for each of their steps. Under emulation a change of protection keys costs as much as a
// change of the address space: for times Linux does without.
std::string features_without(LinuxTuning tuning, const BenchPlan& plan) {
  if (tuning != LinuxTuning::fairest) return "";
  if (plan.icount) return ",-erms,-fsrm";
  return plan.timed_with == Accelerator::tcg ? ",-pku" : "";
}

// A row that takes the kernel down, or its guest, is left out the next time.
Result<Samples> run_rows_on_linux(const Locations& at, const std::vector<BenchRow>& rows, const BenchPlan& plan, LinuxTuning tuning) {
  Samples all;
  std::vector<BenchRow> left = rows;
  while (!left.empty()) {
    all.merge(TRY(run_linux_once(at, left, plan, tuning)));
    std::erase_if(left, [&](const BenchRow& row) { return all.contains(row.name); });
  }
  return all;
}

std::string linux_command_line(const std::vector<BenchRow>& rows, LinuxTuning tuning, int limit_s) {
  std::string line = "console=ttyS0 quiet loglevel=0 panic=-1 limit=" + std::to_string(limit_s) + " rows=";
  for (const BenchRow& row : rows) line += row.name + (&row == &rows.back() ? "" : ",");
  if (tuning == LinuxTuning::fairest)
    line += " mitigations=off init_on_alloc=0 apparmor=0 audit=0 hardened_usercopy=off preempt=none tsc=reliable nokaslr";
  return line;
}

}  // namespace exo
