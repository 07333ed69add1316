--- The man page, in mdoc, from `usage.lua`.

local usage = require "aitronos.cli.usage"

local concat = table.concat
local gsub, upper = string.gsub, string.upper
local ipairs = ipairs

local manual = {}

-- When the page last changed in substance.
local DATE = "November 29, 2026"

-- The dashes of an option so that they can be copied from the page.
local function escape(text)
  return (gsub(gsub(text, "\\", "\\e"), "%-%-", "\\-\\-"))
end

-- Each sentence on a line of its own, as mdoc wants it, and no line that begins as a request does.
local function sentences(text)
  return (gsub(gsub("\n" .. escape(text), "%. ", ".\n"), "\n([.'])", "\n\\&%1"):sub(2))
end

local function flag(option)
  local names = option.short and "Fl " .. option.short:sub(2) .. " , " or ""
  return names .. "Fl Fl " .. option.name:sub(3)
    .. (option.argument and " Ar " .. option.argument or "")
end

local function options()
  local lines = {}
  for _, group in ipairs(usage.GROUPS) do
    lines[#lines + 1] = ".Ss " .. group
    lines[#lines + 1] = ".Bl -tag -width Ds"
    for _, option in ipairs(usage.OPTIONS) do
      if option.group == group then
        lines[#lines + 1] = ".It " .. flag(option)
        lines[#lines + 1] = sentences(usage.help(option))
        if option.choices then
          lines[#lines + 1] = "One of " .. concat(option.choices, ", ") .. "."
        end
        if option.default then
          lines[#lines + 1] = "The default is " .. escape(option.default) .. "."
        end
        if option.actions then
          lines[#lines + 1] = "Taken by " .. concat(option.actions, ", ") .. "."
        end
      end
    end
    lines[#lines + 1] = ".El"
  end
  return concat(lines, "\n")
end

-- rows as a tagged list; macro goes before each tag
local function list(rows, field, macro)
  local lines = { ".Bl -tag -width Ds" }
  for _, row in ipairs(rows) do
    lines[#lines + 1] = ".It " .. macro .. row[field]
    lines[#lines + 1] = sentences(row.help)
  end
  lines[#lines + 1] = ".El"
  return concat(lines, "\n")
end

local function examples()
  local lines = {}
  for _, example in ipairs(usage.EXAMPLES) do
    lines[#lines + 1] = example.help and ".Pp\n" .. sentences(example.help)
    lines[#lines + 1] = ".Dl " .. usage.NAME .. " " .. escape(example.command)
  end
  -- Right below its heading a paragraph needs no macro.
  return (gsub(concat(lines, "\n"), "^%.Pp\n", ""))
end

-- What a synopsis is made of, as macros.
local MACROS = {
  { "^%[%-%-(%S+) (%S+)%]", ".Op Fl Fl %s Ar %s" },
  { "^%-%-(%S+) (%S+)", ".Fl Fl %s Ar %s" },
  { "^%[(%u+)%]%.%.%.", ".Op Ar %s ..." },
  { "^(%u+)%.%.%.", ".Ar %s ..." },
  { "^(%l+)", ".Cm %s" },
}

-- The macro for the first of some words, and the words after it.
local function first_macro(words)
  for _, macro in ipairs(MACROS) do
    local _, stop, first, second = words:find(macro[1])
    if stop then
      return macro[2]:format(first, second), words:sub(stop + 2)
    end
  end
  error("no macro for " .. words)
end

local function synopsis(words)
  local lines = { ".Nm" }
  while words ~= "" do
    lines[#lines + 1], words = first_macro(words)
  end
  return concat(lines, "\n")
end

local function synopses()
  local lines = {}
  for _, action in ipairs(usage.ACTIONS) do
    for _, words in ipairs(action.synopses) do
      lines[#lines + 1] = synopsis(words)
    end
  end
  return concat(lines, "\n")
end

local DESCRIPTION = [[
Each person gets an invitation to the organization, and one line in the results.
All of the input is checked before the first request leaves.
The same address twice is sent once.
.Pp
An invitation whose answer was lost is looked up before anything is sent again, so nobody is
invited twice.
What was done is noted in a journal: when a run was interrupted, the same command goes on where
it ended.
Whose invitation has expired since is invited anew.
.Pp
A role may be given by its name, in an option or in the input; its id is asked for once.
.Pp
The API key is never taken from an option, where other users of the machine could see it.
.Ss Input
A CSV file has a header that names its columns: email, and if wanted role_id or role_name, and
send_invitation.
Commas, semicolons or tabs stand between them.
A file without a header has one address on each line.
In a file of JSON lines each line is an object with these names.
Other columns, and for the other commands roles, too, are not looked at.
.Ss Other commands
What was said so far is of the command that has no name, which is invite where an option says by
which commands it is taken.
The others are:
.Bl -tag -width Ds
.It Cm status
Look up each person.
That there is no pending invitation is an answer, and not a failure: whoever has joined has none,
nor has whose invitation has expired, or who was never invited.
.It Cm resend
Look up each person, and have the mail sent again where an invitation is pending; where none is,
the row has failed.
It has a journal of its own.
Whom an earlier run mailed is left out.
Of whom an earlier run can't tell is left out, too, and reported as unknown: a second mail is what
nobody wants.
With
.Fl Fl resend\-unknown
they get one.
.It Cm roles
List the roles: id, name and description.
.El
.Ss Interrupting
At the first Ctrl\-C those requests that are under way are finished and no others begin.
A second one stops at once.]]

--- The page as mdoc, for man(1).
---@param version string
---@return string
function manual.text(version)
  return concat({
    ".Dd " .. DATE,
    ".Dt " .. upper(usage.NAME) .. " 1",
    ".Os aitronos " .. version,
    ".Sh NAME",
    ".Nm " .. usage.NAME,
    ".Nd " .. usage.SUMMARY,
    ".Sh SYNOPSIS",
    synopses(),
    ".Sh DESCRIPTION",
    DESCRIPTION,
    ".Sh OPTIONS",
    options(),
    ".Sh ENVIRONMENT",
    list(usage.ENVIRONMENT, "name", "Ev "),
    ".Sh EXIT STATUS",
    list(usage.EXITS, "code", ""),
    ".Sh EXAMPLES",
    examples(),
    ".Sh SEE ALSO",
    ".Xr curl 1",
  }, "\n") .. "\n"
end

return manual
