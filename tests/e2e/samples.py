"""For each method of the contract a request that is right, made from the contract itself.

A new method has one without a word here, unless it wants a value that no rule gives: then `sample`
says which, and VALUES or IDS get it.
"""

import re

from google.protobuf.descriptor import FieldDescriptor

RESOURCE, REFERENCE, BEHAVIOR = 1053, 1055, 1052
REQUIRED, OUTPUT_ONLY, IDENTIFIER = 2, 3, 8
DURATION = "google.protobuf.Duration"
# Values of fields by name where the first or shortest one would be wrong.
VALUES = {"region": 2, "level": 3, "psa_type": 1, "reason": "a test", "subject": "nobody-at-all",
          "display_name": "Sample", "request_id": ""}
# Fields that are not REQUIRED but needed.
ALSO = {("ConnectionCandidate", "region"), ("ConnectionCandidate", "api_key"), ("Connection", "display_name"),
        ("RunSyncRequest", "organizations"),
        # Without it the stream has no end.
        ("WatchAuditEventsRequest", "resume_token")}
# Ids of what there is not.
ABSENT = {"company": "qqq", "company_set": "qqq", "connection": "qqq", "deletion_receipt": "qqq",
          "organization": "999999001", "flexible_asset_type": "999999002",
          "password_category": "999999003", "sync_run": "qqq", "sync_issue": "qqq", "password": "999999004",
          "document": "999999005", "flexible_asset": "999999006", "checklist": "999999007",
          "checklist_template": "999999009", "image": "999999010",
          "audit_event": "999999008", "reveal_freeze": "qqq", "exposure": "qqq", "handoff": "qqq", "deletion_receipt": "qqq"}


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value, at


def option(descriptor, number):
    """The values of an option in its wire form: numbers and bytes."""
    return values(descriptor.GetOptions().SerializeToString(), number)


def values(data, number):
    at, found = 0, []
    while at < len(data):
        key, at = varint(data, at)
        value, at = varint(data, at)
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        if key >> 3 == number:
            found.append(value)
    return found


def variables(pattern):
    return re.findall(r"{(\w+)}", pattern)


class Samples:
    """`ids` are those of the variables in names, over ABSENT; `api_key` is the key of candidates."""

    def __init__(self, protos, ids=None, api_key="ITG.sample"):
        self.protos, self.ids = protos, dict(ABSENT, **(ids or {}))
        self.values = dict(VALUES, api_key=api_key)
        self.patterns = {}
        for name in protos.files:
            for message in protos.pool.FindFileByName(name).message_types_by_name.values():
                for resource in option(message, RESOURCE):
                    self.patterns[values(resource, 1)[0].decode()] = values(resource, 2)[0].decode()

    def fill(self, pattern):
        return re.sub(r"{(\w+)}", lambda variable: self.ids[variable.group(1)], pattern)

    def pattern(self, field):
        """The pattern of the name in a field; None if it is no name."""
        for reference in option(field, REFERENCE):
            kind, child = values(reference, 1), values(reference, 2)
            if child:
                return self.patterns[child[0].decode()].rsplit("/", 2)[0]
            return self.patterns.get(kind[0].decode())
        return None

    def names(self, method):
        """The patterns of the names in the sample of a method."""
        found = []
        request = self.protos.method(method)[1]()
        self.build(request, request.DESCRIPTOR, found)
        return found

    def name_pattern(self, message, field):
        own = [values(resource, 2)[0].decode() for resource in option(message, RESOURCE)]
        return own[0] if own and field.name == "name" else self.pattern(field)

    def parts(self, message, request):
        """The fields that a sample sets. What is created has no name yet."""
        oneofs = set()
        for field in message.fields:
            behavior = option(field, BEHAVIOR)
            oneof = field.containing_oneof and field.containing_oneof.name
            first = oneof and oneof not in oneofs
            named = IDENTIFIER in behavior and not request.name.startswith("Create")
            if REQUIRED in behavior or named or first or (message.name, field.name) in ALSO:
                oneofs.add(oneof)
                yield field

    def set(self, owner, message, field, found):
        if field.message_type is not None:
            getattr(owner, field.name).seconds = 3600
            return
        pattern = self.name_pattern(message, field)
        if pattern:
            found.append(pattern)
            value = self.fill(pattern)
        elif field.type == FieldDescriptor.TYPE_STRING:
            value = self.values.get(field.name, "sample")
        else:
            value = self.values.get(field.name, 1)
        if field.label == FieldDescriptor.LABEL_REPEATED:
            getattr(owner, field.name).append(value)
        else:
            setattr(owner, field.name, value)

    def build(self, owner, message, found, request=None):
        request = request or message
        for field in self.parts(message, request):
            inner = field.message_type
            if inner is None:
                self.set(owner, message, field, found)
            elif inner.full_name == "google.protobuf.FieldMask":
                changed = self.changed(message)
                getattr(owner, field.name).paths.append(changed.name)
                resource = next(one for one in message.fields if one.message_type is changed.containing_type)
                self.set(getattr(owner, resource.name), changed.containing_type, changed, found)
            elif field.label == FieldDescriptor.LABEL_REPEATED:
                self.build(getattr(owner, field.name).add(), inner, found, request)
            else:
                getattr(owner, field.name).SetInParent()
                self.build(getattr(owner, field.name), inner, found, request)

    def changed(self, request):
        """The field of the resource that an update changes."""
        resource = next(field.message_type for field in request.fields
                        if field.message_type is not None and option(field.message_type, RESOURCE))
        fields = [field for field in resource.fields
                  if field.name not in ("name", "etag") and field.label != FieldDescriptor.LABEL_REPEATED and
                  not {OUTPUT_ONLY, IDENTIFIER} & set(option(field, BEHAVIOR))]
        plain = [field for field in fields if field.message_type is None]
        return (plain or [field for field in fields if field.message_type.full_name == DURATION])[0]

    def __call__(self, method):
        request = self.protos.method(method)[1]()
        self.build(request, request.DESCRIPTOR, [])
        return request
