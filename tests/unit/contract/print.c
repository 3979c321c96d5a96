// Prints a table of the contract, to write its golden file anew: `print policy` or `print limits`.
#include <stdio.h>
#include <string.h>

#include "tests/unit/contract/tables.h"

int main(int argc, char **argv)
{
    _cleanup_(buffer_done) struct buffer out;
    struct err err = {0};
    enum err_code code = ERR_FIELD_INVALID;
    buffer_init(&out, TABLES_MAX_BYTES);
    if (argc == 2 && strcmp(argv[1], "policy") == 0)
        code = tables_policy(&out, &err);
    else if (argc == 2 && strcmp(argv[1], "limits") == 0)
        code = tables_limits(&out, &err);
    else
        (void)err_invalid(&err, "argument", "policy or limits");
    if (code != ERR_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    return fputs(out.data, stdout) < 0;
}
