"""Files inside the program: each becomes a byte array with its length, closed by a NUL."""

def embed(name, src, symbol, visibility = None):
    """A C library `name` with `extern const unsigned char symbol[]` and `extern const size_t symbol_len`."""
    native.genrule(
        name = name + "_gen",
        srcs = [src],
        outs = [name + ".c", name + ".h"],
        cmd = """
            { echo '#include "%s/%s.h"'
              echo 'const unsigned char %s[] = {'
              od -An -v -tx1 $(location %s) | sed 's/ \\(..\\)/0x\\1,/g'
              echo '0};'
              echo 'const size_t %s_len = sizeof(%s) - 1;'
            } > $(location %s.c)
            { echo '#pragma once'
              echo '#include <stddef.h>'
              echo 'extern const unsigned char %s[];'
              echo 'extern const size_t %s_len;'
            } > $(location %s.h)
        """ % (native.package_name(), name, symbol, src, symbol, symbol, name, symbol, symbol, name),
    )
    native.cc_library(
        name = name,
        srcs = [name + ".c"],
        hdrs = [name + ".h"],
        linkstatic = True,
        visibility = visibility,
    )
