"""A docbridge server of a few lines: answers that a test hands it, and a record of the calls.

Messages are made from the contract's descriptor set at run time, so that no code is generated.
"""

from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


class Contract:
    """The contract's messages by their full names."""

    def __init__(self, path):
        files = descriptor_pb2.FileDescriptorSet()
        with open(path, "rb") as stream:
            files.ParseFromString(stream.read())
        self.files = [one.name for one in files.file]
        # A pool of its own: the set has a descriptor.proto that differs from Python's.
        self.pool = descriptor_pool.DescriptorPool()
        for one in files.file:
            self.pool.Add(one)
        self.factory = message_factory.MessageFactory(self.pool)

    def type(self, name):
        if not name.startswith(("google.", "grpc.")):
            name = "docbridge.v1." + name
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))

    def __getattr__(self, name):
        return self.type(name)

    def methods(self):
        for file in self.files:
            if not file.startswith("docbridge/"):
                continue
            found = self.pool.FindFileByName(file)
            for service in found.services_by_name.values():
                for method in service.methods:
                    yield "/%s/%s" % (service.full_name, method.name), method
        found = self.pool.FindFileByName("grpc/health/v1/health.proto")
        for method in found.services_by_name["Health"].methods:
            yield "/grpc.health.v1.Health/" + method.name, method


class Refusal(Exception):
    """An answer that is an error, with the details that the server would send."""

    def __init__(self, code, text, reason=None, meta=None, field=None, retry_s=None, resource=None):
        super().__init__(text)
        self.code, self.text, self.reason, self.meta = code, text, reason, meta or {}
        self.field, self.retry_s, self.resource = field, retry_s, resource

    def details(self, contract):
        status = contract.type("google.rpc.Status")(code=self.code.value[0], message=self.text)

        def add(name, message):
            status.details.add(type_url="type.googleapis.com/google.rpc." + name,
                               value=message.SerializeToString())

        if self.reason:
            add("ErrorInfo", contract.type("google.rpc.ErrorInfo")(
                reason=self.reason, domain="docbridge.internal", metadata=self.meta))
        if self.field:
            bad = contract.type("google.rpc.BadRequest")()
            bad.field_violations.add(field=self.field[0], description=self.field[1])
            add("BadRequest", bad)
        if self.retry_s:
            retry = contract.type("google.rpc.RetryInfo")()
            retry.retry_delay.seconds = self.retry_s
            add("RetryInfo", retry)
        if self.resource:
            add("ResourceInfo", contract.type("google.rpc.ResourceInfo")(
                resource_name=self.resource))
        return status.SerializeToString()


class FakeServer:
    """Serves on one address. `answers[method]` is a message, a Refusal, a function of the request
    and its context, or a list of these, one a call."""

    def __init__(self, contract, address, credentials=None):
        self.contract, self.answers, self.calls = contract, {}, []
        self.server = grpc.server(futures.ThreadPoolExecutor(8))
        handlers = {}
        for path, method in contract.methods():
            handlers[path] = self._handler(method)
        self.server.add_generic_rpc_handlers((_Router(handlers),))
        self.port = (self.server.add_insecure_port(address) if credentials is None else
                     self.server.add_secure_port(address, credentials))
        self.server.start()

    def stop(self):
        self.server.stop(0).wait()

    def requests(self, name):
        return [call[1] for call in self.calls if call[0] == name]

    def _next(self, method, request, context):
        self.calls.append((method.name, request, dict(context.invocation_metadata()),
                           context.time_remaining()))
        answer = self.answers.get(method.name)
        if isinstance(answer, list):
            answer = answer.pop(0)
        if callable(answer):
            answer = answer(request, context)
        if answer is None:
            answer = Refusal(grpc.StatusCode.UNIMPLEMENTED, "no answer")
        if isinstance(answer, Refusal):
            self._refuse(answer, context)
        return answer

    def _refuse(self, refusal, context):
        context.set_trailing_metadata(
            (("grpc-status-details-bin", refusal.details(self.contract)),))
        context.abort(refusal.code, refusal.text)

    def _handler(self, method):
        read = self.contract.factory.GetPrototype(method.input_type).FromString

        def write(message):
            return message.SerializeToString()

        def unary(request, context):
            return self._next(method, request, context)

        def stream(request, context):
            for item in self._next(method, request, context):
                if isinstance(item, Refusal):
                    self._refuse(item, context)
                yield item

        streams = method.name in ("WatchSyncRun", "WatchAuditEvents", "WatchCompanyChanges", "Watch",
                                  "ReadDocumentBody")
        make = grpc.unary_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
        return make(stream if streams else unary, read, write)


class _Router(grpc.GenericRpcHandler):
    def __init__(self, handlers):
        self.handlers = handlers

    def service(self, details):
        return self.handlers.get(details.method)
