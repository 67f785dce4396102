set can-use-hw-watchpoints 0
break add if i == 3
run
backtrace
info breakpoints
print points
print total
next
step
info locals
watch total
continue
delete
break deeper if n == 0
continue
backtrace
finish
delete
handle SIGUSR1 stop print
continue
print $_siginfo.si_signo
break handler
continue
backtrace 2
stepi
x/i $pc
delete
break thread
continue
thread
print *(int *)number
delete
set variable total = 5000
catch syscall write
catch fork
continue
continue
print add(1)
print (int) getpid() > 1
delete
continue
print $_exitcode
break _exit
run
x/4i $pc
stepi 5
info symbol $pc
delete
kill
set follow-fork-mode child
handle SIGUSR1 nostop noprint
break add if i == 1000
run
backtrace
continue
