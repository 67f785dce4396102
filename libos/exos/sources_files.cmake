set(exos_files_sources
  files_start.cpp run_description.cpp archive.cpp volume.cpp link.cpp terminal.cpp terminal_ioctl.cpp line_input.cpp line_discipline.cpp console_terminal.cpp
  fs/path.cpp fs/open_file.cpp fs/descriptors.cpp fs/page_tree.cpp fs/memory_file.cpp fs/memory_directory.cpp fs/locks.cpp
  fs/device.cpp fs/console.cpp fs/terminal_file.cpp fs/pseudo_terminal.cpp fs/pipe.cpp fs/event.cpp fs/epoll.cpp fs/endpoint.cpp fs/socket_names.cpp fs/socket.cpp fs/extended.cpp fs/inotify.cpp fs/signal_file.cpp
  fs/proc.cpp fs/proc_memory.cpp fs/proc_process.cpp fs/proc_system.cpp
  calls/io.cpp calls/file.cpp calls/directory.cpp calls/attributes.cpp calls/poll.cpp calls/pipe.cpp
  calls/extended.cpp calls/inotify.cpp calls/splice.cpp calls/signal_file.cpp
  calls/event.cpp calls/epoll.cpp calls/io_uring.cpp uring/ring.cpp uring/operations.cpp uring/worker.cpp
  calls/userfault.cpp fs/userfault_file.cpp userfault_pages.cpp calls/socket.cpp calls/socket_message.cpp calls/socket_options.cpp)
