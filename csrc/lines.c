#include "lines.h"

#include <string.h>

#define MAX_LINE ((size_t)64 * 1024)

static bool add(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer == NULL)
        return false;
    *list = longer;
    return true;
}

/* Leaves no copy of the value but that in the list. */
static bool add_with_value(struct curl_slist **list, const char *name, const char *value)
{
    struct ait_buffer line;
    bool added = false;

    ait_buffer_init(&line, MAX_LINE);
    if (ait_buffer_append_string(&line, name) == AIT_OK &&
        ait_buffer_append_string(&line, value) == AIT_OK &&
        ait_buffer_append(&line, "", 1) == AIT_OK)
        added = add(list, line.data);
    ait_buffer_wipe(&line);
    return added;
}

/* Adds the credential's line, and remembers where its secret part is. */
static bool add_credential(struct ait_lines *lines, struct curl_slist **list,
                           const struct ait_settings *settings)
{
    const char *name = settings->bearer ? "Authorization: Bearer " : "X-API-Key: ";

    if (settings->secret == NULL)
        return true;
    if (!add_with_value(list, name, settings->secret))
        return false;
    lines->has_credential = true;
    if (strlen(settings->secret) >= AIT_MIN_SECRET)
        lines->secret = (*list)->data + strlen(name);
    return true;
}

/* What libcurl has options for, too: those it writes twice for each attempt, letter by letter. */
static bool add_introduction(struct curl_slist **list, const struct ait_settings *settings)
{
    const char *encoding = ait_transfer_encoding();

    return add(list, "Accept: application/json") &&
           add_with_value(list, "User-Agent: ", settings->user_agent) &&
           (*encoding == '\0' || add_with_value(list, "Accept-Encoding: ", encoding));
}

static bool add_common(struct ait_lines *lines, struct curl_slist **list,
                       const struct ait_settings *settings)
{
    if (!add_credential(lines, list, settings) || !add_introduction(list, settings))
        return false;
    for (const char *const *line = settings->headers; line != NULL && *line != NULL; line++) {
        if (!add(list, *line))
            return false;
    }
    return true;
}

bool ait_lines_make(struct ait_lines *lines, const struct ait_settings *settings)
{
    *lines = (struct ait_lines){.secret = NULL};
    return add_common(lines, &lines->get, settings) && add_common(lines, &lines->post, settings) &&
           add(&lines->post, "Content-Type: application/json") && add(&lines->post, "Expect:") &&
           add_common(lines, &lines->bare, settings) && add(&lines->bare, "Content-Type:") &&
           add(&lines->bare, "Expect:");
}

static void wipe(struct curl_slist *list)
{
    for (struct curl_slist *line = list; line != NULL; line = line->next)
        explicit_bzero(line->data, strlen(line->data));
    curl_slist_free_all(list);
}

void ait_lines_wipe(struct ait_lines *lines)
{
    wipe(lines->post);
    wipe(lines->bare);
    wipe(lines->get);
}

struct curl_slist *ait_lines_of(const struct ait_lines *lines, const struct ait_request *request)
{
    struct curl_slist *list = lines->post;

    if (!request->post)
        list = lines->get;
    else if (request->body.size == 0)
        list = lines->bare;
    return request->anonymous && lines->has_credential ? list->next : list;
}

void ait_lines_mask(const struct ait_lines *lines, struct ait_outcome *outcome)
{
    if (lines->secret != NULL)
        ait_outcome_mask(outcome, lines->secret, strlen(lines->secret));
}
