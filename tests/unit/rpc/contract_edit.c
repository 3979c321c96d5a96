#include "tests/unit/rpc/contract_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/descriptor_set.h"

void contract_edit_open(struct contract_edit *edit)
{
    *edit = (struct contract_edit){0};
    edit->set =
        google__protobuf__file_descriptor_set__unpack(NULL, descriptor_set_len, descriptor_set);
    assert_non_null(edit->set);
}

Google__Protobuf__DescriptorProto *contract_edit_message(struct contract_edit *edit,
                                                         const char *name)
{
    for (size_t i = 0; i < edit->set->n_file; i++) {
        Google__Protobuf__FileDescriptorProto *file = edit->set->file[i];
        for (size_t j = 0; j < file->n_message_type; j++)
            if (strcmp(file->message_type[j]->name, name) == 0)
                return file->message_type[j];
    }
    fail_msg("no message %s", name);
    return NULL;
}

Google__Protobuf__MethodDescriptorProto *contract_edit_method(struct contract_edit *edit,
                                                              const char *service, const char *name)
{
    for (size_t i = 0; i < edit->set->n_file; i++) {
        Google__Protobuf__FileDescriptorProto *file = edit->set->file[i];
        for (size_t j = 0; j < file->n_service; j++)
            for (size_t k = 0; k < file->service[j]->n_method; k++)
                if (strcmp(file->service[j]->name, service) == 0 &&
                    strcmp(file->service[j]->method[k]->name, name) == 0)
                    return file->service[j]->method[k];
    }
    fail_msg("no method %s.%s", service, name);
    return NULL;
}

void contract_edit_pack(struct contract_edit *edit)
{
    free(edit->bytes);
    edit->len = google__protobuf__file_descriptor_set__get_packed_size(edit->set);
    edit->bytes = malloc(edit->len);
    assert_non_null(edit->bytes);
    (void)google__protobuf__file_descriptor_set__pack(edit->set, edit->bytes);
}

void contract_edit_done(struct contract_edit *edit)
{
    google__protobuf__file_descriptor_set__free_unpacked(edit->set, NULL);
    free(edit->bytes);
}
