#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/doctor.h"
#include "client/output.h"
#include "client/table.h"

enum { FOUND_MAX_BYTES = 2048, JSON_MAX_BYTES = 256 * 1024 };

static const char *const levels[] = {
    [DOCTOR_OK] = "OK", [DOCTOR_WARN] = "WARN", [DOCTOR_FAIL] = "FAIL"};

void doctor_say(struct doctor *doctor, enum doctor_level level, enum exit_class class,
                const char *check, const char *remedy, const char *format, ...)
{
    char text[FOUND_MAX_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const char *found = arena_strdup(&doctor->session->arena, text);
    if (level == DOCTOR_FAIL && doctor->class == EXIT_OK)
        doctor->class = class;
    if (doctor->count < DOCTOR_FINDINGS_MAX)
        doctor->findings[doctor->count++] = (struct doctor_finding){
            level, check, found == NULL ? "" : found, remedy == NULL ? "" : remedy};
}

const char *doctor_span(struct doctor *doctor, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "days"}, {3600, "hours"}, {60, "minutes"}, {1, "seconds"}};
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(units) && seconds < 2 * units[i].seconds)
        i++;
    const char *text = arena_printf(&doctor->session->arena, "%" PRId64 " %s",
                                    seconds / units[i].seconds, units[i].unit);
    return text == NULL ? "" : text;
}

static bool print_table(const struct doctor *doctor)
{
    struct table *table _cleanup_(table_freep) =
        table_new(&(struct table_settings){.stream = stdout,
                                           .header = !doctor->session->options.no_header,
                                           .color = doctor->session->options.color_out,
                                           .terminal = isatty(STDOUT_FILENO) == 1});
    bool good = table != NULL && table_column(table, "CHECK", TABLE_KEEP) &&
                table_column(table, "STATE", TABLE_KEEP) &&
                table_column(table, "FOUND", TABLE_WRAP) &&
                table_column(table, "REMEDY", TABLE_WRAP);
    for (size_t i = 0; good && i < doctor->count; i++) {
        const struct doctor_finding *finding = &doctor->findings[i];
        good = table_row(table,
                         (const char *[]){finding->check, levels[finding->level], finding->found,
                                          finding->remedy},
                         4);
    }
    return good && table_print(table);
}

static void add_member(struct buffer *text, const char *name, const char *value)
{
    buffer_printf(text, "\"%s\": ", name);
    buffer_json_string(text, value, strlen(value));
}

// An array, or one object a line.
static bool print_json(const struct doctor *doctor)
{
    bool lines = doctor->session->options.format == OUTPUT_JSONL;
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, JSON_MAX_BYTES);
    buffer_text(&text, lines ? "" : "[\n");
    for (size_t i = 0; i < doctor->count; i++) {
        const struct doctor_finding *finding = &doctor->findings[i];
        buffer_text(&text, lines ? "{" : "  {");
        add_member(&text, "check", finding->check);
        buffer_text(&text, ", ");
        add_member(&text, "state", levels[finding->level]);
        buffer_text(&text, ", ");
        add_member(&text, "found", finding->found);
        buffer_text(&text, ", ");
        add_member(&text, "remedy", finding->remedy);
        buffer_text(&text, lines || i + 1 == doctor->count ? "}\n" : "},\n");
    }
    buffer_text(&text, lines ? "" : "]\n");
    if (text.failed)
        return false;
    (void)fwrite(text.data, 1, text.len, stdout);
    return true;
}

int doctor_print(const struct doctor *doctor)
{
    bool good =
        doctor->session->options.format == OUTPUT_TABLE ? print_table(doctor) : print_json(doctor);
    if (!good)
        return session_no_memory(doctor->session);
    int class = output_flush(doctor->session);
    return class == EXIT_OK ? (int)doctor->class : class;
}
