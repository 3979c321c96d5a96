"""C code and a descriptor set from .proto files, by protoc-c and protoc of the system."""

# The sources of @system_protos that the contracts import or that the server speaks itself.
_SYSTEM = [
    "google/protobuf/any",
    "google/protobuf/descriptor",
    "google/protobuf/duration",
    "google/protobuf/empty",
    "google/protobuf/field_mask",
    "google/protobuf/timestamp",
    "grpc/health/v1/health",
    "grpc/reflection/v1/reflection",
    "grpc/reflection/v1alpha/reflection",
]

# Generated code is held to its generator's style, not to ours.
_GENERATED_COPTS = ["-std=gnu11", "-w"]

def protobuf_c_library(name, srcs, visibility = None):
    """C library `name` of `srcs` (.proto below this package) and the system's definitions.

    Also `name_set`: the FileDescriptorSet of all of them, with comments left out.
    """
    stems = [src[:-len(".proto")] for src in srcs] + _SYSTEM
    sources = [stem + ".pb-c.c" for stem in stems]
    headers = [stem + ".pb-c.h" for stem in stems]
    paths = """
        root=$$(echo $(locations @system_protos//:protos) | tr ' ' '\\n' | grep google/protobuf/any.proto)
        root=$${root%/google/protobuf/any.proto}
    """
    native.genrule(
        name = name + "_gen",
        srcs = srcs + ["@system_protos//:protos"],
        outs = sources + headers,
        cmd = paths + "protoc-c -I%s -I$$root --c_out=$(RULEDIR) %s" % (
            native.package_name(),
            " ".join([stem + ".proto" for stem in stems]),
        ),
    )
    native.genrule(
        name = name + "_set",
        srcs = srcs + ["@system_protos//:protos"],
        outs = [name + "_set.pb"],
        cmd = paths + "protoc -I%s -I$$root --include_imports --descriptor_set_out=$@ %s" % (
            native.package_name(),
            " ".join([stem + ".proto" for stem in stems]),
        ),
        visibility = visibility,
    )
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        copts = _GENERATED_COPTS,
        includes = ["."],
        linkstatic = True,
        visibility = visibility,
        deps = ["@system//:protobuf_c"],
    )
