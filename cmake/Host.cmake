# Flags of what runs on the host: the `exo` tool and the unit tests, with the same compiler and its own libc++.
add_library(exo_host INTERFACE)
target_compile_options(exo_host INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-stdlib=libc++>)
# The library is linked in: Debian pairs the headers of 22 with the shared library of 19, which lacks symbols.
target_link_options(exo_host INTERFACE -stdlib=libc++ -static-libstdc++ -fuse-ld=lld)
target_include_directories(exo_host INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_link_libraries(exo_host INTERFACE exo_warnings)

# Address and undefined-behaviour sanitisers, for tests.
add_library(exo_sanitised INTERFACE)
target_compile_options(exo_sanitised INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
target_link_options(exo_sanitised INTERFACE -fsanitize=address,undefined)
