--- What the command takes and gives, in one place: from it come the parser, `--help`, the man page
--- and the completions. Requires nothing, so that the pages can be made without the module.

local usage = {
  NAME = "aitronos-invite",
  SUMMARY = "invite people to an Aitronos organization",
}

---@class aitronos.CommandAction
---@field name string the word that it is called by; "invite" needs none
---@field help string a sentence
---@field synopses string[]
---@field takes_people boolean

---@type aitronos.CommandAction[]
usage.ACTIONS = {
  {
    name = "invite", takes_people = true,
    help = "Invite people to an Aitronos organization.",
    synopses = {
      "--org ORG --role ROLE_ID [OPTION]... ADDRESS...",
      "--org ORG --role-name NAME [OPTION]... ADDRESS...",
      "--org ORG [--role ROLE_ID] [OPTION]... --file FILE",
    },
  },
  {
    name = "status", takes_people = true,
    help = "Tell whose invitation is pending, in which role and until when.",
    synopses = {
      "status --org ORG [OPTION]... ADDRESS...",
      "status --org ORG [OPTION]... --file FILE",
    },
  },
  {
    name = "resend", takes_people = true,
    help = "Have the mail of pending invitations sent once more.",
    synopses = {
      "resend --org ORG [OPTION]... ADDRESS...",
      "resend --org ORG [OPTION]... --file FILE",
    },
  },
  {
    name = "roles", takes_people = false,
    help = "List the roles of an organization, with their ids.",
    synopses = { "roles --org ORG [OPTION]..." },
  },
}

local YEAR = 365 * 86400

-- Which of them take an option; all where it does not say.
local INVITE = { "invite" }
local SEND = { "invite", "resend" }
local PEOPLE = { "invite", "status", "resend" }

usage.GROUPS = {
  "Who", "What is sent", "Pace", "Looking without sending", "What is written", "Access",
  "About",
}

---@class aitronos.CommandOption
---@field name string long, with its dashes
---@field short? string
---@field argument? string what its argument is called; a flag has none
---@field kind "flag"|"word"|"file"|"number"|"integer"|"choice"
---@field least? number of a number
---@field most? number
---@field choices? string[]
---@field default? string
---@field records? boolean whether the name of its file says in which form records are written
---@field actions? string[] that take it; all if left out
---@field group string
---@field help string sentences; the first says enough for a completion
---@field more? table<string, string> sentences that are for one action only, by its name

---@type aitronos.CommandOption[]
usage.OPTIONS = {
  {
    name = "--org", argument = "ORG", kind = "word", group = "Who",
    help = "The organization's id. Required.",
  },
  {
    name = "--role", argument = "ROLE_ID", kind = "word", actions = INVITE, group = "Who",
    help = "The role of those whose row in the file names none.",
  },
  {
    name = "--role-name", argument = "NAME", kind = "word", actions = INVITE, group = "Who",
    help = "The same by the role's name, whose id is asked for. The case of ASCII letters does "
      .. "not count.",
  },
  {
    name = "--file", argument = "FILE", kind = "file", actions = PEOPLE, group = "Who",
    help = "The people in this file; - is standard input.",
  },
  {
    name = "--format", argument = "FORMAT", kind = "choice", choices = { "csv", "jsonl" },
    actions = PEOPLE, group = "Who",
    help = "What the file is: CSV (or an address a line), or JSON lines. Found by itself.",
  },
  {
    name = "--skip-invalid", kind = "flag", actions = PEOPLE, group = "Who",
    help = "Leave out rows with faults. Without it one such row stops all before anything is sent.",
  },
  {
    name = "--existing", argument = "WHAT", kind = "choice", choices = { "skip", "fail" },
    default = "skip", actions = INVITE, group = "What is sent",
    help = "Whether someone who is already invited counts as done or as failed.",
  },
  {
    name = "--no-send", kind = "flag", actions = INVITE, group = "What is sent",
    help = "Make the invitations, but have no e-mail sent.",
  },
  {
    name = "--resend-unknown", kind = "flag", actions = { "resend" }, group = "What is sent",
    help = "Send to those, too, of whom an earlier run could not tell whether it had sent.",
  },
  {
    name = "--rate", argument = "N", kind = "number", least = 0.001, most = 1e9,
    actions = PEOPLE, group = "Pace",
    help = "At most this many requests a minute.",
  },
  {
    name = "--concurrency", argument = "N", kind = "integer", least = 1, most = 10000,
    default = "16", actions = PEOPLE, group = "Pace",
    help = "At most this many requests at once.",
  },
  {
    name = "--max-failures", argument = "N", kind = "integer", least = 1, most = 1e9,
    actions = PEOPLE, group = "Pace",
    help = "Stop when this many rows have failed.",
  },
  {
    name = "--timeout", argument = "SECONDS", kind = "number", least = 0.001, most = YEAR,
    default = "30", group = "Pace",
    help = "How long one request may take.",
  },
  {
    name = "--deadline", argument = "SECONDS", kind = "number", least = 0.001, most = YEAR,
    default = "120", group = "Pace",
    help = "How long one call may take, with all waits and repetitions.",
  },
  {
    name = "--dry-run", kind = "flag", actions = SEND, group = "Looking without sending",
    help = "Check everything, say what would be done and how long it takes, send nothing. The "
      .. "journal is only read.",
    more = { invite = "Roles that are given by name are asked for all the same." },
  },
  {
    name = "--print-curl", kind = "flag", actions = INVITE, group = "Looking without sending",
    help = "Print each request as a curl command without the key, send nothing.",
  },
  {
    name = "--journal", argument = "FILE", kind = "file", actions = SEND, group = "What is written",
    help = "Where to note what was done. The same command goes on from there.",
    more = {
      invite = "Unless told, beside the input as FILE.journal.",
      resend = "Unless told, that of resend is beside the input as FILE.resend.journal.",
    },
  },
  {
    name = "--no-journal", kind = "flag", actions = SEND, group = "What is written",
    help = "Keep no journal. A run that was interrupted can't be resumed.",
  },
  {
    name = "--report", argument = "FILE", kind = "file", records = true,
    actions = PEOPLE, group = "What is written",
    help = "One record for each row of the input, as .csv or .jsonl.",
  },
  {
    name = "--failed", argument = "FILE", kind = "file", records = true,
    actions = SEND, group = "What is written",
    help = "The rows that failed, as an input for --file, in .csv or .jsonl.",
  },
  {
    name = "--save-links", argument = "FILE", kind = "file", records = true,
    actions = INVITE, group = "What is written",
    help = "The links of the invitations, as .csv or .jsonl. Secrets: who has one can join.",
  },
  {
    name = "--json", kind = "flag", group = "What is written",
    help = "Print the results as JSON lines.",
  },
  {
    name = "--quiet", kind = "flag", actions = PEOPLE, group = "What is written",
    help = "Show no progress.",
  },
  {
    name = "--api-key-file", argument = "FILE", kind = "file", group = "Access",
    help = "Read the API key from this file. Without it: from FREDDY_API_KEY, else asked for on a "
      .. "terminal.",
  },
  {
    name = "--base-url", argument = "URL", kind = "word", default = "https://api.aitronos.com",
    group = "Access",
    help = "Where the API is.",
  },
  {
    name = "--ca-file", argument = "FILE", kind = "file", group = "Access",
    help = "Certificates to trust instead of the system's.",
  },
  {
    name = "--help", short = "-h", kind = "flag", group = "About",
    help = "Show this help.",
  },
  {
    name = "--version", kind = "flag", group = "About",
    help = "Show the versions of the command and of what it is built on.",
  },
}

