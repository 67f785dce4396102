set(exos_process_sources
  guard.cpp protection_keys.cpp
  entry.cpp start.cpp random.cpp capability_slots.cpp heap.cpp user_memory.cpp copy_routines.cpp sched.cpp shares.cpp processor.cpp container_lock.cpp timer.cpp futex.cpp
  memory.cpp memory_fault.cpp memory_change.cpp memory_visit.cpp memory_counts.cpp swap_map.cpp swap.cpp pager.cpp pager_programs.cpp pager_files.cpp pager_request.cpp
  task.cpp process.cpp jobs.cpp process_handle.cpp cpu_timers.cpp load_average.cpp missing_requests.cpp futex_pi.cpp futex_waitv.cpp rseq.cpp process_report.cpp fork.cpp exec.cpp exec_stack.cpp
  signal.cpp signal_frame.cpp calls.cpp quick_calls.cpp call_classes.cpp call_summary.cpp strace.cpp strace_values.cpp strace_flags.cpp strace_structures.cpp
  crash.cpp core_dump.cpp core_notes.cpp vdso.cpp patch.cpp patch_file.cpp
  system_v/table.cpp system_v/shared_memory.cpp system_v/semaphores.cpp system_v/messages.cpp
  trace/trace.cpp trace/stops.cpp trace/registers.cpp calls/ptrace.cpp calls/ptrace_registers.cpp
  calls/process.cpp calls/waiting.cpp calls/memory.cpp calls/memory_locks.cpp calls/signal.cpp calls/pidfd.cpp calls/process_vm.cpp calls/time.cpp calls/thread.cpp calls/misc.cpp calls/identity.cpp)
