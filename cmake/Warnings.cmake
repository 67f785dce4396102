# One set of warnings for all of our own code; all are errors.
add_library(exo_warnings INTERFACE)
target_compile_options(exo_warnings INTERFACE
  $<$<NOT:$<COMPILE_LANGUAGE:ASM>>:-Wall -Wextra -Werror -Wshadow -Wconversion -Wsign-conversion -Wformat=2
  -Wimplicit-fallthrough -Wmissing-declarations -Wno-missing-designated-field-initializers -Wno-gnu-statement-expression
  -Wno-c99-designator>
  $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual -Wzero-as-null-pointer-constant>)
