set(exos_seldom_used
  strace.cpp strace_values.cpp strace_flags.cpp strace_structures.cpp call_classes.cpp call_summary.cpp missing_requests.cpp
  crash.cpp guard.cpp protection_keys.cpp core_dump.cpp core_notes.cpp run_description.cpp archive.cpp volume.cpp files_start.cpp load_average.cpp
  terminal_ioctl.cpp line_input.cpp process_handle.cpp pager_request.cpp futex_pi.cpp futex_waitv.cpp shares.cpp
  trace/trace.cpp trace/stops.cpp trace/registers.cpp calls/ptrace.cpp calls/ptrace_registers.cpp calls/process_vm.cpp calls/pidfd.cpp
  calls/identity.cpp calls/misc.cpp calls/memory_locks.cpp calls/extended.cpp calls/inotify.cpp calls/signal_file.cpp calls/io_uring.cpp
  calls/userfault.cpp fs/userfault_file.cpp userfault_pages.cpp
  fs/proc.cpp fs/proc_memory.cpp fs/proc_process.cpp fs/proc_system.cpp fs/pseudo_terminal.cpp fs/locks.cpp fs/inotify.cpp fs/extended.cpp
  fs/device.cpp fs/console.cpp fs/terminal_file.cpp fs/socket_names.cpp terminal.cpp line_discipline.cpp console_terminal.cpp
  process_report.cpp calls/directory.cpp calls/attributes.cpp
  system_v/table.cpp system_v/shared_memory.cpp system_v/semaphores.cpp system_v/messages.cpp)
