--- Reads the command's arguments, by the options in `usage.lua`. Nothing here prints or exits.

local argparse = require "argparse"
local text = require "aitronos.text"
local usage = require "aitronos.cli.usage"

local concat = table.concat
local find, format, gsub, match = string.find, string.format, string.gsub, string.match
local ipairs, tonumber, tostring = ipairs, tonumber, tostring
local unpack = rawget(table, "unpack") or unpack -- luacheck: read globals unpack

local arguments = {}

local MESSAGE_BYTES = 512

---@class aitronos.CommandSettings
---@field action "invite"|"status"|"resend"|"roles"|"help"|"version"
---@field text? string of help: what to print
---@field addresses string[] empty where there is a file
---@field org string
---@field role? string
---@field role_name? string
---@field file? string "-" is standard input
---@field format? "csv"|"jsonl"
---@field skip_invalid? boolean
---@field existing? "skip"|"fail" to invite only
---@field no_send? boolean
---@field resend_unknown? boolean
---@field rate? number requests a minute
---@field concurrency? integer where it is about people
---@field max_failures? integer
---@field timeout number seconds
---@field deadline number seconds
---@field dry_run? boolean
---@field print_curl? boolean
---@field journal? string nil where none is kept
---@field no_journal? boolean
---@field report? string
---@field failed? string
---@field save_links? string
---@field json? boolean
---@field quiet? boolean
---@field api_key_file? string
---@field base_url? string
---@field ca_file? string

-- ## Values: each takes what was given, and returns the value, or nil and what is wrong

local function word(option, value)
  if value == "" then
    return nil, option.name .. " must not be empty"
  end
  return value
end

local function file(option, value)
  if option.records and value ~= "" and not usage.record_format(value) then
    return nil, option.name .. " must end in .csv or .jsonl"
  end
  return word(option, value)
end

local function range(option, noun)
  return format("%s must be %s from %s to %s", option.name, noun, text.number(option.least),
    text.number(option.most))
end

-- By its digits, since tonumber also takes 0x10, and in some Luas nan and inf.
local function number(option, value)
  local result = find(value, "^%d*%.?%d*$") and tonumber(value)
  if result and result >= option.least and result <= option.most then
    return result
  end
  return nil, range(option, "a number")
end

local function integer(option, value)
  local result = find(value, "^%d+$") and tonumber(value)
  if result and result >= option.least and result <= option.most then
    return result
  end
  return nil, range(option, "a whole number")
end

local CONVERT = { word = word, file = file, number = number, integer = integer }

-- ## The parser

-- Calls `asked` with the name of a flag that ends all else.
local function add_flag(parser, option, help, asked)
  local names = (option.short and option.short .. " " or "") .. option.name
  local flag = parser:flag(names, help)
  if option.name == "--help" or option.name == "--version" then
    flag:action(function()
      asked(usage.key(option))
    end)
  end
  return flag
end

local function add_option(parser, option, help)
  local added = parser:option(option.name, help)
    :argname(option.argument):overwrite(false):target(usage.key(option))
  if option.choices then
    added:choices(option.choices)
    added:description(help .. " One of " .. concat(option.choices, ", ") .. ".")
  else
    added:convert(function(value)
      return CONVERT[option.kind](option, value)
    end)
  end
  if option.default then
    -- Not argparse's own default, which would hide whether one was given.
    added:description(added._description .. " (" .. option.default .. ")")
  end
  return added
end