usage.EXITS = {
  { name = "done", code = 0, help = "All is done, or was so before." },
  { name = "error", code = 1, help = "An error that none of the others is." },
  { name = "usage", code = 2, help = "The options or the input are wrong; nothing was sent." },
  { name = "partly", code = 3, help = "Some rows failed; the results say why." },
  { name = "credentials", code = 4, help = "The key was refused, or lacks the permission." },
  { name = "network", code = 5, help = "The server or the network failed." },
  { name = "unknown", code = 6, help = "Of some it is not known whether it was done." },
  { name = "throttled", code = 75, help = "A limit of the server is used up; resume later." },
  { name = "interrupted", code = 130, help = "Interrupted; the same command resumes." },
}

--- The exit codes by their names.
usage.EXIT = {}
for _, exit in ipairs(usage.EXITS) do
  usage.EXIT[exit.name] = exit.code
end

usage.ENVIRONMENT = {
  { name = "FREDDY_API_KEY", help = "The API key." },
  { name = "AITRONOS_BASE_URL", help = "Where the API is, unless --base-url says." },
  { name = "HTTPS_PROXY", help = "The proxy to use; NO_PROXY lists hosts that need none." },
  { name = "NO_COLOR", help = "Anything but empty: no colours." },
}

usage.EXAMPLES = {
  {
    help = "Two people:",
    command = "--org org_xyz789 --role role_member ann@example.com bob@example.com",
  },
  {
    help = "A list, first looked at and then sent. Interrupted, the same command resumes it:",
    command = "--org org_xyz789 --role role_member --file people.csv --dry-run",
  },
  {
    command = "--org org_xyz789 --role role_member --file people.csv --report report.csv",
  },
  {
    help = "A role by its name, and which names there are:",
    command = "--org org_xyz789 --role-name Member ann@example.com",
  },
  {
    command = "roles --org org_xyz789",
  },
  {
    help = "Who has not joined yet, and another mail to one of them:",
    command = "status --org org_xyz789 --file people.csv",
  },
  {
    command = "resend --org org_xyz789 ann@example.com",
  },
}

--- What the name of a file of records has at its end while it is written.
usage.UNFINISHED = ".part"

local RECORD_FORMATS = { csv = "csv", jsonl = "json", ndjson = "json", json = "json" }

--- In which form a file holds records, by the end of its name; nil where that says nothing.
---@param path string
---@return "csv"|"json"|nil
function usage.record_format(path)
  return RECORD_FORMATS[(path:match("%.(%w+)$") or ""):lower()]
end

--- Whether an action takes an option.
---@param option aitronos.CommandOption
---@param action string
---@return boolean
function usage.takes(option, action)
  for _, name in ipairs(option.actions or {}) do
    if name == action then
      return true
    end
  end
  return option.actions == nil
end

--- The actions that are called by a word.
---@return aitronos.CommandAction[]
function usage.named_actions()
  local named = {}
  for i = 2, #usage.ACTIONS do
    named[i - 1] = usage.ACTIONS[i]
  end
  return named
end

--- What there is to say about an option, to those who use an action or, without one, any.
---@param option aitronos.CommandOption
---@param action? string
---@return string
function usage.help(option, action)
  local sentences = { option.help }
  for _, name in ipairs(option.more and option.actions or {}) do
    if not action or name == action then
      sentences[#sentences + 1] = option.more[name]
    end
  end
  return table.concat(sentences, " ")
end

--- What it says first: enough for a line in a list.
---@param option aitronos.CommandOption
---@return string
function usage.first_sentence(option)
  return (option.help:match("^(.-)%. ") or option.help:gsub("%.$", ""))
end

--- The key under which a setting is found: `--max-failures` is `max_failures`.
---@param option aitronos.CommandOption
---@return string
function usage.key(option)
  return (option.name:gsub("^%-%-", ""):gsub("%-", "_"))
end

return usage
