/* Checklist templates, checklists and their tasks. A checklist is completed when all tasks are. */
#include "generator.h"
#include "moment.h"
#include "words.h"

static void add_templates(struct generator *generator)
{
    struct random random = generator_stream(generator, COLLECTION_CHECKLIST_TEMPLATES);
    for (size_t i = 0; i < words_checklist.count; i++) {
        int64_t created, updated;
        generator_dates(generator, &random, &created, &updated);
        struct text attributes = {0};
        text_put(&attributes, "{");
        attr_text(&attributes, "name", words_checklist.list[i]);
        attr_text(&attributes, "description", i % 2 ? "<p>Standard procedure</p>" : NULL);
        int64_t id =
            generator_id(generator, COLLECTION_CHECKLIST_TEMPLATES, i, words_checklist.count);
        generator_add(generator, COLLECTION_CHECKLIST_TEMPLATES, id, words_checklist.list[i],
                      &attributes, created, updated);
    }
}

static void add_task(struct generator *generator, struct random *random,
                     const struct row *checklist, int64_t position, bool completed)
{
    struct collection *tasks = &generator->account->collections[COLLECTION_CHECKLIST_TASKS];
    const char *name = words_pick(&words_task, random);
    struct text attributes = {0};
    text_put(&attributes, "{");
    attr_id(&attributes, "checklist-id", checklist->id);
    attr_text(&attributes, "name", name);
    attr_text(&attributes, "description", position % 4 == 0 ? "<p>See the handbook</p>" : NULL);
    attr_bool(&attributes, "completed", completed);
    attr_time(&attributes, "completed-at", completed ? checklist->updated_ms : 0);
    attr_int(&attributes, "position", position);
    attr_raw(&attributes, "assignee-id", "null");
    attr_raw(&attributes, "due-date", "null");
    struct row *row =
        generator_add(generator, COLLECTION_CHECKLIST_TASKS, (int64_t)tasks->count + 9901, name,
                      &attributes, checklist->created_ms, checklist->updated_ms);
    row->parent_id = checklist->id;
    row->organization_id = checklist->organization_id;
}

static void add_checklist(struct generator *generator, struct random *random, size_t index)
{
    struct collection *collections = generator->account->collections;
    struct collection *users = &collections[COLLECTION_USERS];
    struct collection *all_templates = &collections[COLLECTION_CHECKLIST_TEMPLATES];
    const struct row *owner = generator_organization(generator, random);
    const struct row *template = all_templates->rows[random_below(random, all_templates->count)];
    int64_t created, updated;
    generator_dates(generator, random, &created, &updated);
    int64_t id = generator_id(generator, COLLECTION_CHECKLISTS, index, generator->plan->checklists);
    bool completed = random_chance(random, 40), restricted = random_chance(random, 4);
    bool archived = random_chance(random, 4), from_template = random_chance(random, 75);
    struct text attributes = {0};
    text_put(&attributes, "{");
    generator_owner(generator, &attributes, owner, "checklists", id);
    attr_text(&attributes, "name", template->name);
    attr_text(&attributes, "description", random_chance(random, 30) ? "<p>Für HR</p>" : NULL);
    attr_id(&attributes, "checklist-template-id", from_template ? template->id : 0);
    attr_bool(&attributes, "completed", completed);
    attr_time(&attributes, "completed-at", completed ? updated : 0);
    attr_date(&attributes, "due-date", random_chance(random, 50) ? updated + 30 * DAY_MS : 0);
    attr_id(&attributes, "assignee-id",
            random_chance(random, 60) ? users->rows[random_below(random, users->count)]->id : 0);
    attr_bool(&attributes, "restricted", restricted);
    attr_bool(&attributes, "archived", archived);
    struct row *row = generator_add(generator, COLLECTION_CHECKLISTS, id, template->name,
                                    &attributes, created, updated);
    row->organization_id = owner->id;
    row->parent_id = from_template ? template->id : 0;
    row->restricted = restricted;
    row->archived = archived;
    int64_t tasks = random_between(random, 0, 7);
    for (int64_t position = 1; position <= tasks; position++)
        add_task(generator, random, row, position,
                 completed || (position < tasks && random_chance(random, 40)));
}

void generate_checklists(struct generator *generator)
{
    add_templates(generator);
    struct random random = generator_stream(generator, COLLECTION_CHECKLISTS);
    if (!generator->plan->organizations)
        return;
    for (size_t i = 0; i < generator->plan->checklists; i++)
        add_checklist(generator, &random, i);
}