local function list(title, rows, field)
  local lines, width = { title .. ":" }, 0
  for _, row in ipairs(rows) do
    width = math.max(width, #tostring(row[field]))
  end
  for _, row in ipairs(rows) do
    local label = tostring(row[field])
    lines[#lines + 1] = "   " .. label .. (" "):rep(width - #label + 2) .. row.help
  end
  return concat(lines, "\n")
end

local function epilog()
  return list("Exit codes", usage.EXITS, "code") .. "\n\n"
    .. list("Environment", usage.ENVIRONMENT, "name")
end

-- The other commands, for the help of the one without a name.
local function others()
  return "\n\n"
    .. list("Other commands, each with a --help of its own", usage.named_actions(), "name")
end

local function usage_lines(action)
  local lines = {}
  for i, synopsis in ipairs(action.synopses) do
    lines[i] = (i == 1 and "Usage: " or "       ") .. usage.NAME .. " " .. synopsis
  end
  return concat(lines, "\n")
end

local function new_parser(action, asked)
  local parser = argparse(usage.NAME):add_help(false):usage(usage_lines(action))
    :description(action.help .. (action.name == "invite" and others() or "")):epilog(epilog())
    :help_max_width(80):help_description_margin(26)
  local groups = { Who = {} }
  if action.takes_people then
    groups.Who[1] = parser:argument("ADDRESS", "ann@example.com, or 'Ann <ann@example.com>'.")
      :args("*"):target("addresses")
  end
  for _, option in ipairs(usage.OPTIONS) do
    if usage.takes(option, action.name) then
      local help = usage.help(option, action.name)
      local added = option.kind == "flag" and add_flag(parser, option, help, asked)
        or add_option(parser, option, help)
      groups[option.group] = groups[option.group] or {}
      groups[option.group][#groups[option.group] + 1] = added
    end
  end
  for _, name in ipairs(usage.GROUPS) do
    if groups[name] then
      parser:group(name, unpack(groups[name]))
    end
  end
  return parser
end

-- ## What is looked at before and after the parser

local BY_NAME = {}
for _, option in ipairs(usage.OPTIONS) do
  BY_NAME[option.name] = option
end

-- The first word that is neither an option nor an option's argument, if it is the name of a
-- command, and the rest. An address can't be one, since it has an @.
local function take_action(given)
  local place = 1
  while given[place] and given[place] ~= "--" do
    local option = BY_NAME[given[place]]
    if not find(given[place], "^%-.") then
      break
    end
    place = place + (option and option.argument and 2 or 1)
  end
  for _, action in ipairs(usage.ACTIONS) do
    if action.name == given[place] then
      local rest = { unpack(given) }
      table.remove(rest, place)
      return action, rest
    end
  end
  return usage.ACTIONS[1], given
end

local KEY_FLAGS = {
  ["--api-key"] = true, ["--apikey"] = true, ["--key"] = true, ["--token"] = true,
  ["--bearer-token"] = true, ["--freddy-api-key"] = true,
}

-- Said before the parser sees it, since its messages hold what was given.
local function key_fault(given)
  for _, argument in ipairs(given) do
    if argument == "--" then
      return nil
    end
    local name = match(argument, "^[^=]*")
    if KEY_FLAGS[name] then
      return name .. " is no option: other users of this machine, and the shell's history, would "
        .. "see the key. Set the environment variable FREDDY_API_KEY, or give --api-key-file FILE"
    end
  end
end

-- `--rate -5` as `--rate=-5`: else -5 would be taken for an unknown option.
local function join_negative_numbers(given)
  local joined = {}
  for _, argument in ipairs(given) do
    local option = BY_NAME[joined[#joined]]
    if option and option.least and find(argument, "^%-%.?%d") then
      joined[#joined] = option.name .. "=" .. argument
    else
      joined[#joined + 1] = argument
    end
  end
  return joined
end

local function exclusive(settings, ...)
  local found
  for _, name in ipairs { ... } do
    local option = BY_NAME[name]
    if settings[usage.key(option)] then
      if found then
        return found .. " and " .. name .. " exclude each other"
      end
      found = name
    end
  end
end

-- The report may not become the input, nor one output the other; not even while it is written.
local function same_file(settings, file_id)
  local seen = {}
  for _, option in ipairs(usage.OPTIONS) do
    local path = option.kind == "file" and settings[usage.key(option)]
    if path and path ~= "-" then
      for _, name in ipairs { path, option.records and path .. usage.UNFINISHED } do
        local id = file_id and file_id(name) or name
        if seen[id] then
          return seen[id] .. " and " .. option.name .. " must be different files"
        end
        seen[id] = option.name
      end
    end
  end
end

-- A command whose name is spelt wrong is taken for an address.
local function no_address(settings)
  local first = settings.addresses[1]
  if first and not find(first, "@", 1, true) then
    local names = {}
    for i, action in ipairs(usage.named_actions()) do
      names[i] = action.name
    end
    return "'" .. first .. "' is no address, nor a command: these are " .. concat(names, ", ")
  end
end

local function input_fault(settings)
  local has_addresses = settings.addresses[1] ~= nil
  if settings.file and has_addresses then
    return "--file and addresses exclude each other: put all of them into the file"
  elseif not settings.file and not has_addresses and settings.action ~= "roles" then
    return "nobody is named: give addresses, or --file FILE"
  elseif not settings.org then
    return "--org is missing: give the organization's id"
  elseif settings.action == "invite" and has_addresses and not settings.role
    and not settings.role_name then
    return "--role is missing: give the id of a role, or its name as --role-name"
  elseif settings.format and not settings.file then
    return "--format says what --file is; there is none"
  end
end

local function journal_fault(settings)
  local sends = settings.action ~= "status" and not settings.dry_run and not settings.print_curl
  if settings.file == "-" and sends and not settings.journal and not settings.no_journal then
    return "--file - has no place for a journal: give --journal FILE, or --no-journal, "
      .. "with which an interrupted run can't be resumed"
  end
end

local function fault_of(settings, file_id)
  return no_address(settings)
    or input_fault(settings)
    or exclusive(settings, "--role", "--role-name")
    or exclusive(settings, "--journal", "--no-journal")
    or exclusive(settings, "--dry-run", "--print-curl", "--json")
    or journal_fault(settings)
    or same_file(settings, file_id)
end

-- Where an action keeps its journal: what is done twice to the same people are two things.
local JOURNALS = { invite = ".journal", resend = ".resend.journal" }

local function fill_up(settings)
  for _, option in ipairs(usage.OPTIONS) do
    local key = usage.key(option)
    -- The library knows the default of this one, and the environment before it.
    if option.default and settings[key] == nil and key ~= "base_url"
      and usage.takes(option, settings.action) then
      settings[key] = tonumber(option.default) or option.default
    end
  end
  local ending = JOURNALS[settings.action]
  if ending and settings.file and settings.file ~= "-" and not settings.no_journal then
    settings.journal = settings.journal or settings.file .. ending
  end
  return settings
end

local function usage_error(action, message)
  return nil, text.clip(text.escape((gsub(message, "\n", ". "))), MESSAGE_BYTES),
    usage.NAME .. (action.name == "invite" and "" or " " .. action.name) .. " --help"
end

--- What the arguments say, or nil and what is wrong with them, in one line for people, and by which
--- words help is asked for.
---
--- ```lua
--- local settings, message = arguments.parse { "--org", "org_1", "--file", "people.csv" }
--- ```
---@param given string[] as in `arg`
---@param file_id? fun(path: string): string the same for two paths that lead to the same file; else
---they are compared as they were given
---@return aitronos.CommandSettings? settings
---@return string? message
---@return string? help
function arguments.parse(given, file_id)
  local asked
  local action, rest = take_action(given)
  local fault = key_fault(given)
  if fault then
    return usage_error(action, fault)
  end
  local parser = new_parser(action, function(name)
    asked = asked or name
  end)
  local fine, settings = parser:pparse(join_negative_numbers(rest))
  -- Asked for help, nobody wants to hear what else is wrong.
  if asked then
    return { action = asked, text = asked == "help" and parser:get_help() .. "\n" or nil }
  elseif not fine then
    return usage_error(action, settings)
  end
  settings.action, settings.addresses = action.name, settings.addresses or {}
  fault = fault_of(settings, file_id)
  if fault then
    return usage_error(action, fault)
  end
  return fill_up(settings)
end

return arguments
