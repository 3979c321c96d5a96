"""Debian's libraries and protocol definitions as Bazel repositories."""

# name of the target in @system: (pkg-config module, least version, what to link)
# utf8proc 2.8.0 calls itself 2.6.0 there.
_LIBRARIES = {
    "cmocka": ("cmocka", "1.1.5", ["-lcmocka"]),
    "crypto": ("libcrypto", "3.0.0", ["-lcrypto"]),
    "curl": ("libcurl", "7.88.1", ["-lcurl"]),
    "grpc": ("grpc", "29.0.0", None),
    "inih": ("inih", "55", ["-linih"]),
    "jansson": ("jansson", "2.14", ["-ljansson"]),
    "jemalloc": ("jemalloc", "5.3.0", ["-ljemalloc"]),
    "jose": ("jose", "11", ["-ljose", "-ljansson"]),
    "microhttpd": ("libmicrohttpd", "0.9.75", ["-lmicrohttpd"]),
    "pq": ("libpq", "15", ["-lpq"]),
    "protobuf_c": ("libprotobuf-c", "1.4.1", ["-lprotobuf-c"]),
    "smartcols": ("smartcols", "2.38", ["-lsmartcols"]),
    "sodium": ("libsodium", "1.0.18", ["-lsodium"]),
    "ssl": ("libssl", "3.0.0", ["-lssl"]),
    "utf8proc": ("libutf8proc", "2.6.0", ["-lutf8proc"]),
    "xxhash": ("libxxhash", "0.8.1", ["-lxxhash"]),
    "xml2": ("libxml-2.0", "2.9.14", ["-lxml2"]),
    "yajl": ("yajl", "2.1.0", ["-lyajl"]),
}

_LIBRARY = """
cc_library(
    name = "{name}",
    hdrs = glob(["{name}/**/*.h"], allow_empty = True),
    includes = ["{name}"],
    linkopts = {linkopts},
)
"""

def _run(ctx, command):
    result = ctx.execute(command)
    if result.return_code != 0:
        fail("%s: %s%s" % (" ".join(command), result.stdout, result.stderr))
    return result.stdout.strip()

# gRPC and what is below it as archives: calls between them, and each look at a thread's own data,
# cost more across shared libraries, a twelfth of all instructions of a small call. A sanitizer must
# be able to tell what is not instrumented, by the library that it is in.
_GRPC = """
cc_library(
    name = "grpc",
    linkopts = select({{
        "@//bazel:sanitized": ["-lgrpc", "-lgpr"],
        "//conditions:default": {archives} + ["-lre2", "-lcares", "-lz", "-lssl", "-lcrypto", "-lstdc++"],
    }}),
)
"""

def _grpc(ctx, pkg_config):
    archives = {}
    for flag in _run(ctx, [pkg_config, "--static", "--libs-only-l", "grpc"]).split(" "):
        if flag.startswith("-labsl_") or flag in ["-lgrpc", "-lgpr", "-lupb", "-laddress_sorting"]:
            archives[flag] = None
    group = ["-Wl,-Bstatic", "-Wl,--start-group"] + archives.keys() + ["-Wl,--end-group", "-Wl,-Bdynamic"]
    return _GRPC.format(archives = repr(group))

def _system_libraries_impl(ctx):
    pkg_config = ctx.which("pkg-config")
    if not pkg_config:
        fail("pkg-config is missing: ./dev installs it")
    build = ["package(default_visibility = [\"//visibility:public\"])"]
    for name, (module, version, linkopts) in _LIBRARIES.items():
        if ctx.execute([pkg_config, "--atleast-version=" + version, module]).return_code != 0:
            fail("%s %s or newer is missing: ./dev installs it" % (module, version))

        # A folder below /usr/include that only this library's flags name: postgresql, libxml2.
        for flag in _run(ctx, [pkg_config, "--cflags-only-I", module]).split(" "):
            if flag.startswith("-I/") and module in ["libpq", "libxml-2.0"]:
                ctx.symlink(flag[2:], name)
        build.append(_grpc(ctx, pkg_config) if name == "grpc" else _LIBRARY.format(name = name, linkopts = repr(linkopts)))
    ctx.file("BUILD", "\n".join(build))

system_libraries = repository_rule(
    doc = "Each library of _LIBRARIES as a target of one repository.",
    implementation = _system_libraries_impl,
    local = True,
)

# protoc 3.21 lacks the option debug_redact, which protobuf's descriptor.proto has since 22.0:
# field 16 of google.protobuf.FieldOptions.
_DESCRIPTOR_ANCHOR = "optional bool unverified_lazy = 15 [default = false];"
_DEBUG_REDACT = "\n  optional bool debug_redact = 16 [default = false];"

def _system_protos_impl(ctx):
    google = "/usr/include/google/protobuf/"
    grpc = "/usr/share/grpc-proto/grpc/"
    for name in ["any", "duration", "empty", "field_mask", "timestamp"]:
        ctx.symlink(google + name + ".proto", "google/protobuf/" + name + ".proto")
    descriptor = ctx.read(google + "descriptor.proto")
    if "debug_redact" not in descriptor:
        if _DESCRIPTOR_ANCHOR not in descriptor:
            fail("descriptor.proto is not the one of protoc 3.21")
        descriptor = descriptor.replace(_DESCRIPTOR_ANCHOR, _DESCRIPTOR_ANCHOR + _DEBUG_REDACT)
    ctx.file("google/protobuf/descriptor.proto", descriptor)
    for name in ["health/v1/health", "reflection/v1/reflection", "reflection/v1alpha/reflection"]:
        ctx.symlink(grpc + name + ".proto", "grpc/" + name + ".proto")
    ctx.file("BUILD", """
package(default_visibility = ["//visibility:public"])

filegroup(
    name = "protos",
    srcs = glob(["**/*.proto"]),
)
""")

system_protos = repository_rule(
    doc = "The protocol definitions of Debian's libprotobuf-dev and grpc-proto.",
    implementation = _system_protos_impl,
    local = True,
)
