"""The project's C rules: cc_library, cc_binary and cc_test with its language and warnings."""

COPTS = [
    "-std=gnu11",
    "-D_GNU_SOURCE",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wshadow",
    "-Wformat=2",
    "-Wvla",
    "-Wcast-qual",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Wno-missing-field-initializers",
    "-Werror",
]

def docbridge_cc_library(name, copts = [], **kwargs):
    native.cc_library(
        name = name,
        copts = COPTS + copts,
        linkstatic = True,
        **kwargs
    )

def docbridge_cc_binary(name, deps = [], copts = [], **kwargs):
    native.cc_binary(
        name = name,
        copts = COPTS + copts,
        deps = deps + ["//bazel:sanitizer"],
        linkstatic = True,
        **kwargs
    )

def docbridge_cc_test(name, deps = [], copts = [], size = "small", **kwargs):
    """A cmocka test. Static linking of our own code lets -Wl,--wrap replace a function."""
    native.cc_test(
        name = name,
        copts = COPTS + copts,
        deps = deps + [
            "//bazel:sanitizer",
            "@system//:cmocka",
        ],
        linkstatic = True,
        size = size,
        **kwargs
    )
