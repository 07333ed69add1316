--- The roles that an organization has: as a table to look at, and their ids by the names that
--- people give them.

local cjson = require("cjson").new()
local access = require "aitronos.cli.access"
local complaint = require "aitronos.cli.complaint"
local health = require "aitronos.cli.health"
local output = require "aitronos.cli.output"
local person = require "aitronos.cli.person"
local shown = require "aitronos.cli.shown"
local text = require "aitronos.text"
local usage = require "aitronos.cli.usage"
local waits = require "aitronos.cli.waits"

local escape = text.escape
local EXIT = usage.EXIT
local concat, sort = table.concat, table.sort
local format, gsub, rep = string.format, string.gsub, string.rep
local min = math.min

local roles = {}

-- So many wrong names are told in full, once each. Where there are more the column is a wrong one,
-- and what is kept of it must not grow with the input.
local MOST_REFUSED = 20

-- ## Those that there are

local function fail(err, settings, command)
  local exit = health.exit_of(err) or EXIT.error
  local message = "cannot ask for the roles: " .. tostring(err)
  if exit == EXIT.throttled then
    complaint.say(message)
    message = shown.resume({ resume_at = err.retry_after }, settings, command)
  end
  complaint.fail(exit, message)
end

--- Asks for them; those without an id or a name are left out. Fails where there is no answer.
---@param client aitronos.Client
---@param settings aitronos.CommandSettings
---@param command string what was called
---@return aitronos.Role[]
function roles.list(client, settings, command)
  local list, err = client:try_list_roles { organization_id = settings.org }
  if not list then
    fail(err, settings, command)
  end
  local found = {}
  for _, role in ipairs(list) do
    if type(role) == "table" and type(role.id) == "string" and type(role.name) == "string" then
      found[#found + 1] = role
    end
  end
  return found
end

-- ## By their names

local function folded(name)
  return person.lower(person.trim(name))
end

-- How many letters must be put in, taken out or changed to make one of the other.
local function distance(one, other)
  local before = {}
  for j = 0, #other do
    before[j] = j
  end
  for i = 1, #one do
    local row = { [0] = i }
    for j = 1, #other do
      local differs = one:byte(i) ~= other:byte(j) and 1 or 0
      row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + differs)
    end
    before = row
  end
  return before[#other]
end

local function quoted(name)
  return "'" .. escape(text.clip(name, text.NAME_BYTES)) .. "'"
end

-- The names that there are, the closest first.
local function closest(list, name)
  name = text.clip(name, text.NAME_BYTES)
  local names, far = {}, {}
  for i, role in ipairs(list) do
    names[i] = role.name
    far[names[i]] = distance(folded(name), folded(text.clip(names[i], text.NAME_BYTES)))
  end
  sort(names, function(one, other)
    if far[one] ~= far[other] then
      return far[one] < far[other]
    end
    return one < other
  end)
  return names[1] and escape(concat(names, ", ")) or "none at all"
end

-- The ids of the roles whose name is the same, once both are changed so.
local function named(list, name, change)
  local ids, wanted = {}, change(name)
  for _, role in ipairs(list) do
    if change(role.name) == wanted then
      ids[#ids + 1] = role.id
    end
  end
  return ids
end

local function as_it_is(name)
  return name
end

local function is_id(list, name)
  for _, role in ipairs(list) do
    if role.id == name then
      return true
    end
  end
  return false
end

--- The id of the role with a name; letter case and outer space count only where they must.
---@param list aitronos.Role[]
---@param name string
---@param briefly? boolean without the names that there are
---@return string? id
---@return string? message
---@return string? short the message without the names that there are
function roles.id_of(list, name, briefly)
  for _, change in ipairs { as_it_is, folded } do
    local ids = named(list, name, change)
    if ids[2] then
      return nil, "more than one role is named " .. quoted(name) .. ": give one of their ids, "
        .. escape(concat(ids, ", "))
    elseif ids[1] then
      return ids[1]
    end
  end
  if is_id(list, name) then
    return nil, quoted(name) .. " is an id, and no name: give it as --role, or as a row's role_id"
  end
  local short = "there is no role named " .. quoted(name)
  return nil, briefly and short or short .. ", but " .. closest(list, name), short
end

---The id of the role with a name; else what is wrong, for each row that has it, and in full.
---@alias aitronos.RoleResolver fun(name: string): string?, string?, string?

--- As `id_of`, of roles that are asked for when the first name comes up.
---@param ask fun(): aitronos.Role[]
---@return aitronos.RoleResolver
function roles.resolver(ask)
  local list
  local ids, refusals, refused = {}, {}, 0
  return function(name)
    if ids[name] then
      return ids[name]
    elseif not refusals[name] then
      list = list or ask()
      local id, in_full, short = roles.id_of(list, name, refused >= MOST_REFUSED)
      if id then
        ids[name] = id
        return id
      elseif refused >= MOST_REFUSED then
        return nil, in_full
      end
      refusals[name] = { message = short or in_full, in_full = in_full }
      refused = refused + 1
    end
    return nil, refusals[name].message, refusals[name].in_full
  end
end

-- ## As a table

local COLUMNS = { "id", "name", "description" }

-- In characters, which most terminals show as a column each.
local function width(words)
  return #gsub(words, "[\128-\191]", "")
end

local function cells_of(role)
  local cells = {}
  for i, name in ipairs(COLUMNS) do
    cells[i] = type(role[name]) == "string" and escape(role[name]) or ""
  end
  return cells
end

--- The roles as lines: id, name, and a description where one has any.
---@param list aitronos.Role[]
---@return string
function roles.shown(list)
  local rows, widths = { { "ID", "NAME", "DESCRIPTION" } }, {}
  for _, role in ipairs(list) do
    rows[#rows + 1] = cells_of(role)
  end
  local described = false
  for i, cells in ipairs(rows) do
    described = described or i > 1 and cells[3] ~= ""
    for j, cell in ipairs(cells) do
      widths[j] = math.max(widths[j] or 0, width(cell))
    end
  end
  for i, cells in ipairs(rows) do
    cells[3] = described and cells[3] or ""
    local line = cells[1] .. rep(" ", widths[1] - width(cells[1]) + 2) .. cells[2]
      .. rep(" ", widths[2] - width(cells[2]) + 2) .. cells[3]
    rows[i] = gsub(line, " +$", "")
  end
  return concat(rows, "\n") .. "\n"
end

local function json_line(role)
  local parts = {}
  for i, name in ipairs(COLUMNS) do
    local value = type(role[name]) == "string" and role[name] or cjson.null
    parts[i] = format('"%s":%s', name, gsub(cjson.encode(value), "\\/", "/"))
  end
  return "{" .. concat(parts, ",") .. "}\n"
end

-- ## The command

---@param settings aitronos.CommandSettings
---@param system table
---@param command string what was called
---@return integer exit
function roles.run(settings, system, command)
  local client = access.client(settings, system, { on_event = waits.tell })
  local list = roles.list(client, settings, command)
  client:close()
  local words = {}
  for i, role in ipairs(list) do
    words[i] = json_line(role)
  end
  output.print(settings.json and concat(words) or roles.shown(list))
  return EXIT.done
end

return roles
