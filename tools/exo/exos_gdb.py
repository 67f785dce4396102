# SPDX-License-Identifier: MIT
"""Programs of a container, for gdb on a whole guest (`exo gdb`).

  exo processes          the container's processes
  exo process PID|NAME   from now on breakpoints count in this one only, and its program and libraries have their symbols

The guest knows nothing of this: what is asked is in ExOS's own memory, found from the running processor's gs and by the types of
exos.elf. A breakpoint that another process meets goes on at once. While gdb holds the guest all of it stands still.
"""
import os

import gdb

LIBRARY_AT = 512                 # abi::UserArea::library, where exos::TaskArea lies
chosen = None                    # pid
wanted = globals().get('exo_wanted')   # set by `exo gdb --process`, before this file is read: a name or a pid
symbols = {}                     # path -> address that it was loaded for


def load(address, type_name):
    return gdb.Value(address).cast(gdb.lookup_type(type_name).pointer()).dereference()


def current_process():
    """The process whose code, or library code for it, this processor runs; None: the kernel, or a root env."""
    try:
        if int(gdb.parse_and_eval('$cs')) & 3 == 0:
            return None
        task = load(int(gdb.parse_and_eval('$gs_base')) + LIBRARY_AT, 'exos::TaskArea')['task']
        process = task['process'] if int(task) != 0 else 0
        return process.dereference() if int(process) != 0 else None
    except gdb.error:
        return None


def text(string):
    bytes_ = string['bytes_']
    size = int(bytes_['size_'])
    return bytes_['data_'].string('utf-8', 'replace', length=size) if size else ''


def memory_of(process):
    memory = process['memory']['object_']
    return memory.dereference() if int(memory) != 0 else None


def path_of(process):
    memory = memory_of(process)
    return text(memory['executable']) if memory is not None else ''


def processes():
    head = gdb.parse_and_eval('&exos::process_table.head_')
    kind = gdb.lookup_type('exos::Process')
    offset = next(f.bitpos // 8 for f in kind.fields() if f.name == 'in_table')
    at = head['next']
    while at != head:
        yield load(int(at) - offset, 'exos::Process')
        at = at['next']


def is_wanted(process, by):
    return str(int(process['pid'])) == by or os.path.basename(path_of(process)) == os.path.basename(by)


def mapped_files(process):
    """Path and load address of each file with code."""
    memory = memory_of(process)
    found = {}
    if memory is None:
        return found
    areas = memory['areas']
    for i in range(int(areas['size_'])):
        area = areas['data_'][i].dereference()
        if int(area['path']['object_']) == 0 or bool(area['stubs']):
            continue
        path = text(area['path']['object_'].dereference()['text'])
        if path.startswith('/'):
            found.setdefault(path, int(area['start']) - int(area['file_page']) * 4096)
    return found


def first_segment(path):
    """The address that the file's first page has in the file's own eyes: 0 unless it is linked to a fixed place."""
    with open(path, 'rb') as file:
        head = file.read(4096)
    at, count = int.from_bytes(head[32:40], 'little'), int.from_bytes(head[56:58], 'little')
    for i in range(count):
        entry = head[at + i * 56:at + i * 56 + 56]
        if int.from_bytes(entry[0:4], 'little') == 1:
            return int.from_bytes(entry[16:24], 'little') & ~4095
    return 0


def load_symbols(process):
    for path, address in mapped_files(process).items():
        if symbols.get(path) == address or not os.path.exists(path):
            continue
        try:
            offset = address - first_segment(path)
            gdb.execute('add-symbol-file "%s" -o %d' % (path, offset), to_string=True)
            symbols[path] = address
        except (gdb.error, OSError) as error:
            print('exo: no symbols of %s: %s' % (path, error))
            symbols[path] = address


def forget_symbols():
    for path in symbols:
        try:
            gdb.execute('remove-symbol-file "%s"' % path, to_string=True)
        except gdb.error:
            pass
    symbols.clear()


def choose(process):
    global chosen
    forget_symbols()
    chosen = int(process['pid'])
    load_symbols(process)
    print('exo: process %d, %s' % (chosen, path_of(process)))


class Chosen(gdb.Function):
    """$_exo_chosen(): does the chosen process run here?"""

    def __init__(self):
        super().__init__('_exo_chosen')

    def invoke(self):
        process = current_process()
        return process is not None and int(process['pid']) == chosen


class Start(gdb.Breakpoint):
    """Where a program's first instruction is next: the one that was asked for stops here."""

    def __init__(self):
        super().__init__('exos_program_starts', internal=True)
        self.seen = 0

    def stop(self):
        global chosen
        process = current_process()
        if process is None:
            return False
        pid = int(process['pid'])
        memory = int(process['memory']['object_'])   # another at each exec: a stop that is told twice counts once
        if memory == self.seen or not (pid == chosen or (chosen is None and wanted and is_wanted(process, wanted))):
            return False
        chosen, self.seen = pid, memory
        return True


def on_stop(event):
    process = current_process()
    if process is None or int(process['pid']) != chosen:
        return
    if path_of(process) not in symbols:
        choose(process)
    else:
        load_symbols(process)


def on_breakpoint(breakpoint):
    if (chosen is None and not wanted) or isinstance(breakpoint, Start) or breakpoint.type == gdb.BP_CATCHPOINT:
        return
    own = breakpoint.condition
    if own is None or '_exo_chosen' not in own:
        breakpoint.condition = '$_exo_chosen()' if own is None else '$_exo_chosen() && (%s)' % own


class Exo(gdb.Command):
    def __init__(self):
        super().__init__('exo', gdb.COMMAND_STATUS, prefix=True)


class Processes(gdb.Command):
    """The container's processes: pid, parent, threads, program. The chosen one has a star."""

    def __init__(self):
        super().__init__('exo processes', gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for process in processes():
            parent = process['parent']
            print('%s%5d %5d %3d %s' % ('*' if int(process['pid']) == chosen else ' ', int(process['pid']),
                                        int(parent['pid']) if int(parent) != 0 else 0, int(process['tasks_alive']), path_of(process)))


class ChooseProcess(gdb.Command):
    """exo process PID|NAME: breakpoints that are set from now on count in it only; its program and libraries have their symbols."""

    def __init__(self):
        super().__init__('exo process', gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for process in processes():
            if not bool(process['exited']) and is_wanted(process, argument.strip()):
                return choose(process)
        raise gdb.GdbError('no process ' + argument)


Chosen()
Exo()
Processes()
ChooseProcess()
if wanted:
    Start()
gdb.events.stop.connect(on_stop)
gdb.events.breakpoint_created.connect(on_breakpoint)
