# Flags of everything that runs on Aegis or is Aegis. `aegis_freestanding` is common; the kernel and user halves add theirs.
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-resource-dir OUTPUT_VARIABLE clang_resources OUTPUT_STRIP_TRAILING_WHITESPACE)
get_filename_component(llvm_root ${clang_resources}/../../.. REALPATH)
set(freestanding_target x86_64-unknown-none-elf)
set(freestanding_flags
  --target=${freestanding_target} -ffreestanding -fno-exceptions -fno-rtti -mno-red-zone -fno-threadsafe-statics
  -mno-mmx -mno-sse -mno-sse2 -mno-implicit-float -fno-pic -fno-pie -ffunction-sections -fdata-sections
  -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fcf-protection=none)

add_library(aegis_freestanding INTERFACE)
target_compile_options(aegis_freestanding INTERFACE ${freestanding_flags}
  "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-nostdinc++ -isystem ${CMAKE_SOURCE_DIR}/cmake/freestanding-cxx -isystem ${llvm_root}/include/c++/v1 -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu>")
target_include_directories(aegis_freestanding INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
# Linked as for Linux: for a bare target clang would look for a gcc to link with.
target_link_options(aegis_freestanding INTERFACE --target=x86_64-linux-gnu -nostdlib -static -fuse-ld=lld
  -Wl,--gc-sections -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--build-id=sha1)
target_link_libraries(aegis_freestanding INTERFACE exo_warnings)

# Ring 0: the kernel code model and a stack canary. (clang ignores -mstack-protector-guard=tls on a target without an OS,
# so the canary is one global, seeded while booting and read-only from then on.)
add_library(aegis_kernel_flags INTERFACE)
target_compile_options(aegis_kernel_flags INTERFACE -mcmodel=kernel -momit-leaf-frame-pointer -DAEGIS_KERNEL=1
  $<$<NOT:$<COMPILE_LANGUAGE:ASM>>:-fstack-protector-strong>)
target_link_libraries(aegis_kernel_flags INTERFACE aegis_freestanding)

# Ring 3 on Aegis: library OSes, init, test programs. Linked anywhere in the low half, hence the large code model is not
# needed for an image within 2 GiB of itself when it is position-independent: -fpie without a dynamic section.
add_library(aegis_user_flags INTERFACE)
target_compile_options(aegis_user_flags INTERFACE -DAEGIS_USER=1 $<$<NOT:$<COMPILE_LANGUAGE:ASM>>:-fno-stack-protector>)
# Linked last, so that its flag stands behind the common -fno-pie and wins.
add_library(aegis_position_independent INTERFACE)
target_compile_options(aegis_position_independent INTERFACE $<$<NOT:$<COMPILE_LANGUAGE:ASM>>:-fpie>)
target_link_libraries(aegis_user_flags INTERFACE aegis_freestanding aegis_position_independent)
