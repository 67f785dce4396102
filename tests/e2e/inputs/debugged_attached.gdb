backtrace
print total
set variable total = 77
call add(3)
print points
detach
