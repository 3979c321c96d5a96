#include "server/service/word.h"

#include <string.h>

const char *word_of(const ProtobufCEnumDescriptor *type, const char *prefix, int value)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(type, value);
    if (found == NULL)
        return "UNSPECIFIED";
    size_t len = strlen(prefix);
    return strncmp(found->name, prefix, len) == 0 ? found->name + len : found->name;
}
